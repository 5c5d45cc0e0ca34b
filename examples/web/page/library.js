// The library in JavaScript's hands: it reads and writes the memory of one WebAssembly instance.

const PIXELS = 784;

class Library {
  // Everything that a standalone module may ask for. What is not here ends in an error by its name.
  static async start(module) {
    let memory;
    const word = (at, value) => new DataView(memory.buffer).setUint32(at, value, true);
    const known = {
      environ_sizes_get: (count, size) => (word(count, 0), word(size, 0), 0),
      environ_get: () => 0,
      emscripten_notify_memory_growth: () => {},
    };
    const imports = {};
    for (const {module: from, name} of WebAssembly.Module.imports(module)) {
      const missing = () => {
        throw new Error(`the library called ${name}`);
      };
      (imports[from] ??= {})[name] = known[name] ?? missing;
    }
    const {exports} = await WebAssembly.instantiate(module, imports);
    memory = exports.memory;
    exports._initialize?.();
    return new Library(exports);
  }

  constructor(exports) {
    this.exports = exports;
  }

  // Calls page_NAME. Throws what the library says where it fails.
  call(name, ...values) {
    const result = this.exports[`page_${name}`](...values);
    const error = this.text(this.exports.page_error());
    if (error) throw new Error(error);
    return result;
  }

  bytes(at, count) {
    return new Uint8Array(this.exports.memory.buffer, at, count);
  }
  floats(at, count) {
    return new Float32Array(this.exports.memory.buffer, at, count).slice();
  }
  text(at) {
    const bytes = new Uint8Array(this.exports.memory.buffer);
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  open(nets) {
    this.bytes(this.call("room", nets.length), nets.length).set(nets);
    this.call("open");
  }

  // The image that the next calls read, and where its ink is.
  show(image, ink) {
    const memory = this.bytes(this.call("image"), 2 * PIXELS);
    memory.set(image);
    memory.set(ink, PIXELS);
  }

  predict(net) {
    return this.floats(this.call("predict", net), 10);
  }
  map(net, method, label) {
    const all = this.floats(this.call("map", net, method, label), PIXELS + 1);
    return {values: all.subarray(0, PIXELS), onInk: all[PIXELS]};
  }
  fact(key) {
    const room = this.call("room", key.length + 1);
    this.bytes(room, key.length + 1).set(new TextEncoder().encode(`${key}\0`));
    return this.text(this.call("fact", room));
  }
  samples(count) {
    const all = this.bytes(this.call("samples", count), count * (2 * PIXELS + 1)).slice();
    const part = (begin, i) => all.slice(begin + i * PIXELS, begin + (i + 1) * PIXELS);
    return Array.from({length: count}, (_, i) => ({
      image: part(0, i),
      ink: part(count * PIXELS, i),
      label: all[2 * count * PIXELS + i],
    }));
  }
}

const largest = (values) => values.indexOf(Math.max(...values));
