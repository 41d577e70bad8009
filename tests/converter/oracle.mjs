// oracle.mjs TFL_CONVERT TFL_RUN SOURCES TEST_DATA: whether the real TensorFlow Lite runs what tfl_convert writes, and gives what our
// runtime gives. Needs TEST_DATA/oracle, set up (its README); without it the test is skipped.
//
// Floats may differ in the last digits. Integers are equal, apart from what that README says of its builds: their int8 convolutions and
// dense layers round once where TensorFlow Lite's reference kernels, ours and the goldens round twice. Few values of a layer differ so, by
// one step; at the end of a model none is more than two steps off.
import {spawnSync} from 'child_process';
import fs from 'fs';
import os from 'os';
import path from 'path';

const [convert, run, sources, data] = process.argv.slice(2);
const oracle = path.join(data, 'oracle', 'oracle.mjs');
const installed = process.env.TFL_ORACLE_DIR ?? path.join(os.homedir(), '.cache', 'tfl-oracle');
if (!fs.existsSync(oracle) || !fs.existsSync(path.join(installed, 'node_modules')) && !fs.existsSync(path.join(installed, 'tfjs'))) {
  console.log('skipped: no oracle in ' + installed);
  process.exit(77);
}
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tfl-oracle-'));
const samples = path.join(sources, 'tests', 'converter', 'samples'), digits = path.join(sources, 'examples', 'data', 'digits');
const models = path.join(data, 'models', 'source');
const int8 = file => ['--quantize', 'int8', '--calibration', file];
const digitCalibration = ['--channels-last', '--calibration', path.join(digits, 'digits_calibration.npy'), '--deviation', '255'];
const str = int8(path.join(models, 'str_ww_calibration_samples.npz'));
const cases = [
  ...['block', 'segmenter', 'shuffled', 'gru', 'rnn', 'resnet18', 'mobilenet_v2', 'unet'].map(n => [n + '.onnx', samples, []]),
  ...['resnet18', 'unet'].map(n => [n + '.onnx', samples, ['--channels-last']]),
  ['image.h5', samples, []], ['image.keras', samples, []], ['graph.pbtxt', samples, []],
  ['resnet18.onnx', samples, ['--quantize', 'dynamic']], ['unet.onnx', samples, ['--equalize']],
  ['digits.onnx', digits, ['--channels-last']], ['digits.onnx', digits, ['--quantize', 'int8', ...digitCalibration]],
  ['digits.onnx', digits, ['--quantize', 'int8', '--io', 'int8', ...digitCalibration]],
  ['digits.onnx', digits, ['--quantize', 'int8', '--io', 'int8', '--per-tensor', ...digitCalibration]],
  ['digits.onnx', digits, ['--quantize', 'int16x8', '--io', 'int16', ...digitCalibration]],
  ['str_ww_ref_model.h5', models, []], ['str_ww_ref_model.h5', models, [...str, '--io', 'int8']],
  ['str_ww_ref_model.h5', models, [...str, '--io', 'int8', '--per-tensor']],
  ['str_ww_ref_model.h5', models, [...str, '--io', 'int8', '--bias-correction']],
  ['pretrainedResnet.h5', models, []], ['ad01.h5', models, []], ['ad01.h5', models, ['--quantize', 'dynamic']],
  ['kws_saved_model', models, []],
];

const values = (file, type) => {
  const bytes = fs.readFileSync(file);
  const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const kinds = {float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array};
  return new (kinds[type] ?? Uint8Array)(own);
};
const call = (program, args) => {
  const done = spawnSync(program, args, {encoding: 'utf8', maxBuffer: 1 << 28});
  if (done.status !== 0) throw new Error(`${path.basename(program)}: ${(done.stderr + done.stdout).slice(-400)}`);
  return done.stdout;
};

let failed = 0;
for (const [name, folder, options] of cases) {
  const source = path.join(folder, name), result = path.join(scratch, 'result.tflite');
  if (!fs.existsSync(source)) continue;
  const label = [name, ...options.map(o => path.basename(o))].join(' ');
  try {
    call(convert, [source, '-o', result, '--quiet', ...options]);
    const theirs = path.join(scratch, 'theirs'), ours = path.join(scratch, 'ours');
    fs.rmSync(theirs, {recursive: true, force: true});
    fs.rmSync(ours, {recursive: true, force: true});
    call('node', [oracle, result, theirs, '--seed', '1']);
    const meta = JSON.parse(fs.readFileSync(path.join(theirs, 'meta.json')));
    call(run, [result, '--out', ours, ...meta.inputs.flatMap((input, i) => ['--input', `${i}=${path.join(theirs, input.file)}`])]);
    meta.outputs.forEach((output, o) => {
      const want = values(path.join(theirs, output.file), output.type), got = values(path.join(ours, `out${o}.bin`), output.type);
      if (want.length !== got.length) throw new Error(`output ${o} has ${got.length} elements, not ${want.length}`);
      let different = 0, most = 0;
      want.forEach((w, i) => {
        const d = Math.abs(w - got[i]);
        const bound = output.type === 'float32' ? 1e-5 + 1e-5 * Math.abs(w) : 0;
        if (!(d <= bound)) ++different;
        most = Math.max(most, d);
      });
      const step = output.type === 'float32' ? 1 / 256 : 1;  // of the probabilities at the end
      const ok = different === 0 || (options.includes('int8') && most <= 2 * step);
      failed += ok ? 0 : 1;
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${label}: output ${o} ${output.type}, ${different} of ${want.length} differ, most ${most}`);
    });
  } catch (error) {
    ++failed;
    console.log(`FAILED ${label}: ${error.message}`);
  }
}
fs.rmSync(scratch, {recursive: true, force: true});
process.exit(failed === 0 ? 0 : 1);
