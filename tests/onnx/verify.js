// Runs the models of onnx_vectors in ONNX Runtime and compares every number.
//
//     node verify.js FOLDER [--runtime node,web] [--levels all,basic,disabled] [--images N]
//
// Codes and integers must be equal. Logits of real-valued nets must agree to 1e-4 of the largest and
// have the same argmax; maps must agree to 1e-5 of their maximum. Prints a line per model, level and
// runtime; exits with 1 on any difference. The packages are looked for in $ONNX_RUNTIME, then here:
// npm install --ignore-scripts onnxruntime-node onnxruntime-web
const fs = require("fs");
const path = require("path");

const BATCH = 100;
const TOLERANCE = { logits: 1e-4, map: 1e-5 };
const ARRAYS = { uint8: Uint8Array, integer: Int32Array, float32: Float32Array };

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
}

function load(runtime) {
  const paths = [process.env.ONNX_RUNTIME, process.cwd()].filter(Boolean);
  const ort = require(require.resolve(`onnxruntime-${runtime}`, { paths }));
  if (runtime === "web") ort.env.wasm.numThreads = 1;
  return ort;
}

// The numbers of images first .. first + count - 1.
function read(folder, file, type, perImage, first, count) {
  const { BYTES_PER_ELEMENT: size } = ARRAYS[type];
  const bytes = Buffer.alloc(count * perImage * size);
  const handle = fs.openSync(path.join(folder, file));
  const got = fs.readSync(handle, bytes, 0, bytes.length, first * perImage * size);
  fs.closeSync(handle);
  if (got !== bytes.length) throw new Error(`${file}: ${got} bytes, not ${bytes.length}`);
  return new ARRAYS[type](bytes.buffer, bytes.byteOffset, count * perImage);
}

const argmax = (row) => row.reduce((best, x, i) => (x > row[best] ? i : best), 0);

// How many numbers of an output are wrong, and the largest relative error.
function compare(output, found, expected) {
  if (found.length !== expected.length) return { wrong: expected.length, error: NaN };
  if (output.rule === "equal") {
    let wrong = 0;
    for (let i = 0; i < expected.length; i++) wrong += found[i] !== expected[i];
    return { wrong, error: 0 };
  }
  let wrong = 0, error = 0;
  for (let at = 0; at < expected.length; at += output.per_image) {
    const a = found.subarray(at, at + output.per_image);
    const b = expected.subarray(at, at + output.per_image);
    const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    let off = 0;
    for (let i = 0; i < a.length; i++) off = Math.max(off, Math.abs(a[i] - b[i]));
    const relative = largest > 0 ? off / largest : off;
    const other = output.rule === "logits" && argmax(a) !== argmax(b);
    if (other || !(relative <= TOLERANCE[output.rule])) wrong++;
    error = Math.max(error, relative);
  }
  return { wrong, error };
}

async function verify(ort, runtime, folder, test, model, level, limit) {
  const options = { graphOptimizationLevel: level, logSeverityLevel: 3 };
  if (runtime === "web") options.executionProviders = ["wasm"];
  const file = fs.readFileSync(path.join(folder, model.file));
  const session = await ort.InferenceSession.create(new Uint8Array(file), options);
  const images = Math.min(limit, test.images), pixels = test.shape.reduce((a, b) => a * b);
  // A file without its layers' outputs has fewer.
  const outputs = test.outputs.filter((o) => session.outputNames.includes(o.name));
  if (!outputs.some((o) => o.name === "logits"))
    throw new Error(`${model.file}: no output "logits" among ${session.outputNames.join(", ")}`);
  const sum = { numbers: 0, wrong: 0, error: 0, where: new Set() };
  for (let first = 0; first < images; first += BATCH) {
    const count = Math.min(BATCH, images - first);
    const x = read(folder, test.pixels, "uint8", pixels, first, count);
    const got = await session.run({ pixels: new ort.Tensor("uint8", x, [count, ...test.shape]) });
    for (const o of outputs) {
      const expected = read(folder, o.file, o.type, o.per_image, first, count);
      const { wrong, error } = compare(o, got[o.name].data, expected);
      sum.numbers += expected.length;
      sum.wrong += wrong;
      sum.error = Math.max(sum.error, error);
      if (wrong) sum.where.add(o.name);
    }
  }
  await session.release();
  return sum;
}

async function main() {
  const folder = process.argv[2];
  const cases = JSON.parse(fs.readFileSync(path.join(folder, "cases.json")));
  const limit = Number(option("images", Infinity));
  if (cases.length === 0) throw new Error(`${folder}/cases.json: no cases`);
  let failed = 0;
  for (const runtime of option("runtime", "node,web").split(",")) {
    const ort = load(runtime);
    for (const test of cases)
      for (const model of test.models)
        for (const level of option("levels", "all,basic,disabled").split(",")) {
          const s = await verify(ort, runtime, folder, test, model, level, limit);
          const error = s.error > 0 ? `, largest relative error ${s.error.toExponential(1)}` : "";
          const where = s.wrong ? ` (${[...s.where].join(", ")})` : "";
          console.log(`${test.name} ${model.form}, ${runtime}, ${level}: ${s.numbers} numbers, ` +
                      `${s.wrong} differ${where}${error}`);
          failed += s.wrong > 0 || s.numbers === 0;
        }
  }
  process.exitCode = failed ? 1 : 0;
}

main().catch((e) => {
  console.error(String(e.message || e));
  process.exitCode = 1;
});
