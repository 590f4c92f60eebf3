// The page as a debugger: breakpoints, watches, search, faults and what-ifs, by keyboard and by
// mouse, wide and on a phone.

import assert from 'node:assert/strict';
import { accessibleInBothThemes, command, expectAccessible, pageTest, position } from './harness.mjs';

const WEB = '/#scenario=single-container&stack=dockershim&step=0&detail=2&lang=en';
const PHONE = { width: 360, height: 740 };

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

pageTest('runs to steps of SyncPod, CRI calls and errors, and back', { path: WEB }, async ({ page }) => {
  for (const key of ['y', 'c', 'e']) {
    await page.keyboard.press('Home');
    await page.keyboard.press(key);
    const first = (await position(page)).now;
    await page.keyboard.press(key);
    assert.ok((await position(page)).now > first, key);
    await page.keyboard.press(`Shift+${key.toUpperCase()}`);
    assert.equal((await position(page)).now, first, `Shift+${key}`);
  }
  await page.keyboard.press('Home');
  await page.keyboard.press('c');
  await page.keyboard.press('Shift+ArrowDown');
  assert.ok((await position(page)).now > 0);
});

pageTest('breakpoints and watches are set, run to, kept in the link and removed', { path: WEB }, async ({ page }) => {
  await page.locator('#tab-debug').click();
  assert.match(await page.locator('#panel').innerText(), /Call stack/);
  await page.locator('.point-form .field').fill('StartContainer');
  await page.locator('.point-form button').click();
  await page.locator('.point-form select').selectOption('File');
  await page.locator('.point-form .field').fill('/etc/resolv.conf');
  await page.locator('.point-form .field').press('Enter');
  await page.locator('.point-form select').selectOption('Component');
  await page.locator('.point-form .field').fill('nobody');
  await page.locator('.point-form .field').press('Enter');
  assert.match(await page.locator('.point-form__wrong').innerText(), /nothing of this name/);
  assert.equal(await page.locator('.point').count(), 2);
  await accessibleInBothThemes(page, 'with breakpoints');
  await page.locator('#panel').focus();
  await page.keyboard.press('r');
  await page.keyboard.press('r');
  assert.match(await page.locator('.caption').innerText(), /StartContainer/);
  assert.match(await page.locator('.point__value').innerText(), /nameserver/);
  await page.waitForFunction(() => /break=op:StartContainer&break=file:\/etc\/resolv.conf/.test(location.hash));
  await page.reload();
  await page.locator('.point').first().waitFor();
  assert.equal(await page.locator('.point').count(), 2);
  await page.locator('.point button[aria-label^="Remove"]').first().click();
  assert.equal(await page.locator('.point').count(), 1);
});

pageTest('the trace is searched by keyboard alone', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
  await page.keyboard.type('resolv.conf');
  await page.keyboard.press('Enter');
  const first = await position(page);
  await page.keyboard.press('Enter');
  assert.ok((await position(page)).now >= first.now);
  await accessibleInBothThemes(page, 'while searching');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#search').inputValue(), '');
  await page.keyboard.press('ArrowRight');
});

pageTest('a fault is injected, its first difference shown, undone and redone', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('c');
  await page.keyboard.press('w');
  await accessibleInBothThemes(page, 'in the what-if dialog');
  const op = await page.locator('#fault-op option:checked').innerText();
  await command(page, 'RunAgain').click();
  await page.locator('.notice--difference').waitFor();
  assert.match(await page.locator('.notice--difference').innerText(), /Before[\s\S]*Now[\s\S]*fails/);
  assert.match(await page.locator('.caption').innerText(), /error/);
  await accessibleInBothThemes(page, 'at the first difference');
  await page.waitForFunction(() => location.hash.includes('edits='));
  await page.keyboard.press('w');
  assert.ok((await page.locator('.whatif .point').innerText()).includes(op));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  await page.waitForFunction(() => !location.hash.includes('edits='));
  await page.keyboard.press('Control+Shift+Z');
  await page.waitForFunction(() => location.hash.includes('edits='));
});

pageTest('what if the pod is deleted here', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('End');
  const { max } = await position(page);
  await command(page, 'WhatIf').click();
  await page.getByRole('button', { name: /Delete pod web/ }).click();
  await page.locator('.notice--difference').waitFor().catch(() => page.locator('.notice').waitFor());
  assert.ok((await position(page)).max > max, 'the trace has grown');
  await page.keyboard.press('End');
  assert.match(await page.locator('.pod').innerText(), /deleted|gone/i);
});

pageTest('SyncPod’s steps lead to their moments', { path: WEB }, async ({ page }) => {
  await page.locator('.sync__step').nth(3).click();
  assert.match(await page.locator('.sync [aria-current="step"]').innerText(), /4/);
  await page.locator('.sync summary').click();
  assert.match(await page.locator('.sync .code').innerText(), /CreateSandbox\s+true/);
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
