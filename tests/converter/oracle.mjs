// oracle.mjs TFL_CONVERT TFL_RUN SOURCES TEST_DATA: whether the real TensorFlow Lite runs what tfl_convert writes, and gives what our
// runtime gives. Needs TEST_DATA/oracle, set up (its README); without it the test is skipped.
//
// Floats may differ in the last digits. Integers are equal, but for how accumulators of convolutions and dense layers are scaled: that
// build computes int8's by ruy, which rounds once, and int16's dense layers with a shorter multiplier, as kernels did in 2023; ours do what
// TensorFlow Lite's reference kernels do (layers.mjs). That this is all is shown layer by layer: every node of an integer model gets the
// inputs that it has there. Each of those layers must give what the plain arithmetic gives, that of there and that of here, and every other
// node must give the same bytes.
import {spawnSync} from 'child_process';
import fs from 'fs';
import os from 'os';
import path from 'path';
import {Tables, isProduct, only, product} from './layers.mjs';

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
  ...['block', 'segmenter', 'shuffled', 'gru', 'rnn', 'loop', 'resnet18', 'mobilenet_v2', 'unet'].map(n => [n + '.onnx', samples, []]),
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

/// How many elements differ (floats: in more than the last digits), and how far apart two are at most.
const compare = (want, got, type) => {
  if (want.length !== got.length) throw new Error(`${got.length} elements, not ${want.length}`);
  let different = 0, most = 0;
  want.forEach((w, i) => {
    const d = Math.abs(w - got[i]);
    if (!(d <= (type === 'float32' ? 1e-5 + 1e-5 * Math.abs(w) : 0))) ++different;
    most = Math.max(most, d);
  });
  return {different, most};
};

/// Every node alone, with the inputs that it has in the real TensorFlow Lite. Says how many elements were rounded otherwise.
const compareLayers = (model, folder) => {
  const bytes = fs.readFileSync(model), tables = new Tables(bytes);
  const theirs = path.join(folder, 'layers'), ours = path.join(folder, 'layer'), alone = path.join(folder, 'layer.tflite');
  fs.rmSync(theirs, {recursive: true, force: true});
  call('node', [oracle, model, theirs, '--seed', '1', '--tap']);
  const meta = JSON.parse(fs.readFileSync(path.join(theirs, 'meta.json')));
  const files = new Map([...meta.inputs, ...meta.outputs].map(t => [t.tensor, {type: t.type, path: path.join(theirs, t.file)}]));
  const value = t => values(files.get(t).path, files.get(t).type);
  let elements = 0, rounded = 0;
  tables.nodes.forEach((node, n) => {
    const cut = only(bytes, n);
    fs.writeFileSync(alone, cut.bytes);
    fs.rmSync(ours, {recursive: true, force: true});
    call(run, [alone, '--out', ours, ...cut.inputs.flatMap((t, i) => ['--input', `${i}=${files.get(t).path}`])]);
    cut.outputs.forEach((t, o) => {
      const want = value(t), got = values(path.join(ours, `out${o}.bin`), files.get(t).type);
      elements += want.length;
      const {different, most} = compare(want, got, files.get(t).type);
      if (!isProduct(tables, n)) {
        if (different > 0) throw new Error(`node ${n} (operator ${node.op}) differs in ${different} elements, by ${most}`);
        return;
      }
      const plain = product(tables, n, value(node.inputs[0]));
      rounded += different;
      if (compare(plain.here, got, 'integer').different > 0) throw new Error(`node ${n} (operator ${node.op}) is not the reference arithmetic`);
      if (compare(plain.there, want, 'integer').different > 0)
        throw new Error(`node ${n} (operator ${node.op}) differs there in more than how it rounds`);
    });
  });
  return `${tables.nodes.length} layers, ${rounded} of ${elements} elements rounded otherwise`;
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
    const integer = options.some(o => o === 'int8' || o === 'int16x8');
    const layers = integer ? compareLayers(result, scratch) : '';
    meta.outputs.forEach((output, o) => {
      const want = values(path.join(theirs, output.file), output.type), got = values(path.join(ours, `out${o}.bin`), output.type);
      const {different, most} = compare(want, got, output.type);
      // Integer models differ at most in what compareLayers has found.
      const ok = different === 0 || (integer && !layers.includes(' 0 of '));
      failed += ok ? 0 : 1;
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${label}: output ${o} ${output.type}, ${different} of ${want.length} differ, most ${most}` +
                  (layers && `; ${layers}`));
    });
  } catch (error) {
    ++failed;
    console.log(`FAILED ${label}: ${error.message}`);
  }
}
fs.rmSync(scratch, {recursive: true, force: true});
process.exit(failed === 0 ? 0 : 1);
