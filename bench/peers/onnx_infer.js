// Images per second of ONNX Runtime on a model: the median of 25 runs.
//
//     node onnx_infer.js FILE.onnx THREADS N C H W [onnxruntime-web]
//
// The first input gets random numbers, or random pixel codes where it takes bytes.
const [file, threads, ...rest] = process.argv.slice(2);
const dims = rest.slice(0, 4).map(Number), package_name = rest[4] || "onnxruntime-node";
const ort = require(require.resolve(package_name, { paths: [process.cwd()] }));
ort.env.wasm.numThreads = Number(threads);

(async () => {
  const session = await ort.InferenceSession.create(require("fs").readFileSync(file), {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3 });
  const size = dims.reduce((a, b) => a * b);
  const { name, type } = session.inputMetadata[0];
  const x = type === "uint8"
    ? new ort.Tensor("uint8", Uint8Array.from({ length: size }, () => Math.random() * 256), dims)
    : new ort.Tensor("float32", Float32Array.from({ length: size }, Math.random), dims);
  const milliseconds = [];
  for (let i = 0; i < 28; i++) {
    const begin = performance.now();
    await session.run({ [name]: x });
    if (i >= 3) milliseconds.push(performance.now() - begin);
  }
  milliseconds.sort((a, b) => a - b);
  console.log((dims[0] / milliseconds[12] * 1000).toFixed(1));
})();
