// What runs beside the page: the slower maps and the clock in one worker, training in another.

const later = () =>
  new Promise((resolve) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(0);
  });

// ---- Maps ---------------------------------------------------------------------------------------

let library,
  wanted,
  mapping = false;

async function makeMaps() {
  mapping = true;
  while (wanted) {
    const {version, image, ink, nets, labels} = wanted;
    wanted = null;
    for (const method of [1, 2, 3]) {
      for (const side of [0, 1]) {
        library.show(image, ink);
        const map = library.map(nets[side], method, labels[side]);
        postMessage({kind: "map", version, side, method, ...map});
      }
      await later(); // a newer drawing may come in, and is next
    }
    postMessage({kind: "mapped", version});
  }
  mapping = false;
}

// Microseconds of one image: the best of some runs, each long enough for the clock.
function clock(net) {
  let times = 1,
    best = Infinity;
  for (let round = 0; round < 12; ++round) {
    const began = performance.now();
    library.call("run", net, times);
    const took = performance.now() - began;
    if (took < 4) {
      times *= 4;
      continue;
    }
    best = Math.min(best, (1000 * took) / times);
  }
  return best;
}

// ---- Training -----------------------------------------------------------------------------------

let run = 0,
  paused = false,
  resume = () => {};

const often = (step) => (step <= 20 ? step % 4 === 0 : step % 10 === 0);

async function train({bits, guided}) {
  const own = ++run;
  paused = false;
  resume();
  const steps = library.call("train", bits, guided ? 1 : 0);
  const images = library.bytes(library.call("train_images"), 12 * 2 * PIXELS).slice();
  postMessage({kind: "begun", steps, images, clips: readClips(), ...readMaps()});
  for (let step = 1; step <= steps; ++step) {
    if (paused) await new Promise((resolve) => (resume = resolve));
    if (own !== run) return;
    const began = performance.now();
    const [, loss, right] = library.floats(library.call("step"), 3);
    const news = {kind: "step", step, loss, right, milliseconds: performance.now() - began};
    if (often(step) || step === steps)
      Object.assign(news, {clips: readClips(), accuracy: library.call("accuracy")}, readMaps());
    if (step === 20) news.digest = library.text(library.call("digest"));
    postMessage(news);
    await later();
    if (own !== run) return;
  }
  postMessage({kind: "trained"});
}

function readClips() {
  const at = library.call("clips");
  const [count] = library.floats(at, 1);
  return library.floats(at, 1 + count).subarray(1);
}

function readMaps() {
  const all = library.floats(library.call("train_maps"), 12 * PIXELS + 1);
  return {maps: all.subarray(0, 12 * PIXELS), onInk: all[12 * PIXELS]};
}

// ---- Messages -----------------------------------------------------------------------------------

const answers = {
  async start({module, nets}) {
    library = await Library.start(module);
    if (nets) library.open(nets);
    postMessage({kind: "ready"});
  },
  maps(message) {
    wanted = message;
    if (!mapping) return makeMaps();
  },
  clock({nets, image, ink}) {
    library.show(image, ink);
    postMessage({
      kind: "clock",
      nets,
      microseconds: nets.map(clock),
      bytes: nets.map((net) => library.call("bytes", net)),
    });
  },
  train,
  pause() {
    paused = true;
  },
  resume() {
    paused = false;
    resume();
  },
};

let ready;
onmessage = ({data}) => {
  const answer = () => answers[data.kind](data);
  const answered = ready ? ready.then(answer) : (ready = answer());
  answered.catch((error) => postMessage({kind: "error", text: error.message}));
};
