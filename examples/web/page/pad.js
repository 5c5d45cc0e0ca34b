// The drawing: 28 x 28 pixel codes, by mouse, finger, pen or keyboard.

const PEN = {radius: 1.1, ink: 240};

class Pad {
  constructor(canvas, {changed, said, takeDigit}) {
    Object.assign(this, {canvas, changed, said, takeDigit});
    this.image = new Uint8Array(PIXELS);
    this.ink = new Uint8Array(PIXELS);
    this.hand = {x: SIDE / 2, y: SIDE / 2, down: false};
    this.mark = document.getElementById("pen");
    this.hint = document.getElementById("pad-hint");
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, () => (this.last = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.hideHand());
  }

  get blank() {
    return !this.ink.includes(1);
  }

  show() {
    paintImage(this.canvas, this.image);
    this.hint.classList.toggle("shown", this.blank);
  }

  take({image, ink}) {
    this.image.set(image);
    this.ink.set(ink);
    this.changed();
  }

  clear() {
    this.image.fill(0);
    this.ink.fill(0);
    this.changed();
  }

  // Inks all pixels near the line from a to b.
  stroke(a, b) {
    const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
    for (let i = 0; i < PIXELS; ++i) {
      const x = (i % SIDE) + 0.5,
        y = Math.floor(i / SIDE) + 0.5;
      const along = length ? ((x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y)) / length : 0;
      const t = Math.min(Math.max(along, 0), 1);
      const distance = Math.hypot(x - a.x - t * (b.x - a.x), y - a.y - t * (b.y - a.y));
      const cover = Math.min(Math.max(PEN.radius + 0.5 - distance, 0), 1);
      const code = Math.round(cover * PEN.ink);
      if (code > this.image[i]) this.image[i] = code;
      if (code > 127) this.ink[i] = 1;
    }
    this.changed();
  }

  // ---- Mouse, finger, pen

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * SIDE,
      y: ((event.clientY - box.top) / box.height) * SIDE,
    };
  }

  press(event) {
    if (event.button > 0) return;
    event.preventDefault();
    this.canvas.focus({preventScroll: true, focusVisible: false});
    this.canvas.setPointerCapture(event.pointerId);
    this.hideHand();
    this.last = this.place(event);
    this.stroke(this.last, this.last);
  }

  move(event) {
    if (!this.last) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) {
      const next = this.place(one);
      this.stroke(this.last, next);
      this.last = next;
    }
  }

  // ---- Keyboard

  key(event) {
    const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ways[event.key]) this.step(...ways[event.key]);
    else if (event.key === " " || event.key === "Enter") this.lift();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (/^[0-9]$/.test(event.key)) this.takeDigit(Number(event.key));
    else return;
    event.preventDefault();
  }

  step(dx, dy) {
    const inside = (v) => Math.min(Math.max(v, 1), SIDE - 1);
    const from = {x: this.hand.x, y: this.hand.y};
    this.hand.x = inside(from.x + dx);
    this.hand.y = inside(from.y + dy);
    if (this.hand.down) this.stroke(from, this.hand);
    this.showHand();
  }

  lift() {
    this.hand.down = !this.hand.down;
    if (this.hand.down) this.stroke(this.hand, this.hand);
    this.said(this.hand.down ? "Pen down" : "Pen up");
    this.showHand();
  }

  showHand() {
    this.mark.hidden = false;
    this.mark.classList.toggle("down", this.hand.down);
    this.mark.style.left = `${(100 * this.hand.x) / SIDE}%`;
    this.mark.style.top = `${(100 * this.hand.y) / SIDE}%`;
  }

  hideHand() {
    this.hand.down = false;
    this.mark.hidden = true;
  }
}
