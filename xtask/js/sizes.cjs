// Weighs what a browser downloads: sizes.cjs FOLDER
// Prints a JSON list of the page's wasm, JavaScript, CSS and HTML files with their raw, gzip -9 and
// brotli -q 11 sizes in bytes.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const zlib = require("node:zlib");

const folder = process.argv[2];
const kinds = [".wasm", ".js", ".css", ".html"];
const files = fs
  .readdirSync(folder, { recursive: true })
  .filter((name) => kinds.includes(path.extname(name)))
  .sort();
const rows = files.map((name) => {
  const content = fs.readFileSync(path.join(folder, name));
  const quality = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 };
  return {
    // Trunk puts a hash into the name; it says nothing here.
    name: name.replace(/-[0-9a-f]{16}/, ""),
    raw: content.length,
    gzip: zlib.gzipSync(content, { level: 9 }).length,
    brotli: zlib.brotliCompressSync(content, { params: quality }).length,
  };
});
console.log(JSON.stringify(rows));
