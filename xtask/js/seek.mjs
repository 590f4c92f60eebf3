// Measures seeking in Chromium: seek.mjs ENGINE_FOLDER EVENTS
// ENGINE_FOLDER holds the engine built for the web. Prints a JSON object with the milliseconds that
// seeking to random cursors of a trace of EVENTS events takes.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [folder, events] = process.argv.slice(2);
const require = createRequire(path.join(process.env.SHIMSCOPE_TEST_MODULES, "package.json"));
const { chromium } = require("playwright-core");

const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const server = http.createServer((request, response) => {
  const name = path.basename(new URL(request.url, "http://localhost").pathname);
  const type = types[path.extname(name)];
  if (name === "" || !type) {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>seek</title>");
    return;
  }
  response.writeHead(200, { "content-type": type });
  response.end(fs.readFileSync(path.join(folder, name)));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "shimscope-seek-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const result = await page.evaluate(async (events) => {
    const engine = await import("/engine.js");
    await engine.default();
    const bench = new engine.SeekBench(events);
    // A fixed sequence, so that two runs measure the same cursors.
    let state = 12345;
    const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
    const times = [];
    for (let i = 0; i < 300; i++) {
      const cursor = Math.floor(random() * events);
      const start = performance.now();
      bench.seek(cursor);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return { median: times[150], p95: times[285], max: times[299] };
  }, Number(events));
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
  server.close();
  fs.rmSync(profile, { recursive: true, force: true });
}
