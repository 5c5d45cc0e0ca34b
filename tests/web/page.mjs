// Uses the page as a reader would, at the widths of a phone and of a desk: draws, moves the slider,
// trains, with mouse and keyboard; compares the digest of 20 steps with the native program's.
//
//     node page.mjs PAGE.html PAGE_DIGEST [SCREENSHOTS]
import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {mkdirSync} from "node:fs";
import {createRequire} from "node:module";
import {resolve} from "node:path";

const [file, digestProgram, shots] = process.argv.slice(2);
const {chromium} = createRequire(`${process.env.PLAYWRIGHT}/`)("playwright-core");
if (shots) mkdirSync(shots, {recursive: true});

// Times are limits for an idle machine; tests run beside others, and on a busy one with
// SGQ_PATIENCE=20.
const patience = Number(process.env.SGQ_PATIENCE ?? 4);

// Strokes in units of the drawing's side.
const strokes = {
  7: [
    [
      [0.28, 0.24],
      [0.7, 0.24],
      [0.46, 0.8],
    ],
  ],
  1: [
    [
      [0.5, 0.18],
      [0.5, 0.82],
    ],
  ],
  4: [
    [
      [0.36, 0.2],
      [0.32, 0.55],
      [0.7, 0.55],
    ],
    [
      [0.62, 0.28],
      [0.6, 0.84],
    ],
  ],
};

// Waits until check(argument) holds in the page. The page's own rules forbid playwright's
// waitForFunction, which makes code of a string.
async function until(page, check, argument, seconds = 30) {
  const end = Date.now() + 1000 * seconds * patience;
  while (!(await page.evaluate(check, argument))) {
    assert.ok(Date.now() < end, `not within ${seconds} s times ${patience}: ${check}`);
    await page.waitForTimeout(50);
  }
}

async function draw(page, digit) {
  const box = await page.locator("#pad").boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  for (const [first, ...rest] of strokes[digit]) {
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...at(point), {steps: 12});
    await page.mouse.up();
  }
}

// Both networks say this, in the frame after the last stroke or soon.
async function expectVerdict(page, text, what) {
  const said = () => page.locator(".verdict b").allTextContents();
  for (let i = 0; i < 20 && (await said()).some((one) => one !== text); ++i)
    await page.waitForTimeout(50);
  assert.deepEqual(await said(), [text, text], what);
}

const pictures = (page, selector) =>
  page.locator(selector).evaluateAll((all) => all.map((canvas) => canvas.toDataURL()));
const maps = (page) => pictures(page, ".small canvas");

// The eight small maps, once the worker has made them for the present drawing.
async function finishedMaps(page) {
  await page.waitForSelector("#look[aria-busy=false]", {timeout: 10_000 * patience});
  return maps(page);
}

function allDiffer(before, after, what) {
  before.forEach((map, i) => assert.notEqual(map, after[i], `${what}: map ${i} did not change`));
}

async function checkDrawing(page) {
  const example = await finishedMaps(page);
  await expectVerdict(page, "3", "the first example");
  await page.click("#clear");
  await expectVerdict(page, "–", "a blank drawing");
  const blank = await finishedMaps(page);
  for (const digit of [7, 1, 4]) {
    await page.click("#clear");
    await draw(page, digit);
    await expectVerdict(page, String(digit), `a drawn ${digit}`);
  }
  const drawn = await finishedMaps(page);
  allDiffer(example, drawn, "drawing");
  allDiffer(blank, drawn, "drawing");
  assert.equal(new Set(drawn).size, 8, "all eight maps are different pictures");
  await until(page, () =>
    /Plain: 4, \d+ %.*Saliency-guided: 4/.test(document.getElementById("said").textContent),
  );
}

async function checkSlider(page) {
  const sizes = [],
    pictures = [];
  await page.focus("#bits");
  await page.keyboard.press("Home");
  for (const bits of [32, 8, 4, 2]) {
    assert.equal(await page.textContent("#bits-text"), `${bits} bits`);
    pictures.push(await finishedMaps(page));
    await expectVerdict(page, "4", `${bits} bits`);
    for (const side of [0, 1])
      await until(
        page,
        (i) => /^[\d.]+ µs$/.test(document.querySelectorAll(".facts dd")[i].textContent),
        3 * side + 1,
      );
    const facts = await page.locator(".facts dd").allTextContents();
    sizes.push(Number(facts[0].replace(/\D/g, "")));
    for (const side of [0, 1]) assert.match(facts[3 * side + 2], /^[89]\d\.\d %$/);
    if (bits > 2) await page.keyboard.press("ArrowRight");
  }
  for (let i = 1; i < 4; ++i) {
    assert.ok(sizes[i] < 0.8 * sizes[i - 1], `bytes fall with the bits: ${sizes}`);
    allDiffer(pictures[i - 1], pictures[i], "the slider");
  }
  await page.keyboard.press("ArrowLeft");
}

async function checkKeyboard(page) {
  await page.focus("#pad");
  await page.keyboard.press("Delete");
  await expectVerdict(page, "–", "a cleared drawing");
  for (let i = 0; i < 9; ++i) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Space");
  for (let i = 0; i < 18; ++i) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await expectVerdict(page, "1", "a line drawn by keys");
  await page.keyboard.press("8");
  await expectVerdict(page, "8", "an example taken by key");
  for (let method = 0; method < 4; ++method) {
    await page.locator("#methods input").nth(method).focus();
    await page.keyboard.press("Space");
    await finishedMaps(page);
    const [large] = await pictures(page, ".map"),
      small = (await maps(page))[method];
    assert.equal(large, small, `map ${method} is shown large`);
  }
  await page.locator("#methods input").first().check({force: true});
  const before = await maps(page);
  await page.selectOption("#explain", "5");
  allDiffer(before, await finishedMaps(page), "another class");
  await page.selectOption("#explain", "-1");
}

// Everything that can be focused has a name, and the page fits its window.
async function checkAccess(page) {
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, [role=img], [tabindex]")]
      .filter((node) => !node.closest("[aria-hidden=true]") && !node.closest("[hidden]"))
      .filter(
        (node) =>
          !(
            node.getAttribute("aria-label") ||
            node.textContent.trim() ||
            node.labels?.[0]?.textContent.trim()
          ),
      )
      .map((node) => node.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(nameless, [], "without a name");
  const [wide, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    innerWidth,
  ]);
  assert.ok(wide <= window, `${wide} pixels wide in a window of ${window}`);
}

async function checkTraining(page, expected) {
  await page.click("#tab-train");
  await page.click("#go");
  await page.waitForSelector("#digest[data-digest]", {timeout: 60_000 * patience});
  await page.click("#go"); // before the native program runs, which can take as long as all steps
  await until(page, () => document.getElementById("go").textContent === "Resume");
  const {arithmetic, digest} = await page.locator("#digest").evaluate((node) => ({...node.dataset}));
  assert.equal(digest, expected(arithmetic), `the digest of the arithmetic that is '${arithmetic}'`);
  await page.waitForTimeout(300);
  const paused = await page.textContent("#step"),
    wall = await pictures(page, "#wall canvas");
  await page.waitForTimeout(500);
  assert.equal(await page.textContent("#step"), paused, "a paused run stands still");
  assert.match(paused, /^Step \d+ of 480$/);
  await page.click("#go");
  const step = Number(paused.split(" ")[1]);
  await until(
    page,
    (n) => Number(document.getElementById("step").textContent.split(" ")[1]) >= n,
    step + 20,
    60,
  );
  allDiffer(wall, await pictures(page, "#wall canvas"), "training");
  for (const id of ["loss-now", "accuracy-now", "clips-now", "ink-now"])
    assert.match(await page.textContent(`#${id}`), /\d/, id);
  for (const id of ["loss", "accuracy", "clips", "ink"])
    assert.ok((await page.locator(`#chart-${id} path`).count()) > 0, id);
  return digest;
}

async function visit(browser, width, height, colorScheme, expected) {
  const page = await browser.newPage({
    viewport: {width, height},
    colorScheme,
    deviceScaleFactor: 2,
    hasTouch: width < 500,
  });
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && request.url() !== url) wrong.push(request.url());
  });
  const url = `file://${resolve(file)}`;
  await page.goto(url);
  await page.waitForSelector("html[data-first-prediction]", {timeout: 1000 * patience});
  const first = Number(await page.getAttribute("html", "data-first-prediction"));
  const shot = (name) =>
    shots &&
    page.screenshot({path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true});
  await checkAccess(page);
  await checkDrawing(page);
  await shot("drawn");
  await checkSlider(page);
  await checkKeyboard(page);
  await finishedMaps(page);
  await shot("look");
  const speed = await page.textContent("#speed");
  const [gradient, others] = speed.match(/\d+/g).map(Number);
  assert.ok(
    first <= 1000 * patience && gradient <= 50 * patience && others <= 400 * patience,
    speed,
  );
  const digest = await checkTraining(page, expected);
  await checkAccess(page);
  await shot("train");
  assert.deepEqual(wrong, [], "console errors and requests");
  console.log(
    `${width} x ${height}, ${colorScheme}: first prediction ${first} ms, ${speed}, ` +
      `digest ${digest.slice(0, 16)}..`,
  );
  await page.close();
}

const native = {};
const expected = (arithmetic) => {
  const isa = arithmetic === "separate" ? {SGQ_ISA: "generic"} : {};
  native[arithmetic] ??= execFileSync(digestProgram, {env: {...process.env, ...isa}, encoding: "utf8"});
  const [of, digest] = native[arithmetic].trim().split(" ");
  assert.equal(of, arithmetic, "the native program's arithmetic");
  return digest;
};

const chromiumPath = execFileSync("sh", ["-c", "command -v chromium"], {encoding: "utf8"}).trim();
const browser = await chromium.launch({executablePath: chromiumPath, args: ["--no-sandbox"]});
try {
  await visit(browser, 390, 844, "dark", expected);
  await visit(browser, 1440, 900, "light", expected);
} finally {
  await browser.close();
}
