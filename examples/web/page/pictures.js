// Pictures: an image as ink on paper, a map over it, a chart of lines.

const SIDE = 28;

let theme;

// The page's own colours, as numbers.
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => {
    const text = style.getPropertyValue(name).trim();
    return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  };
  theme = {
    paper: color("--surface"),
    ground: color("--soft"),
    ink: color("--ink"),
    stroke: color("--stroke"),
    on: color("--on"),
    off: color("--off"),
  };
}

// Fills a canvas of 28 x 28 pixels: color(i) gives red, green and blue.
function paint(canvas, color) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; ++i) {
    const [red, green, blue] = color(i);
    picture.data.set([red, green, blue, 255], 4 * i);
  }
  context.putImageData(picture, 0, 0);
}

const mix = (a, b, t) => [0, 1, 2].map((k) => a[k] + (b[k] - a[k]) * t);

function paintImage(canvas, image) {
  paint(canvas, (i) => mix(theme.paper, theme.ink, image[i] / 255));
}

// The map's value that gets the full colour: its 99th percentile, or the largest if that is 0.
function scaleOf(map) {
  const sorted = Float32Array.from(map).sort();
  return sorted[Math.ceil(0.99 * sorted.length) - 1] || sorted[sorted.length - 1] || 1;
}

// The image, faint, and over it the map: one colour on the ink, another beside it.
function paintMap(canvas, image, ink, map) {
  const scale = scaleOf(map);
  paint(canvas, (i) => {
    const below = mix(theme.ground, theme.stroke, (0.75 * image[i]) / 255);
    const strength = Math.min(map[i] / scale, 1) ** 1.2;
    return mix(below, ink[i] ? theme.on : theme.off, strength);
  });
}

function paintBlank(canvas) {
  paint(canvas, () => theme.ground);
}

// ---- Charts -------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
}

// Values that lie at least `room` apart, in the order of the given ones.
function spread(values, room, top) {
  const order = values.map((v, i) => [v, i]).sort((a, b) => a[0] - b[0]);
  const places = [];
  let last = -Infinity;
  for (const [v, i] of order) places[i] = last = Math.max(v, last + room);
  const over = Math.max(0, last - top);
  return places.map((v) => v - over);
}

// lines: [{points: [[step, value], ..], color, width, label}]; y runs from 0 to `most`.
function drawChart(svg, {lines, steps, most, text = (v) => v}) {
  const {width, height} = svg.getBoundingClientRect();
  if (!width) return;
  const left = 30,
    right = lines.some((l) => l.label) ? 46 : 8,
    top = 6,
    bottom = 18;
  const x = (step) => left + ((width - left - right) * step) / steps;
  const y = (value) => top + (height - top - bottom) * (1 - Math.min(value / most, 1));
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const share of [0, 0.5, 1]) {
    const value = share * most;
    add(svg, "line", {class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value)});
    add(svg, "text", {x: left - 6, y: y(value) + 4, "text-anchor": "end"}, text(value));
  }
  for (const step of [0, steps])
    add(svg, "text", {x: x(step), y: height - 3, "text-anchor": step ? "end" : "start"}, step);
  for (const {points, color, width: stroke = 2} of lines) {
    const d = points.map(([s, v], i) => `${i ? "L" : "M"}${x(s).toFixed(1)} ${y(v).toFixed(1)}`);
    add(svg, "path", {d: d.join(""), style: `stroke:${color};stroke-width:${stroke}`});
  }
  const named = lines.filter((l) => l.label && l.points.length);
  const places = spread(
    named.map((l) => y(l.points.at(-1)[1]) + 4),
    12,
    height - bottom + 4,
  );
  named.forEach((line, i) => {
    const at = x(line.points.at(-1)[0]) + 6;
    add(svg, "text", {x: at, y: places[i]}, line.label);
  });
}

// A round number that is no less.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((m) => m * power >= value) * power;
}
