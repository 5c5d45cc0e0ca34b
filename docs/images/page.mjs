#!/usr/bin/env node
// Draws docs/images/page.webp: the page of examples/web in a window of a desk,
// as it opens.
//
//     cmake --workflow --preset web && ctest --preset web        # the test fetches playwright-core
//     PLAYWRIGHT=/tmp/sgq-playwright docs/images/page.mjs build/web/index.html docs/images/page.webp
//
// Needs Chromium. The times that the page measures are left out: they are those of one moment.
import {execFileSync} from "node:child_process";
import {writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {resolve} from "node:path";

const [file, out] = process.argv.slice(2);
const {chromium} = createRequire(`${process.env.PLAYWRIGHT}/`)("playwright-core");
const executablePath = execFileSync("sh", ["-c", "command -v chromium"], {encoding: "utf8"}).trim();
const browser = await chromium.launch({executablePath, args: ["--no-sandbox"]});
try {
  const page = await browser.newPage({viewport: {width: 1240, height: 900}});
  await page.goto(`file://${resolve(file)}`);
  await page.waitForSelector("html[data-first-prediction]", {timeout: 60_000});
  await page.waitForTimeout(8000); // until the other maps are there, on a busy machine too
  await page.addStyleTag({
    content: ".facts div:nth-child(2), #speed, footer { visibility: hidden; }",
  });
  const {height} = await page.locator(".top").boundingBox();
  const {y, height: rest} = await page.locator("#look").boundingBox();
  const session = await page.context().newCDPSession(page);
  const clip = {x: 0, y: 0, width: 1240, height: Math.ceil(Math.max(height, y + rest) + 24), scale: 1.25};
  const {data} = await session.send("Page.captureScreenshot", {
    format: "webp",
    quality: 70,
    captureBeyondViewport: true,
    clip,
  });
  writeFileSync(out, Buffer.from(data, "base64"));
} finally {
  await browser.close();
}
