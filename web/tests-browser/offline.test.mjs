// What is there before the program, without a network, and after closing the page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { accessibleInBothThemes, caption, command, eventually, expectAccessible, openPage, pageTest, shows } from './harness.mjs';

const WEB = '/#scenario=single-container&stack=dockershim&step=0&detail=2&lang=en';

pageTest('the first frame is there before the program', { open: false }, async ({ page, context, origin, complaints }) => {
  let release;
  const held = new Promise((done) => (release = done));
  await context.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(origin + WEB, { waitUntil: 'commit' });
  await shows(page.locator('.stage'), /kubelet[\s\S]*dockershim[\s\S]*runc[\s\S]*Linux kernel/);
  await shows(page.locator('[role="status"]'), /Loading/);
  await expectAccessible(page, 'before the program has arrived');
  const before = await page.locator('.stage__drawing').boundingBox();
  release();
  await page.locator('main:not([aria-busy="true"])').waitFor();
  await eventually(async () => {
    const after = await page.locator('.stage__drawing').boundingBox();
    assert.ok(Math.abs(after.x - before.x) < 24, `the drawing stays where it was: ${before.x}, ${after.x}`);
  });
  // Holding the program up makes the browser wonder whether the preload was of use.
  complaints.splice(0, Infinity, ...complaints.filter((text) => !text.includes('preload')));
});

pageTest('the page works without a network after the first visit', { path: WEB }, async ({ page, context, complaints }) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await eventually(async () => {
    const missing = await page.evaluate(async () => {
      const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
      const ours = loaded.filter((url) => url.startsWith(location.origin) && !/sw\.js|favicon/.test(url));
      const kept = await Promise.all(ours.map((url) => caches.match(url)));
      return ours.filter((_, index) => !kept[index]);
    });
    assert.deepEqual(missing, []);
    assert.ok(await page.evaluate(async () => Boolean(await caches.match(new URL('./', location).href))));
  });
  await page.keyboard.press('ArrowRight');
  await eventually(async () => assert.notEqual(await caption(page), 'Nothing has happened yet'));
  await page.waitForFunction(() => !location.hash.includes('step=0&'));
  const before = await caption(page);
  await context.setOffline(true);
  await page.reload();
  await page.locator('main:not([aria-busy="true"])').waitFor();
  assert.equal(await caption(page), before, 'the same moment');
  await page.keyboard.press('End');
  await shows(page.locator('.pod'), /Running/);
  // A browser says that it is offline.
  complaints.splice(0, Infinity, ...complaints.filter((text) => !/ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_ABORTED/.test(text)));
});

pageTest('it can be installed', { path: WEB }, async ({ page, origin }) => {
  const manifest = await (await fetch(`${origin}/manifest.webmanifest`)).json();
  assert.ok(manifest.name && manifest.start_url && manifest.display === 'standalone');
  const icons = await Promise.all(manifest.icons.map(({ src }) => fetch(`${origin}/${src}`)));
  assert.ok(icons.every((icon) => icon.ok));
  assert.equal(await page.locator('link[rel="manifest"]').getAttribute('href'), 'manifest.webmanifest');
});

pageTest('a scenario is opened from a file, kept, and found again', { path: WEB }, async ({ page, origin }) => {
  const yaml = await readFile(new URL('../../scenarios/crash-loop.yaml', import.meta.url));
  await command(page, 'Manifest').click();
  await page.locator('input[type="file"]').setInputFiles({ name: 'mine.yaml', mimeType: 'text/yaml', buffer: yaml });
  await eventually(async () => assert.match(await page.locator('#manifest-text').inputValue(), /^manifest:/m));
  await page.locator('[data-command="Run"]').click();
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await shows(page.locator('.pod'), /restarts/);
  await openPage(page, `${origin}/?again`);
  await command(page, 'Scenarios').click();
  await page.locator('[data-recent]').first().waitFor();
  await accessibleInBothThemes(page, 'with recent work');
  await page.locator('[data-recent]').first().click();
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await shows(page.locator('.pod'), /restarts/);
});
