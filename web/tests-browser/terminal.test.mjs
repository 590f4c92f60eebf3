// The terminal: reads at the cursor, acts by growing the trace, and never traps the keyboard.

import assert from 'node:assert/strict';
import { accessibleInBothThemes, eventually, expectAccessible, pageTest, position, shows } from './harness.mjs';

const WEB = '/#scenario=single-container&stack=dockershim&step=0&detail=2&lang=en';

pageTest('commands are typed, completed, recalled and act', { path: WEB }, async ({ page }) => {
  const { max } = await position(page);
  const output = page.locator('.terminal__output');
  await page.keyboard.press('End');
  await page.keyboard.press('`');
  await page.waitForFunction(() => document.activeElement.id === 'terminal-line');
  await accessibleInBothThemes(page, 'in an empty terminal');
  await page.keyboard.type('kubectl get po');
  await page.keyboard.press('Enter');
  await shows(output, /no|error: the server|web\s+1\/1\s+Running/);
  await page.keyboard.type('docker ps');
  await page.keyboard.press('Enter');
  await shows(output, /CONTAINER ID[\s\S]*k8s_POD_web/);
  await page.keyboard.type('kubectl del');
  await page.keyboard.press('Tab');
  await eventually(async () => assert.equal(await page.locator('#terminal-line').inputValue(), 'kubectl delete '));
  await page.keyboard.type('pod we');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await shows(output, /pod "web" deleted/);
  await eventually(async () => assert.ok((await position(page)).max > max, 'the trace has grown'));
  await page.keyboard.press('ArrowUp');
  await eventually(async () => assert.match(await page.locator('#terminal-line').inputValue(), /delete pod web/));
  await page.keyboard.press('ArrowDown');
  await eventually(async () => assert.equal(await page.locator('#terminal-line').inputValue(), ''));
  await accessibleInBothThemes(page, 'in a terminal with output');
  // An empty line lets Tab go where it goes elsewhere.
  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => document.activeElement.id), 'terminal-line');
});

pageTest('the terminal on a phone', { path: `${WEB.replace("step=0", "step=300")}&panel=terminal`, viewport: { width: 360, height: 740 } }, async ({ page }) => {
  await page.locator('#terminal-line').fill('ps -ef --forest');
  await page.locator('#terminal-line').press('Enter');
  await shows(page.locator('.terminal__output'), /\/sbin\/init/);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
  await expectAccessible(page, 'in the terminal on a phone');
});
