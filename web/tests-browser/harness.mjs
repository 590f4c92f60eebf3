// What every browser test shares: the built page on a local server, a Chromium of its own, and the
// two demands that hold in every state of the page: nothing on the console, nothing for axe to
// complain about.
//
//     import { pageTest, expectAccessible } from './harness.mjs';
//
//     pageTest('steps forward', async ({ page }) => {
//       await page.keyboard.press('ArrowRight');
//       await expectAccessible(page, 'after one step');
//     });

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The folder with the built page; `cargo xtask test` names the one that it has just built. */
const PAGE_FOLDER = resolve(process.env.SHIMSCOPE_PAGE ?? join(here, '../../target/page'));

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

// Chromium refuses its sandbox to root, and would otherwise call its maker's servers at every
// start.
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const MIME_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.yaml': 'text/yaml; charset=utf-8',
};

/** Serves the built page, and nothing else, on a free port. */
export async function servePage(folder = PAGE_FOLDER) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://page').pathname));
    const file = join(folder, path.endsWith('/') ? join(path, 'index.html') : path);
    try {
      if (!file.startsWith(folder + sep)) throw new Error('outside the page');
      const body = await readFile(file);
      response.writeHead(200, { 'content-type': MIME_TYPES[extname(file)] ?? 'application/octet-stream' });
      response.end(body);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end(`not in the page: ${path}`);
    }
  });
  await new Promise((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const { port } = server.address();
  return { origin: `http://127.0.0.1:${port}`, close: () => new Promise((done) => server.close(done)) };
}

/** Chromium with a new profile, which Playwright removes afterwards. */
export function launchChromium() {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
}

let server;
let browser;

before(async () => {
  server = await servePage();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/**
 * A test on a freshly opened page. `body` gets `page` (Playwright's), `complaints` (what the
 * console said so far) and `origin`. The test fails when, at its end, the page has complained; a
 * test that provokes complaints on purpose takes them out with `complaints.splice(0)`.
 *
 * Options: `path` (what to open, `/` by default), `open` (false: `body` navigates itself), and
 * every option of Playwright's `browser.newContext`, such as `viewport`, `colorScheme`, `locale`,
 * `reducedMotion`.
 */
export function pageTest(name, options, body) {
  if (typeof options === 'function') return pageTest(name, {}, options);
  const { path = '/', open = true, ...contextOptions } = options;
  return test(name, { timeout: 120_000 }, async () => {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-US',
      timezoneId: 'UTC',
      ...contextOptions,
    });
    try {
      const page = await context.newPage();
      const complaints = collectComplaints(page);
      if (open) await openPage(page, server.origin + path);
      await body({ page, context, complaints, origin: server.origin });
      assert.deepEqual(complaints, [], 'the page has complained');
    } finally {
      await context.close();
    }
  });
}

/** Opens an address and waits until the program has replaced the busy `main` of index.html. */
export async function openPage(page, address) {
  const response = await page.goto(address, { waitUntil: 'load' });
  assert.equal(response.status(), 200, `${address} is served`);
  await page.locator('main:not([aria-busy="true"])').first().waitFor({ timeout: 30_000 });
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}

/**
 * Runs a check again and again until it holds; after five seconds it fails as the check fails. For
 * everything that follows an input: the page draws it soon, not at once.
 */
export async function eventually(check) {
  for (const deadline = Date.now() + 5_000; ; await new Promise((done) => setTimeout(done, 10))) {
    try {
      return await check();
    } catch (failure) {
      if (Date.now() > deadline) throw failure;
    }
  }
}

/** Everything that must not happen unnoticed: errors and warnings on the console, exceptions, failed requests. */
function collectComplaints(page) {
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) {
      complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.stack ?? error}`));
  page.on('requestfailed', (request) => {
    // Leaving a page breaks off the browser's own request for its icon.
    const left = request.failure()?.errorText === 'net::ERR_ABORTED';
    if (left && request.url().endsWith('/icons/shimscope.svg')) return;
    complaints.push(`request failed: ${request.url()} (${request.failure()?.errorText})`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`HTTP ${response.status()}: ${response.url()}`);
  });
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    const ours = ['data:', 'blob:'].includes(protocol) || host === new URL(server.origin).host;
    if (!ours) complaints.push(`request to a foreign server: ${request.url()}`);
  });
  return complaints;
}

const AXE_SOURCE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Fails with one readable line per violation that axe-core finds in the page's present state. */
export async function expectAccessible(page, state) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.addScriptTag({ path: AXE_SOURCE });
  const violations = await page.evaluate(async () => {
    // What fades in has its colours at the end.
    const late = performance.now() + 2000;
    const ends = (it) => it.effect?.getComputedTiming().endTime !== Infinity;
    const fades = () => document.getAnimations().some((it) => it.playState === 'running' && ends(it));
    while (fades() && performance.now() < late) await new Promise((done) => setTimeout(done, 20));
    const result = await window.axe.run(document, { resultTypes: ['violations'] });
    return result.violations.flatMap(({ id, impact, help, nodes }) =>
      nodes.map((node) => `${id} (${impact}): ${help}: ${node.html.slice(0, 160)} [${node.target.join(' ')}]`),
    );
  });
  assert.deepEqual(violations, [], `axe-core on the page ${state}`);
}

/** The slider's place and length, in steps of the present detail level. */
export async function position(page) {
  const slider = page.getByRole('slider');
  return {
    now: Number(await slider.getAttribute('aria-valuenow')),
    max: Number(await slider.getAttribute('aria-valuemax')),
  };
}

/** Waits until so many steps are behind. */
export const reached = (page, step) => eventually(async () => assert.equal((await position(page)).now, step));

/** Waits until an element's text matches. */
export const shows = (locator, pattern) => eventually(async () => assert.match(await locator.innerText(), pattern));

/** Waits until an element has an attribute's value. */
export const carries = (locator, name, value) =>
  eventually(async () => assert.equal(await locator.getAttribute(name), value));

/** The current step in words. */
export const caption = (page) => page.locator('.caption__text').innerText();

/** The first control of a command. */
export const command = (page, name) => page.locator(`[data-command="${name}"]`).first();

/** No violation in either theme; ends in the theme in which it began. */
export async function accessibleInBothThemes(page, state) {
  for (const theme of ['light', 'dark', '']) {
    await page.evaluate((value) => document.documentElement.setAttribute('data-theme', value), theme);
    if (theme) {
      // Colours change over time; axe is to see how they end. What is not drawn never ends by itself.
      await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
      await expectAccessible(page, `${state}, ${theme}`);
    }
  }
}
