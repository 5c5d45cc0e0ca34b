// A program in WebAssembly that node runs sees the environment of its process, so that SGQ_ISA works.
Module.preRun = [() => Object.assign(ENV, process.env)];
