// Images per second of ONNX Runtime on a model that onnx_models.py wrote: the median of 25 runs.
//
//     node onnx_infer.js FILE.onnx THREADS N C H W [onnxruntime-web]
const [file, threads, ...rest] = process.argv.slice(2);
const dims = rest.slice(0, 4).map(Number), name = rest[4] || "onnxruntime-node";
const ort = require(require.resolve(name, { paths: [process.cwd()] }));
ort.env.wasm.numThreads = Number(threads);

(async () => {
  const session = await ort.InferenceSession.create(require("fs").readFileSync(file), {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3 });
  const size = dims.reduce((a, b) => a * b);
  const x = new ort.Tensor("float32", Float32Array.from({ length: size }, Math.random), dims);
  const milliseconds = [];
  for (let i = 0; i < 28; i++) {
    const begin = performance.now();
    await session.run({ x });
    if (i >= 3) milliseconds.push(performance.now() - begin);
  }
  milliseconds.sort((a, b) => a - b);
  console.log((dims[0] / milliseconds[12] * 1000).toFixed(1));
})();
