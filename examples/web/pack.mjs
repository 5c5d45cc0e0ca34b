// Packs the page: styles, scripts, the library and the networks, into one HTML file.
//
//     node pack.mjs PAGE_FOLDER LIBRARY.wasm NETS.safetensors OUT.html
import {readFileSync, writeFileSync} from "node:fs";
import {gzipSync} from "node:zlib";

const [folder, wasm, nets, out] = process.argv.slice(2);
const read = (name) => readFileSync(`${folder}/${name}`, "utf8");
const packed = (file) => gzipSync(readFileSync(file), {level: 9}).toString("base64");

const worker = read("library.js") + read("worker.js");
const page = ["library.js", "pictures.js", "pad.js", "look.js", "train.js", "main.js"];
const script = `"use strict";
const WORKER_SOURCE = ${JSON.stringify(worker)};
${page.map(read).join("\n")}`;

const parts = {
  style: read("style.css"),
  script: script.replaceAll("</script", "<\\/script"),
  wasm: packed(wasm),
  nets: packed(nets),
};
const html = read("index.html").replace(/{{(\w+)}}/g, (_, name) => parts[name]);
const most = 1_500_000,
  bytes = Buffer.byteLength(html);
if (bytes > most) throw new Error(`the page takes ${bytes} bytes, more than ${most}`);
writeFileSync(out, html);
console.log(`${out}: ${bytes} bytes`);
