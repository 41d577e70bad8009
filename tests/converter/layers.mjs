// The arithmetic of TensorFlow Lite's integer convolutions and dense layers, written plainly, and models of one node out of a larger one.
//
// How an accumulator is scaled differs between versions and kinds of kernels, by one step in few of a thousand values:
//   twice      the upper half of twice the product with a multiplier of 31 bits, rounded, then shifted, rounded again: reference kernels
//   once       the whole product shifted, rounded: ruy, for int8's CONV_2D and FULLY_CONNECTED in optimized kernels
//   cut        the same with a multiplier of 15 bits: int16, where sums have 64 bits
//   in double  a product of doubles, rounded: reference kernels of FULLY_CONNECTED since 2024

/// A .tflite file's tables, as far as they are needed here.
export class Tables {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const root = this.u32(0);
    this.codes = this.tables(root, 1).map(t => Math.max(this.i8(t, 0), this.i32(t, 3)));
    this.graph = this.tables(root, 2)[0];
    this.buffers = this.tables(root, 4);
    this.tensors = this.tables(this.graph, 0).map(t => this.tensor(t));
    this.nodes = this.tables(this.graph, 3).map(t => this.node(t));
  }
  u32(at) { return this.view.getUint32(at, true); }
  /// Where field `n` of a table lies, 0 where it is absent.
  field(table, n) {
    const layout = table - this.view.getInt32(table, true), slot = 4 + 2 * n;
    const offset = slot < this.view.getUint16(layout, true) ? this.view.getUint16(layout + slot, true) : 0;
    return offset === 0 ? 0 : table + offset;
  }
  i8(table, n, otherwise = 0) { const at = this.field(table, n); return at ? this.view.getInt8(at) : otherwise; }
  i32(table, n, otherwise = 0) { const at = this.field(table, n); return at ? this.view.getInt32(at, true) : otherwise; }
  child(table, n) { const at = this.field(table, n); return at ? at + this.u32(at) : 0; }
  vector(table, n, read) {
    const at = this.child(table, n);
    return at ? Array.from({length: this.u32(at)}, (_, i) => read(at + 4, i)) : [];
  }
  tables(table, n) { return this.vector(table, n, (at, i) => at + 4 * i + this.u32(at + 4 * i)); }
  integers(table, n) { return this.vector(table, n, (at, i) => this.view.getInt32(at + 4 * i, true)); }
  tensor(t) {
    const q = this.child(t, 4);
    const data = this.buffers[this.i32(t, 2)], at = data ? this.child(data, 0) : 0;
    return {
      shape: this.integers(t, 0), type: this.i8(t, 1),
      scales: q ? this.vector(q, 2, (v, i) => this.view.getFloat32(v + 4 * i, true)) : [],
      zero: q ? Number(this.vector(q, 3, (v, i) => this.view.getBigInt64(v + 8 * i, true))[0] ?? 0n) : 0,
      data: at ? this.bytes.subarray(at + 4, at + 4 + this.u32(at)) : null,
    };
  }
  node(t) {
    return {op: this.codes[this.i32(t, 0)], inputs: this.integers(t, 1), outputs: this.integers(t, 2), options: this.child(t, 4), table: t};
  }
}

/// The model with node `n` alone: it reads the node's inputs that are no constants and gives its outputs.
export function only(bytes, n) {
  const tables = new Tables(bytes), node = tables.nodes[n];
  const inputs = node.inputs.filter(t => t >= 0 && tables.tensors[t].data === null);
  const words = [inputs, node.outputs].map(list => [list.length, ...list]);
  let at = bytes.length + (4 - bytes.length % 4) % 4;
  const result = Buffer.alloc(at + 4 * words.flat().length);
  bytes.copy(result);
  words.forEach((vector, i) => {
    const field = tables.field(tables.graph, 1 + i);
    result.writeUInt32LE(at - field, field);
    for (const word of vector) at = result.writeInt32LE(word, at);
  });
  const nodes = tables.child(tables.graph, 3);
  result.writeUInt32LE(1, nodes);
  result.writeUInt32LE(node.table - (nodes + 4), nodes + 4);
  // Signatures name what is no longer there.
  const signatures = tables.child(tables.u32(0), 7);
  if (signatures) result.writeUInt32LE(0, signatures);
  return {bytes: result, inputs, outputs: node.outputs};
}

// ---- arithmetic

const saturate = (value, low, high) => value < low ? low : value > high ? high : value;

/// A positive factor as an integer of 31 bits and a power of two: factor = multiplier / 2^31 * 2^shift.
function split(factor) {
  if (factor === 0) return {multiplier: 0n, shift: 0};
  let shift = Math.floor(Math.log2(factor)) + 1;
  while (factor / 2 ** shift >= 1) ++shift;
  while (factor / 2 ** shift < 0.5) --shift;
  let multiplier = Math.round(factor / 2 ** shift * 2 ** 31);
  if (multiplier === 2 ** 31) multiplier /= 2, ++shift;
  return shift < -31 ? {multiplier: 0n, shift: 0} : {multiplier: BigInt(multiplier), shift};
}

function twice(x, {multiplier, shift}) {
  const product = (BigInt(x) << BigInt(Math.max(shift, 0))) * multiplier;
  const high = (product + (product >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n);
  const right = BigInt(Math.max(-shift, 0)), mask = (1n << right) - 1n;
  const rest = high & mask, half = (mask >> 1n) + (high < 0n ? 1n : 0n);
  return Number((high >> right) + (rest > half ? 1n : 0n));
}

function once(x, {multiplier, shift}) {
  const total = BigInt(31 - shift);
  return Number((BigInt(x) * multiplier + (1n << (total - 1n))) >> total);
}

function cut(x, {multiplier, shift}) {
  const narrow = multiplier < 0x7fff0000n ? (multiplier + (1n << 15n)) >> 16n : 0x7fffn;
  const total = BigInt(15 - shift);
  return Number((BigInt(x) * narrow + (1n << (total - 1n))) >> total);
}

const inDouble = (x, {real}) => Math.sign(x) * Math.round(Math.abs(x * real));

const CONV_2D = 3, DEPTHWISE_CONV_2D = 4, FULLY_CONNECTED = 9, INT16 = 7, INT8 = 9;

/// Whether kernels may scale what node `n` sums up in more than one way: int8's convolutions, and dense layers.
export function isProduct(tables, n) {
  const {op, inputs, outputs} = tables.nodes[n];
  const [input, weights, output] = [inputs[0], inputs[1], outputs[0]].map(t => tables.tensors[t]?.type);
  return [CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED].includes(op) && weights === INT8 && input === output &&
         (input === INT8 || (input === INT16 && op === FULLY_CONNECTED));
}

/// What a convolution or dense layer gives for these integers: in the real TensorFlow Lite of 2023 (`there`), and by today's reference kernels.
export function product(tables, n, input) {
  const {op, inputs, outputs, options} = tables.nodes[n];
  const [x, w, y] = [inputs[0], inputs[1], outputs[0]].map(t => tables.tensors[t]);
  const bias = inputs[2] >= 0 && inputs[2] !== undefined ? tables.tensors[inputs[2]].data : null;
  const weight = new Int8Array(w.data), wide = x.type === INT16;
  const biases = bias ? Array.from(new (tables.tensors[inputs[2]].type === 4 ? BigInt64Array : Int32Array)(new Uint8Array(bias).buffer), Number) : null;
  const dense = op === FULLY_CONNECTED, depthwise = op === DEPTHWISE_CONV_2D;
  const field = (f, otherwise) => tables.i32(options, f, otherwise), byte = f => tables.i8(options, f);
  const depth = w.shape.at(-1), rows = dense ? x.shape.reduce((a, b) => a * b, 1) / depth : 1;
  const [batches, height, width, channels] = dense ? [rows, 1, 1, depth] : x.shape;
  const [, kernelHeight, kernelWidth] = dense ? [0, 1, 1] : w.shape;
  const [, outHeight, outWidth] = dense ? [0, 1, 1] : y.shape;
  const outChannels = depthwise ? w.shape[3] : w.shape[0];
  const [strideW, strideH] = dense ? [1, 1] : [field(1), field(2)];
  const dilations = depthwise ? [5, 6] : [4, 5];
  const [dilationW, dilationH] = dense ? [1, 1] : dilations.map(f => field(f, 1));
  const activation = dense ? byte(0) : byte(depthwise ? 4 : 3), same = !dense && byte(0) === 0;
  const before = (size, out, stride, kernel, dilation) =>
    same ? Math.max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size) >> 1 : 0;
  const top = before(height, outHeight, strideH, kernelHeight, dilationH), left = before(width, outWidth, strideW, kernelWidth, dilationW);
  const bound = value => y.zero + Math.round(value / y.scales[0]);
  const [least, most] = wide ? [-32768, 32767] : [-128, 127];
  const low = activation === 1 || activation === 3 ? Math.max(least, y.zero) : activation === 2 ? Math.max(least, bound(-1)) : least;
  const high = activation === 3 ? Math.min(most, bound(6)) : activation === 2 ? Math.min(most, bound(1)) : most;
  const factors = Array.from({length: outChannels}, (_, c) => {
    // The product of two scales is rounded to a float where all channels of a dense layer have one.
    const exact = x.scales[0] * w.scales[w.scales.length > 1 ? c : 0];
    const scale = dense && w.scales.length === 1 ? Math.fround(exact) : exact;
    return {...split(scale / y.scales[0]), real: exact / y.scales[0]};
  });
  const scaledThere = depthwise ? twice : wide ? cut : once, scaledHere = dense ? inDouble : twice;
  const there = [], here = [];
  for (let b = 0; b < batches; ++b) for (let oy = 0; oy < outHeight; ++oy) for (let ox = 0; ox < outWidth; ++ox) {
    for (let oc = 0; oc < outChannels; ++oc) {
      let sum = biases ? biases[oc] : 0;
      for (let ky = 0; ky < kernelHeight; ++ky) for (let kx = 0; kx < kernelWidth; ++kx) {
        const iy = oy * strideH - top + ky * dilationH, ix = ox * strideW - left + kx * dilationW;
        if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
        const pixel = ((b * height + iy) * width + ix) * channels;
        if (depthwise) {
          const ic = Math.floor(oc / (outChannels / channels));
          sum += (input[pixel + ic] - x.zero) * weight[(ky * kernelWidth + kx) * outChannels + oc];
        } else {
          const row = ((oc * kernelHeight + ky) * kernelWidth + kx) * channels;
          for (let ic = 0; ic < channels; ++ic) sum += (input[pixel + ic] - x.zero) * weight[row + ic];
        }
      }
      there.push(saturate(scaledThere(sum, factors[oc]) + y.zero, low, high));
      here.push(saturate(scaledHere(sum, factors[oc]) + y.zero, low, high));
    }
  }
  return {there, here};
}
