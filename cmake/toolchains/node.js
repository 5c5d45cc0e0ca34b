// A program in WebAssembly that node runs sees the environment of its process, so that SGQ_ISA works.
Module.preRun = [() => Object.assign(ENV, process.env)];
// emscripten 3.1.6 takes node's fetch for a browser's, but it does not read files.
globalThis.fetch = undefined;
