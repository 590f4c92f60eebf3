// Lessons: walked to the end by keyboard and by mouse, in both languages, with wrong and right
// answers, and what a link and a reload keep of them.

import assert from 'node:assert/strict';
import { accessibleInBothThemes, expectAccessible, openPage, pageTest } from './harness.mjs';

/** Opens the list with its key and a lesson in it with the mouse. */
async function openLesson(page, id) {
  await page.keyboard.press('g');
  await page.locator(`[data-lesson="${id}"]`).click();
  await page.locator(`.lesson[data-lesson="${id}"]`).waitFor();
}

async function onPage(page, number) {
  await page.locator(`.lesson[data-page="${number}"]`).waitFor();
}

const verdict = (page) => page.locator('.lesson__verdict .badge');

/** Answers a question with options: the wrong ones first, then the right one. */
async function tryOptions(page) {
  const options = page.locator('.lesson [data-option]');
  for (let index = 0; index < (await options.count()); index += 1) {
    await options.nth(index).click();
    await verdict(page).waitFor();
    if (await page.locator('.lesson [data-option].is-right').count()) return index;
  }
  assert.fail('no option is right');
}

pageTest('the list of lessons opens by key, is accessible, and closes', async ({ page }) => {
  await page.keyboard.press('g');
  await page.locator('[data-lesson="timeline"]').waitFor();
  assert.equal(await page.locator('dialog [data-lesson]').count(), 11);
  await expectAccessible(page, 'with the list of lessons');
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
});

for (const [lang, locale, words] of [
  ['en', 'en-US', { right: 'Right.', wrong: 'Not that.', done: 'done' }],
  ['zh', 'zh-CN', { right: '正确。', wrong: '不对。', done: '已完成' }],
]) {
  pageTest(`the lesson on resolv.conf is walked to its end in ${lang}`, { locale }, async ({ page }) => {
    await openLesson(page, 'resolv-conf');
    // Page 1: the file is in the panel of the node, and the answer is written.
    const field = page.locator('.lesson__field input');
    await field.fill('8.8.8.8');
    await field.press('Enter');
    await page.getByText(words.wrong, { exact: true }).waitFor();
    await accessibleInBothThemes(page, 'after a wrong answer');
    await field.fill('192.0.2.53');
    await field.press('Enter');
    await page.getByText(words.right, { exact: true }).waitFor();
    await accessibleInBothThemes(page, 'after a right answer');
    const pages = Number(await page.locator('.lesson__progress').getAttribute('max'));
    for (let number = 2; number <= pages; number += 1) {
      await page.locator('[data-command="NextPage"]').click();
      await onPage(page, number);
      if (await page.locator('.lesson [data-option]').count()) await tryOptions(page);
      const choices = page.locator('.lesson [data-choice]');
      for (let index = 0; index < (await choices.count()); index += 1) {
        await choices.nth(index).click();
        await page.locator(`.lesson [data-choice="${index + 1}"][aria-pressed="true"]`).waitFor();
        await verdict(page).waitFor();
      }
      await expectAccessible(page, `on page ${number}`);
    }
    assert.equal(await page.locator('.lesson__verdict .badge--ok').count(), 1, 'the last choice achieves it');
    await page.keyboard.press('g');
    await page.locator('[data-lesson="resolv-conf"] .badge--ok').getByText(words.done).waitFor();
  });
}

pageTest('a step is found and claimed by keyboard alone', async ({ page }) => {
  await page.keyboard.press('g');
  await page.locator('[data-lesson="before-cri"]').waitFor();
  await page.locator('[data-lesson="before-cri"]').focus();
  await page.keyboard.press('Enter');
  await onPage(page, 1);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'lesson-title');
  for (let number = 2; number <= 4; number += 1) {
    await page.keyboard.press('PageDown');
    await onPage(page, number);
  }
  await page.keyboard.press('PageUp');
  await onPage(page, 3);
  await page.keyboard.press('PageDown');
  await onPage(page, 4);
  const claim = async () => {
    await page.locator('[data-command="ThisStep"]').focus();
    await page.keyboard.press('Enter');
    await verdict(page).waitFor();
  };
  await claim();
  assert.equal(await page.locator('.lesson__verdict .badge--error').count(), 1);
  for (let steps = 0; steps < 40; steps += 1) {
    const before = await page.locator('.caption__facts').textContent();
    if (before.includes('CNI ADD')) break;
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
      (text) => document.querySelector('.caption__facts').textContent !== text,
      before,
    );
  }
  await claim();
  await page.locator('.lesson__verdict .badge--ok').waitFor();
});

pageTest('a change that misses and one that achieves are told apart on the stage', async ({ page }) => {
  await openLesson(page, 'count-it');
  const task = page.locator('.lesson [data-choice]').first();
  while (!(await task.count())) {
    const number = Number(await page.locator('.lesson').getAttribute('data-page'));
    await page.keyboard.press('PageDown');
    await onPage(page, number + 1);
  }
  await page.locator('[data-choice="1"]').click();
  await page.locator('.lesson__verdict .badge--error').waitFor();
  await page.locator('[data-choice="4"]').click();
  await page.locator('.lesson__verdict .badge--ok').waitFor();
  await page.locator('.theatre__stage[data-stack="crio"]').waitFor();
  await expectAccessible(page, 'after a change that achieves what was asked for');
});

pageTest('language, reload and link keep the page of a lesson', async ({ page, origin }) => {
  await openLesson(page, 'timeline');
  await page.keyboard.press('PageDown');
  await onPage(page, 2);
  const english = await page.locator('.lesson__title').textContent();
  await page.keyboard.press('l');
  await page.waitForFunction((text) => document.querySelector('.lesson__title').textContent !== text, english);
  await onPage(page, 2);
  await page.waitForFunction(() => location.hash.includes('lesson=timeline&page=2'));
  const hash = await page.evaluate(() => location.hash);
  const step = await page.locator('.caption__facts').textContent();
  await openPage(page, `${origin}/?again${hash}`);
  await onPage(page, 2);
  assert.equal(await page.locator('.caption__facts').textContent(), step);
  // Closed, it is out of the address, and opened again it goes on where it was.
  await page.locator('[data-command="CloseLesson"]').click();
  await page.waitForFunction(() => !location.hash.includes('lesson='));
  await openLesson(page, 'timeline');
  await onPage(page, 2);
});

pageTest('a lesson that is not there leaves the page usable', async ({ page, origin, complaints }) => {
  await openPage(page, `${origin}/?missing#lesson=no-such-lesson&page=3`);
  await page.locator('.notice').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.locator('.caption__op').waitFor();
  assert.ok(complaints.some((text) => text.includes('404')));
  complaints.splice(0);
});

pageTest('on a phone the lesson stands above the stage', { viewport: { width: 390, height: 844 }, hasTouch: true }, async ({ page }) => {
  await page.locator('[data-command="Lessons"]').click();
  await page.locator('[data-lesson="shim-layers"]').click();
  await onPage(page, 1);
  const top = async (selector) => (await page.locator(selector).first().boundingBox()).y;
  assert.ok((await top('.lesson')) < (await top('.theatre')));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
  await expectAccessible(page, 'with a lesson on a phone');
});
