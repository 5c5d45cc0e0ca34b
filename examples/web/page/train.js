// The second tab: a worker trains, the page shows.

class Train {
  constructor(makeWorker) {
    this.makeWorker = makeWorker;
    this.tiles = Array.from({length: 12}, () => makeCanvas());
    this.tiles.forEach((tile) => tile.setAttribute("aria-hidden", "true"));
    element("wall").append(...this.tiles);
    element("go").addEventListener("click", () => this.press());
    element("again").addEventListener("click", () => this.start());
    for (const id of ["train-bits", "train-guided"])
      element(id).addEventListener("change", () => this.reset());
    new ResizeObserver(() => this.draw()).observe(element("chart-loss"));
    this.reset();
  }

  // "ready", "running", "paused", "ended"
  enter(state) {
    this.state = state;
    const names = {ready: "Start", running: "Pause", paused: "Resume", ended: "Start"};
    element("go").textContent = names[state];
    element("again").disabled = state === "ready";
  }

  press() {
    if (this.state === "running") {
      this.worker.postMessage({kind: "pause"});
      this.enter("paused");
      this.say(`Paused after ${this.step} steps`);
    } else if (this.state === "paused") {
      this.worker.postMessage({kind: "resume"});
      this.enter("running");
    } else {
      this.start();
    }
  }

  // Another choice ends the run: it would be another network.
  reset() {
    this.worker?.terminate();
    this.worker = null;
    Object.assign(this, {
      step: 0,
      steps: 480,
      loss: [],
      accuracy: [],
      clips: [],
      onInk: [],
      images: null,
    });
    this.enter("ready");
    element("step").textContent = "Not started";
    for (const id of ["loss-now", "accuracy-now", "clips-now", "ink-now"])
      element(id).textContent = "–";
    element("rate").textContent = "";
    element("digest").textContent = "—";
    element("progress").style.width = 0;
    this.draw();
    this.tiles.forEach(paintBlank);
  }

  async start() {
    this.reset();
    this.enter("running");
    element("step").textContent = "Drawing the training set";
    const worker = (this.worker = await this.makeWorker());
    worker.addEventListener("message", ({data}) => worker === this.worker && this.hear(data));
    worker.postMessage({
      kind: "train",
      bits: Number(document.querySelector("[name=train-bits]:checked").value),
      guided: element("train-guided").checked,
    });
  }

  hear(data) {
    if (data.kind === "begun") {
      this.steps = data.steps;
      this.images = data.images;
      this.take(data);
    } else if (data.kind === "step") {
      this.step = data.step;
      this.loss.push([data.step, data.loss]);
      this.pace = 0.9 * (this.pace ?? data.milliseconds) + 0.1 * data.milliseconds;
      this.take(data);
    } else if (data.kind === "trained") {
      this.enter("ended");
      this.say(`Trained: test accuracy ${element("accuracy-now").textContent}`);
    }
  }

  take({accuracy, clips, maps, onInk, digest}) {
    if (accuracy !== undefined) this.accuracy.push([this.step, accuracy]);
    if (clips) this.clips.push([this.step, [...clips]]);
    if (maps) {
      this.onInk.push([this.step, onInk]);
      this.maps = maps;
    }
    if (digest) this.showDigest(digest);
    if (!this.waiting)
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        this.draw();
      });
  }

  showDigest(digest) {
    const [arithmetic, sum] = digest.split(" ");
    element("digest").textContent = sum.match(/.{8}/g).join(" ");
    element("digest").dataset.arithmetic = arithmetic;
    element("digest").dataset.digest = sum;
    this.say(`Digest after 20 steps: ${sum.slice(0, 8)}`);
  }

  draw() {
    const {step, steps} = this;
    if (step > 0) {
      element("step").textContent = `Step ${step} of ${steps}`;
      element("progress").style.width = `${(100 * step) / steps}%`;
      element("rate").textContent = `${this.pace.toFixed(0)} ms a step`;
    }
    this.drawCharts();
    if (!this.images || !this.maps) return;
    this.tiles.forEach((tile, n) => {
      const part = (all, from) => all.subarray(from + n * PIXELS, from + (n + 1) * PIXELS);
      paintMap(tile, part(this.images, 0), part(this.images, 12 * PIXELS), part(this.maps, 0));
    });
  }

  drawCharts() {
    const {steps} = this,
      last = (points) => points.at(-1)?.[1];
    const number = (id, value, text) =>
      (element(id).textContent = value === undefined ? "–" : text(value));
    let mean;
    const smooth = this.loss.map(([s, v]) => [
      s,
      (mean = mean === undefined ? v : 0.9 * mean + 0.1 * v),
    ]);
    drawChart(element("chart-loss"), {
      steps,
      most: roundUp(Math.max(3, ...smooth.map(([, v]) => v))),
      lines: [
        {points: this.loss, color: "var(--line)", width: 1},
        {points: smooth, color: "var(--ink)"},
      ],
    });
    number("loss-now", last(smooth), (v) => v.toFixed(2));
    const shares = {steps, most: 1, text: (v) => `${100 * v}`};
    drawChart(element("chart-accuracy"), {
      ...shares,
      lines: [{points: this.accuracy, color: "var(--ink)"}],
    });
    number("accuracy-now", last(this.accuracy), (v) => `${(100 * v).toFixed(1)} %`);
    drawChart(element("chart-ink"), {...shares, lines: [{points: this.onInk, color: "var(--on)"}]});
    number("ink-now", last(this.onInk), percent);
    const clips = last(this.clips) ?? [];
    drawChart(element("chart-clips"), {
      steps,
      most: roundUp(Math.max(1, ...this.clips.flatMap(([, values]) => values))),
      lines: clips.map((_, k) => ({
        points: this.clips.map(([s, values]) => [s, values[k]]),
        color: `color-mix(in srgb, var(--ink) ${100 - 22 * k}%, var(--surface))`,
        label: `relu${k + 1}`,
      })),
    });
    number("clips-now", clips.length ? clips : undefined, (v) =>
      v.map((c) => c.toFixed(1)).join("  "),
    );
  }

  say(text) {
    element("train-said").textContent = text;
  }
}
