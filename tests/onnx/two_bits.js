// What ONNX Runtime gets wrong with two and four bits, each as a model of a few nodes, and what to
// write instead. Prints a table; docs/onnx.md shows it.
//
//     node two_bits.js          (packages as for verify.js; --runtime node|web)
//
// The models are written by hand: a field of a Protocol Buffers message is a key and a value.
const paths = [process.env.ONNX_RUNTIME, process.cwd()].filter(Boolean);
const runtime = process.argv.includes("web") ? "web" : "node";
const ort = require(require.resolve(`onnxruntime-${runtime}`, { paths }));
if (runtime === "web") ort.env.wasm.numThreads = 1;

const FLOAT = 1, UINT8 = 2, INT8 = 3, INT32 = 6, INT4 = 22, UINT2 = 25, INT2 = 26;

// ---- Messages of onnx.proto.
const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(Math.floor(n / 128))]);
const number = (field, n) => [...varint(field * 8), ...varint(n)];
const bytes = (field, b) => [...varint(field * 8 + 2), ...varint(b.length), ...b];
const text = (field, s) => bytes(field, [...Buffer.from(s)]);
const floats = (values) => [...new Uint8Array(Float32Array.from(values).buffer)];

const tensor = (name, type, dims, raw) =>
  bytes(5, [...dims.flatMap((d) => number(1, d)), ...number(2, type), ...text(8, name), ...bytes(9, raw)]);
const value = (field, name, type, dims) =>
  bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...number(1, type),
    ...bytes(2, dims.flatMap((d) => bytes(1, number(1, d))))]))]);
const node = (op, inputs, output) =>
  bytes(1, [...inputs.flatMap((i) => text(1, i)), ...text(2, output), ...text(4, op)]);
const cast = (x, y, to) =>
  bytes(1, [...text(1, x), ...text(2, y), ...text(4, "Cast"),
    ...bytes(5, [...text(1, "to"), ...number(3, to), ...number(20, 2)])]);
const model = (parts, opset = 25, ir = 13) =>
  new Uint8Array([...number(1, ir), ...bytes(7, [...text(2, "g"), ...parts.flat()]),
    ...bytes(8, number(2, opset))]);

// ---- A layer of 64 features and 10 classes, in all its guises; codes lie in -2 .. 1.
const K = 64, N = 10, SCALE = 0.35;
const code = (k, n) => ((k * 7 + n * 5 + ((k * n) % 3)) % 4) - 2;
const x = Float32Array.from({ length: K }, (_, k) => Math.sin(k + 1));
const expected = Float64Array.from({ length: N }, (_, n) =>
  x.reduce((sum, v, k) => sum + v * code(k, n) * Math.fround(SCALE), 0));

// Codes packed with `bits` bits, the first in the lowest; order: a list of [k, n].
function pack(bits, order) {
  const packed = new Array((order.length * bits + 7) >> 3).fill(0);
  order.forEach(([k, n], i) => {
    packed[(i * bits) >> 3] |= (code(k, n) & ((1 << bits) - 1)) << ((i * bits) & 7);
  });
  return packed;
}
const rows = Array.from({ length: K * N }, (_, i) => [Math.floor(i / N), i % N]);
const filters = Array.from({ length: K * N }, (_, i) => [i % K, Math.floor(i / K)]);
const scale = tensor("s", FLOAT, [], floats([SCALE]));

const matmul = (type, bits) => model([
  tensor("w", type, [K, N], pack(bits, rows)), scale,
  node("DequantizeLinear", ["w", "s"], "d"), node("MatMul", ["x", "d"], "y"),
  value(11, "x", FLOAT, [1, K]), value(12, "y", FLOAT, [1, N])]);
const conv = (type, bits) => model([
  tensor("w", type, [N, K, 1, 1], pack(bits, filters)), scale,
  node("DequantizeLinear", ["w", "s"], "d"), node("Conv", ["x", "d"], "y"),
  value(11, "x", FLOAT, [1, K, 1, 1]), value(12, "y", FLOAT, [1, N, 1, 1])]);
const integerConv = (type, bits) => model([
  tensor("w", type, [N, K, 1, 1], pack(bits, filters)),
  node("ConvInteger", ["x", "w"], "y"),
  value(11, "x", UINT8, [1, K, 1, 1]), value(12, "y", INT32, [1, N, 1, 1])]);
// Codes of two bits from one layer to the next, the whole layer between QuantizeLinear and
// DequantizeLinear, as exporters of quantised nets write it.
const qdq = (type) => model([
  tensor("w", INT2, [N, K, 1, 1], pack(2, filters)), scale,
  tensor("z", type, [], [0]), tensor("one", FLOAT, [], floats([1])),
  node("QuantizeLinear", ["x", "one", "z"], "q"), node("DequantizeLinear", ["q", "one", "z"], "r"),
  node("DequantizeLinear", ["w", "s"], "d"), node("Conv", ["r", "d"], "c"),
  node("QuantizeLinear", ["c", "one", "z"], "cq"), node("DequantizeLinear", ["cq", "one", "z"], "y"),
  value(11, "x", FLOAT, [1, K, 1, 1]), value(12, "y", FLOAT, [1, N, 1, 1])]);
// The same codes as bytes, made and read by Cast.
const bytesBetween = model([
  tensor("w", INT2, [N, K, 1, 1], pack(2, filters)), scale,
  tensor("zero", FLOAT, [], floats([0])), tensor("three", FLOAT, [], floats([3])),
  node("Round", ["x"], "rounded"), node("Clip", ["rounded", "zero", "three"], "clipped"),
  cast("clipped", "codes", UINT8), cast("codes", "r", FLOAT),
  node("DequantizeLinear", ["w", "s"], "d"), node("Conv", ["r", "d"], "y"),
  value(11, "x", FLOAT, [1, K, 1, 1]), value(12, "y", FLOAT, [1, N, 1, 1])]);

const cases = [
  ["DequantizeLinear(int2) -> MatMul", matmul(INT2, 2), [1, K]],
  ["DequantizeLinear(int4) -> MatMul", matmul(INT4, 4), [1, K]],
  ["DequantizeLinear(int8) -> MatMul", matmul(INT8, 8), [1, K]],
  ["instead: DequantizeLinear(int2) -> Conv 1x1", conv(INT2, 2), [1, K, 1, 1]],
  ["instead: DequantizeLinear(int4) -> Conv 1x1", conv(INT4, 4), [1, K, 1, 1]],
  ["ConvInteger of int2 weights", integerConv(INT2, 2), null],
  ["ConvInteger of int4 weights", integerConv(INT4, 4), null],
  ["instead: ConvInteger of int8 weights", integerConv(INT8, 8), null],
  ["QuantizeLinear to uint2, Conv of int2, QuantizeLinear", qdq(UINT2), null],
  ["QuantizeLinear to uint8, Conv of int2, QuantizeLinear", qdq(UINT8), null],
  ["instead: Cast to uint8, Cast to float, Conv of int2", bytesBetween, null],
];

// "runs", the largest relative error, or why it does not load.
async function outcome(bytesOfModel, dims, level) {
  try {
    const options = { graphOptimizationLevel: level, logSeverityLevel: 4 };
    if (runtime === "web") options.executionProviders = ["wasm"];
    const session = await ort.InferenceSession.create(bytesOfModel, options);
    if (!dims) return "loads";
    const { y } = await session.run({ x: new ort.Tensor("float32", x, dims) });
    const largest = Math.max(...expected.map(Math.abs));
    const off = Math.max(...expected.map((e, i) => Math.abs(e - y.data[i]))) / largest;
    return off < 1e-6 ? "right" : `off by ${off.toPrecision(2)}`;
  } catch (e) {
    return "refused";
  }
}

(async () => {
  const levels = ["disabled", "basic", "extended", "all"];
  console.log(`| graph | ${levels.join(" | ")} |\n|---|${"---|".repeat(levels.length)}`);
  for (const [name, bytesOfModel, dims] of cases) {
    const row = [];
    for (const level of levels) row.push(await outcome(bytesOfModel, dims, level));
    console.log(`| ${name} | ${row.join(" | ")} |`);
  }
})();
