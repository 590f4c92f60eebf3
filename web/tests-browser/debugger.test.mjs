// The page as a debugger: breakpoints, watches, search, faults and what-ifs, by keyboard and by
// mouse, wide and on a phone.

import assert from 'node:assert/strict';
import { accessibleInBothThemes, carries, command, eventually, expectAccessible, pageTest, position, reached, shows } from './harness.mjs';

const WEB = '/#scenario=single-container&stack=dockershim&step=0&detail=2&lang=en';
const PHONE = { width: 360, height: 740 };

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** Presses a key and waits until it has led further; says where to. */
async function moved(page, key, from) {
  await page.keyboard.press(key);
  await eventually(async () => assert.ok((await position(page)).now > from, key));
  return (await position(page)).now;
}

pageTest('runs to steps of SyncPod, CRI calls and errors, and back', { path: WEB }, async ({ page }) => {
  for (const key of ['y', 'c', 'e']) {
    await page.keyboard.press('Home');
    await reached(page, 0);
    const first = await moved(page, key, 0);
    await moved(page, key, first);
    await page.keyboard.press(`Shift+${key.toUpperCase()}`);
    await reached(page, first);
  }
  await page.keyboard.press('Home');
  await reached(page, 0);
  await moved(page, 'Shift+ArrowDown', await moved(page, 'c', 0));
});

pageTest('breakpoints and watches are set, run to, kept in the link and removed', { path: WEB }, async ({ page }) => {
  await page.locator('#tab-debug').click();
  await shows(page.locator('#panel'), /Call stack/);
  await page.locator('.point-form .field').fill('StartContainer');
  await page.locator('.point-form button').click();
  await page.locator('.point-form select').selectOption('File');
  await page.locator('.point-form .field').fill('/etc/resolv.conf');
  await page.locator('.point-form .field').press('Enter');
  await page.locator('.point-form select').selectOption('Component');
  await page.locator('.point-form .field').fill('nobody');
  await page.locator('.point-form .field').press('Enter');
  await shows(page.locator('.point-form__wrong'), /nothing of this name/);
  assert.equal(await page.locator('.point').count(), 2);
  await accessibleInBothThemes(page, 'with breakpoints');
  await page.locator('#panel').focus();
  await moved(page, 'r', await moved(page, 'r', 0));
  await shows(page.locator('.caption'), /StartContainer/);
  await shows(page.locator('.point__value'), /nameserver/);
  await page.waitForFunction(() => /break=op:StartContainer&break=file:\/etc\/resolv.conf/.test(location.hash));
  await page.reload();
  await page.locator('.point').first().waitFor();
  assert.equal(await page.locator('.point').count(), 2);
  await page.locator('.point button[aria-label^="Remove"]').first().click();
  await eventually(async () => assert.equal(await page.locator('.point').count(), 1));
});

pageTest('the trace is searched by keyboard alone', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement.id === 'search');
  await page.keyboard.type('resolv.conf');
  await moved(page, 'Enter', await moved(page, 'Enter', 0));
  await accessibleInBothThemes(page, 'while searching');
  await page.keyboard.press('Escape');
  await eventually(async () => assert.equal(await page.locator('#search').inputValue(), ''));
  await carries(page.locator('#tab-steps'), 'aria-selected', 'true');
});

pageTest('a fault is injected, its first difference shown, undone and redone', { path: WEB }, async ({ page }) => {
  await moved(page, 'c', 0);
  await page.keyboard.press('w');
  await page.locator('#fault-op').waitFor();
  await accessibleInBothThemes(page, 'in the what-if dialog');
  const op = await page.locator('#fault-op option:checked').innerText();
  await command(page, 'RunAgain').click();
  await page.locator('.notice--difference').waitFor();
  await shows(page.locator('.notice--difference'), /Before[\s\S]*Now[\s\S]*fails/);
  await shows(page.locator('.caption'), /error/);
  await accessibleInBothThemes(page, 'at the first difference');
  await page.waitForFunction(() => location.hash.includes('edits='));
  await page.keyboard.press('w');
  assert.ok((await page.locator('.whatif .point').innerText()).includes(op));
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+z');
  await page.waitForFunction(() => !location.hash.includes('edits='));
  await page.keyboard.press('Control+Shift+Z');
  await page.waitForFunction(() => location.hash.includes('edits='));
});

pageTest('what if the pod is deleted here', { path: WEB }, async ({ page }) => {
  const { max } = await position(page);
  await page.keyboard.press('End');
  await reached(page, max);
  await command(page, 'WhatIf').click();
  await page.getByRole('button', { name: /Delete pod web/ }).click();
  await eventually(async () => assert.ok((await position(page)).max > max, 'the trace has grown'));
  await page.keyboard.press('End');
  await shows(page.locator('.pod'), /deleted|gone/i);
});

pageTest('SyncPod’s steps lead to their moments', { path: WEB }, async ({ page }) => {
  await page.locator('.sync__step').nth(3).click();
  await shows(page.locator('.sync [aria-current="step"]'), /4/);
  await page.locator('.sync summary').click();
  await shows(page.locator('.sync .code'), /CreateSandbox\s+true/);
  await accessibleInBothThemes(page, 'at a step of SyncPod');
});

for (const colorScheme of ['light', 'dark']) {
  pageTest(`the debugger on a phone, ${colorScheme}`, { path: WEB, viewport: PHONE, colorScheme }, async ({ page }) => {
    for (const tab of ['debug', 'steps', 'why']) {
      await page.locator(`#tab-${tab}`).click();
      assert.ok((await overflow(page)) <= 0, `nothing sticks out of ${tab}`);
      await expectAccessible(page, `on a phone, ${tab}`);
    }
    await command(page, 'WhatIf').click();
    await page.locator('#fault-op').waitFor();
    assert.ok((await overflow(page)) <= 0, 'nothing sticks out of the what-if dialog');
    await expectAccessible(page, 'on a phone, what if');
  });
}
