// Starts everything: unpacks the two parts of the page, then the first tab, then its worker.

async function unpack(id) {
  const text = atob(element(id).textContent),
    packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) packed[i] = text.charCodeAt(i);
  const {readable, writable} = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const written = writer.write(packed).then(() => writer.close());
  const [bytes] = await Promise.all([new Response(readable).arrayBuffer(), written]);
  return new Uint8Array(bytes);
}

const NEEDS = "It needs Chrome or Edge 95, Firefox 113, Safari 16.4, or a later version of these.";

// The first failure stays: what follows comes of it.
function fail(error) {
  if (document.documentElement.dataset.failed) return;
  document.documentElement.dataset.failed = "true";
  const started = "firstPrediction" in document.documentElement.dataset;
  element("failure").hidden = false;
  element("failure").textContent =
    `This page cannot go on: ${error?.message ?? error}${started ? "" : `. ${NEEDS}`}`;
  element("failure").scrollIntoView();
}

// A worker with a library of its own.
function startWorker(module, nets) {
  const url = URL.createObjectURL(new Blob([WORKER_SOURCE], {type: "text/javascript"}));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.addEventListener("error", (event) => fail(event));
  worker.addEventListener("message", ({data}) => data.kind === "error" && fail(data.text));
  worker.postMessage({kind: "start", module, nets});
  return worker;
}

function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const choose = (tab) => {
    for (const other of all) {
      const on = other === tab;
      other.setAttribute("aria-selected", on);
      other.tabIndex = on ? 0 : -1;
      element(other.getAttribute("aria-controls")).hidden = !on;
    }
  };
  all.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!way) return;
      const next = all[(i + way + all.length) % all.length];
      choose(next);
      next.focus();
    });
  });
}

async function start() {
  readTheme();
  const [code, nets] = await Promise.all([unpack("wasm"), unpack("nets")]);
  const module = await WebAssembly.compile(code);
  const library = await Library.start(module);
  library.open(nets);
  const look = new Look(library);
  look.begin();
  look.employ(startWorker(module, nets));
  const train = new Train(() => startWorker(module));
  tabs();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readTheme();
    look.repaint();
    train.draw();
  });
}

addEventListener("error", (event) => fail(event));
addEventListener("unhandledrejection", (event) => fail(event.reason));
start().catch(fail);
