// The first tab. The prediction and the gradient are made here, in the frame after a stroke; the
// other maps come from a worker, for the newest drawing only.

const WIDTHS = [32, 8, 4, 2];
const METHODS = [
  {name: "Gradient", note: "How the score changes with each pixel."},
  {
    name: "Integrated",
    note: "Integrated gradients: the mean gradient on the way from black to the image.",
  },
  {
    name: "Guided backprop",
    note: "The gradient, where only what speaks for the class passes back.",
  },
  {
    name: "Occlusion",
    note: "How far the score falls when a window is hidden. It needs no gradient, so integers can do it.",
  },
];
const SIDES = [
  {name: "Plain", about: "Trained to be right"},
  {name: "Saliency-guided", about: "Trained to be right, and to need only what it looks at"},
];

const percent = (share) => `${Math.round(100 * share)} %`;
const element = (id) => document.getElementById(id);

// An element of this class with what is in it.
function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function makeCanvas(className = "") {
  const canvas = make("canvas", className);
  canvas.width = canvas.height = SIDE;
  canvas.setAttribute("role", "img");
  return canvas;
}

// What is shown of one network.
class Card {
  constructor({name, about}, {chooseMethod, chooseLabel}) {
    this.name = name;
    this.digit = make("b", "", "–");
    this.sure = make("span");
    this.map = makeCanvas("map");
    this.bars = make("ol", "bars");
    this.bars.setAttribute("role", "img");
    for (let digit = 0; digit < 10; ++digit) {
      const bar = make("li", "", String(digit), make("i"));
      bar.addEventListener("click", () => chooseLabel(digit));
      this.bars.append(bar);
    }
    this.onInk = make("b", "", "–");
    this.meter = make("span", "meter none", make("i"));
    this.small = METHODS.map((method, i) => {
      const canvas = makeCanvas();
      canvas.setAttribute("aria-hidden", "true"); // the large one says it
      const figure = make("figure", "", canvas, make("figcaption", "", method.name));
      figure.addEventListener("click", () => chooseMethod(i));
      return {canvas, figure};
    });
    this.facts = {};
    this.node = make(
      "article",
      "net",
      this.head(about),
      make("div", "sight", this.map, this.bars),
      make("p", "share", this.onInk, "of the strongest pixels on the ink", this.meter),
      make("div", "small", ...this.small.map((s) => s.figure)),
      this.factList(),
    );
    this.node.setAttribute("aria-label", `${name} network`);
  }

  head(about) {
    const title = make("div", "", make("h2", "", this.name), make("p", "", about));
    return make("div", "net-head", title, make("div", "verdict", this.digit, this.sure));
  }

  factList() {
    const list = make("dl", "facts");
    for (const [key, term] of [
      ["bytes", "Packed weights"],
      ["time", "Time for an image"],
      ["accuracy", "Test accuracy"],
    ]) {
      this.facts[key] = make("dd", "", "–");
      list.append(make("div", "", make("dt", "", term), this.facts[key]));
    }
    return list;
  }

  showPrediction(probabilities, explained) {
    const first = probabilities ? largest(probabilities) : -1;
    this.digit.textContent = first < 0 ? "–" : first;
    this.sure.textContent = first < 0 ? "" : percent(probabilities[first]);
    [...this.bars.children].forEach((bar, digit) => {
      bar.classList.toggle("first", digit === first);
      bar.classList.toggle("explained", digit === explained);
      bar.style.setProperty("--p", probabilities ? probabilities[digit] : 0);
    });
    const order = [...Array(10).keys()].sort((a, b) => probabilities?.[b] - probabilities?.[a]);
    const text = order.slice(0, 3).map((d) => `${d}: ${percent(probabilities?.[d] ?? 0)}`);
    this.bars.setAttribute(
      "aria-label",
      first < 0 ? "No prediction" : `Probabilities. ${text.join(", ")}`,
    );
  }

  showShare(share) {
    const known = Number.isFinite(share);
    this.onInk.textContent = known ? percent(share) : "–";
    this.meter.classList.toggle("none", !known);
    this.meter.style.setProperty("--p", known ? share : 0);
  }
}

class Look {
  constructor(sgq) {
    Object.assign(this, {sgq, bits: 2, method: 0, label: -1, version: 0, since: 0});
    this.maps = [[], []]; // by side and method: {values, onInk}
    this.clocks = {};
    this.times = {};
    this.pad = new Pad(element("pad"), {
      changed: () => this.changed(),
      said: (text) => this.say(text),
      takeDigit: (digit) => this.take(digit),
    });
    const choices = {
      chooseMethod: (i) => this.chooseMethod(i),
      chooseLabel: (digit) => this.chooseLabel(digit === this.label ? -1 : digit),
    };
    this.cards = SIDES.map((side) => new Card(side, choices));
    element("pair").append(...this.cards.map((card) => card.node));
    this.controls();
  }

  // The first drawing is shown before a worker starts: it would take the processor away.
  employ(worker) {
    this.worker = worker;
    worker.addEventListener("message", ({data}) => this.hear(data));
    this.changed();
  }

  // Sides 0 and 1 as numbers of networks.
  nets() {
    return [0, 1].map((side) => 4 * side + this.bits);
  }

  controls() {
    element("clear").addEventListener("click", () => this.pad.clear());
    element("more").addEventListener("click", () => this.showSamples(this.page + 1));
    element("bits").addEventListener("input", ({target}) => this.chooseBits(Number(target.value)));
    element("methods").addEventListener("change", ({target}) =>
      this.chooseMethod(Number(target.value)),
    );
    const explain = element("explain");
    for (let digit = 0; digit < 10; ++digit)
      explain.append(new Option(`the score of ${digit}`, digit));
    explain.addEventListener("change", () => this.chooseLabel(Number(explain.value)));
  }

  begin() {
    this.pad.take(this.sgq.samples(10).find(({label}) => label === 3));
    this.frame(); // before all that can wait
    document.documentElement.dataset.firstPrediction = performance.now().toFixed(0);
    this.samples = this.sgq.samples(40);
    this.showSamples(0);
    this.showFacts();
    element("method-note").textContent = METHODS[0].note;
  }

  // ---- What the reader chooses

  showSamples(page) {
    this.page = page % (this.samples.length / 10);
    const ten = this.samples.slice(10 * this.page, 10 * this.page + 10);
    this.ten = ten.sort((a, b) => a.label - b.label);
    element("samples").replaceChildren(
      ...this.ten.map((sample) => {
        const canvas = makeCanvas();
        canvas.setAttribute("aria-hidden", "true");
        paintImage(canvas, sample.image);
        const button = make("button", "", canvas);
        button.setAttribute("aria-label", `Example of a ${sample.label}`);
        button.addEventListener("click", () => this.pad.take(sample));
        return button;
      }),
    );
  }

  take(digit) {
    this.pad.take(this.ten.find((sample) => sample.label === digit));
  }

  chooseBits(bits) {
    this.bits = bits;
    this.since = this.version + 1; // maps of other bits come too late
    const text = `${WIDTHS[bits]} bits`;
    element("bits-text").textContent = text;
    element("bits").setAttribute("aria-valuetext", text);
    this.showFacts();
    this.changed();
  }

  chooseMethod(method) {
    this.method = method;
    element("methods").querySelectorAll("input")[method].checked = true;
    element("method-note").textContent = METHODS[method].note;
    this.showMaps();
    this.tell();
  }

  chooseLabel(label) {
    this.label = label;
    this.since = this.version + 1;
    element("explain").value = label;
    this.changed();
  }

  // ---- What is computed

  changed() {
    ++this.version;
    this.changedAt ??= performance.now();
    this.setBusy(true);
    this.pad.show();
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.frame());
  }

  frame() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    const {image, ink} = this.pad;
    const blank = this.pad.blank;
    if (!blank) this.sgq.show(image, ink);
    this.labels = this.nets().map((net, side) => {
      const probabilities = blank ? null : this.sgq.predict(net);
      const label = blank || this.label >= 0 ? this.label : largest(probabilities);
      this.cards[side].showPrediction(probabilities, this.label);
      this.maps[side][0] = blank ? null : this.sgq.map(net, 0, label);
      if (blank) this.maps[side] = [];
      this.cards[side].said = probabilities;
      return label;
    });
    this.showMaps();
    this.times.gradient = performance.now() - (this.changedAt ?? performance.now());
    this.changedAt = undefined;
    if (blank) this.setBusy(false);
    else if (this.worker) this.askWorker(image.slice(), ink.slice());
    this.tell();
  }

  // Whether maps of the present drawing are still being made.
  setBusy(busy) {
    element("look").setAttribute("aria-busy", busy);
  }

  askWorker(image, ink) {
    this.worker.postMessage({
      kind: "maps",
      version: this.version,
      image,
      ink,
      nets: this.nets(),
      labels: this.labels,
    });
    this.askedAt = performance.now();
    const nets = this.nets();
    clearTimeout(this.clockLater);
    if (nets.some((net) => !(net in this.clocks)))
      this.clockLater = setTimeout(
        () => this.worker.postMessage({kind: "clock", nets, image, ink}),
        250,
      );
  }

  hear(data) {
    if (data.kind === "map" && data.version >= this.since && !this.pad.blank) {
      this.maps[data.side][data.method] = data;
      this.showMap(data.side, data.method);
    } else if (data.kind === "mapped" && data.version === this.version) {
      this.setBusy(false);
      this.times.others = performance.now() - this.askedAt;
      this.showSpeed();
    } else if (data.kind === "clock") {
      data.nets.forEach((net, i) => {
        this.clocks[net] = {microseconds: data.microseconds[i], bytes: data.bytes[i]};
      });
      this.showFacts();
    }
  }

  // ---- What is shown

  showMaps() {
    for (const side of [0, 1]) METHODS.forEach((_, method) => this.showMap(side, method));
    this.showSpeed();
  }

  showMap(side, method) {
    const map = this.maps[side][method],
      card = this.cards[side],
      {canvas, figure} = card.small[method];
    const draw = (onto) =>
      map ? paintMap(onto, this.pad.image, this.pad.ink, map.values) : paintBlank(onto);
    draw(canvas);
    figure.classList.toggle("chosen", method === this.method);
    if (method !== this.method) return;
    draw(card.map);
    card.showShare(map?.onInk);
    const share = map ? `${percent(map.onInk)} of the strongest pixels on the ink` : "no image";
    card.map.setAttribute(
      "aria-label",
      `${METHODS[method].name} map of the ${card.name} network: ${share}`,
    );
  }

  showFacts() {
    this.nets().forEach((net, side) => {
      const {facts} = this.cards[side],
        clock = this.clocks[net];
      const name = `${side ? "guided" : "plain"}.${WIDTHS[this.bits]}`;
      facts.accuracy.textContent = `${this.sgq.fact(`accuracy.${name}`)} %`;
      facts.bytes.textContent = clock ? `${clock.bytes.toLocaleString("en")} bytes` : "…";
      facts.time.textContent = clock ? `${clock.microseconds.toPrecision(3)} µs` : "…";
    });
  }

  showSpeed() {
    const {gradient, others} = this.times;
    const text = [];
    if (gradient !== undefined) text.push(`gradients ${gradient.toFixed(0)} ms`);
    if (others !== undefined) text.push(`other maps ${others.toFixed(0)} ms`);
    element("speed").textContent = text.join(", ");
  }

  // Says the result once the drawing rests.
  tell() {
    clearTimeout(this.tellLater);
    this.tellLater = setTimeout(() => {
      if (this.pad.blank) return this.say("The drawing is blank");
      this.say(
        this.cards
          .map((card, side) => {
            const digit = largest(card.said),
              share = this.maps[side][this.method]?.onInk;
            const ink = Number.isFinite(share) ? `, ${percent(share)} on the ink` : "";
            return `${card.name}: ${digit}, ${percent(card.said[digit])}${ink}`;
          })
          .join(". "),
      );
    }, 700);
  }

  say(text) {
    element("said").textContent = text;
  }

  repaint() {
    this.pad.show();
    this.showSamples(this.page);
    this.showMaps();
  }
}
