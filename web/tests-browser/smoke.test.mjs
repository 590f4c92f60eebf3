// The page opens: it has a title, a heading and a language, the console stays empty and axe finds
// nothing, in the four corners that every later change can break unnoticed.

import assert from 'node:assert/strict';
import { expectAccessible, pageTest } from './harness.mjs';

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [WIDE, NARROW]) {
    pageTest(`opens, ${colorScheme}, ${viewport.width} pixels wide`, { colorScheme, viewport }, async ({ page }) => {
      assert.match(await page.title(), /Shimscope/);
      assert.ok(await page.locator('html').getAttribute('lang'), 'the page says which language it is in');
      assert.ok((await page.locator('main').innerText()).trim().length > 0, 'the page shows something');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `nothing sticks out sideways (${overflow} pixels)`);
      await expectAccessible(page, 'after opening');
    });
  }
}
