// What a visitor does: steps, scrubs, changes stack and language, pastes manifests good and bad, by
// mouse and by keyboard alone. In every state that a test reaches, axe finds nothing, in both themes.

import assert from 'node:assert/strict';
import { accessibleInBothThemes, caption, carries, command, eventually, expectAccessible, openPage, pageTest, position, reached, shows } from './harness.mjs';

const WEB = '/#scenario=single-container&stack=dockershim&step=0&detail=2&lang=en';
const PHONE = { width: 390, height: 844 };

const MANIFEST = `apiVersion: v1
kind: Pod
metadata:
  name: pasted
spec:
  containers:
  - name: main
    image: registry.example/app:1
`;

async function runManifest(page, text) {
  if (!(await page.locator('#manifest-text').isVisible())) await command(page, 'Manifest').click();
  await page.locator('#manifest-text').fill(text);
  await page.locator('[data-command="Run"]').click();
}

pageTest('a pasted manifest runs to the end and back to the start', { path: WEB }, async ({ page }) => {
  await command(page, 'Manifest').click();
  await accessibleInBothThemes(page, 'in the manifest editor');
  await page.locator('#manifest-text').fill(MANIFEST);
  await page.locator('#manifest-text').press('Control+Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
  const { max } = await position(page);
  assert.ok(max > 10, `${max} steps`);
  for (let step = 1; step <= max; step++) await page.keyboard.press('ArrowRight');
  await reached(page, max);
  await shows(page.locator('.pod'), /pasted[\s\S]*Running[\s\S]*main[\s\S]*running/);
  await accessibleInBothThemes(page, 'at the end');
  for (let step = 1; step <= max; step++) await page.keyboard.press('ArrowLeft');
  await reached(page, 0);
  assert.equal(await caption(page), 'Nothing has happened yet');
  assert.match(await page.locator('.pod').innerText(), /does not know a pod/);
  await accessibleInBothThemes(page, 'back at the start');
});

pageTest('stepping forwards and back shows the same again', { path: WEB }, async ({ page }) => {
  const seen = [];
  for (let step = 0; step < 12; step++) {
    await page.keyboard.press('ArrowRight');
    await reached(page, step + 1);
    seen.push(await caption(page));
  }
  for (let step = 10; step >= 0; step--) {
    await page.keyboard.press('ArrowLeft');
    await reached(page, step + 1);
    assert.equal(await caption(page), seen[step]);
  }
});

pageTest('another stack, at the moment at which the same has been achieved', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('End');
  await page.locator('[name="stack"]').selectOption('containerd');
  await page.locator('[data-stack="containerd"]').waitFor();
  await shows(page.locator('.pod'), /Running/);
  await shows(page.locator('.stage'), /CRI plugin/);
  await accessibleInBothThemes(page, 'on containerd');
});

pageTest('side by side, with counters', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('End');
  await page.locator('[name="beside"]').selectOption('containerd');
  await page.locator('[data-stack="containerd"]').waitFor();
  assert.equal(await page.locator('.theatre__stage').count(), 2);
  const glue = (stack) => page.locator(`[data-stack="${stack}"] .counter dd`).nth(3).innerText();
  assert.ok(Number(await glue('dockershim')) > 0, 'dockershim has glue');
  assert.equal(Number(await glue('containerd')), 0, 'containerd has none');
  await page.locator('[data-stack="containerd"] .compare__lead').click();
  await page.keyboard.press('ArrowLeft');
  await accessibleInBothThemes(page, 'side by side');
});

pageTest('in Chinese', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('ArrowRight');
  await command(page, 'Language').click();
  await carries(page.locator('html'), 'lang', 'zh-Hans');
  assert.match(await caption(page), /[\u4e00-\u9fff]/);
  await accessibleInBothThemes(page, 'in Chinese');
  await page.keyboard.press('l');
  await carries(page.locator('html'), 'lang', 'en');
});

pageTest('by keyboard alone', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'caption', 'the first link skips to the caption');
  await page.keyboard.press(']');
  await page.locator('input[name="detail"][value="3"]:checked').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowUp');
  await eventually(async () => assert.ok((await position(page)).now > 0));
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  await reached(page, 0);
  await page.keyboard.press('+');
  await page.keyboard.press('+');
  await page.keyboard.press('+');
  await page.keyboard.press(' ');
  await page.waitForFunction(() => Number(document.querySelector('[role=slider]').ariaValueNow) >= 3);
  await page.keyboard.press(' ');
  await page.keyboard.press('?');
  await page.locator('dialog').waitFor();
  await accessibleInBothThemes(page, 'in the help');
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('s');
  await accessibleInBothThemes(page, 'in the choice of scenarios');
  // A crash is no failed call; this scenario has one.
  await page.locator('[data-scenario="cni-fails"]').focus();
  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('e');
  await shows(page.locator('.caption'), /error/);
  await accessibleInBothThemes(page, 'at an error');
  // Every control can be reached and shows that it was.
  const invisible = await page.evaluate(() =>
    [...document.querySelectorAll('button, a[href], select, [tabindex="0"]')]
      .filter((element) => element.offsetParent && !element.classList.contains('skip'))
      .filter((element) => {
        element.focus({ focusVisible: true });
        return document.activeElement === element && getComputedStyle(element).outlineStyle === 'none';
      })
      .map((element) => element.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(invisible, []);
});

pageTest('every panel of the inspector', { path: WEB.replace('detail=2', 'detail=4') }, async ({ page }) => {
  await page.keyboard.press('End');
  for (const tab of ['pod', 'node', 'why', 'steps', 'debug', 'call']) {
    await page.locator(`#tab-${tab}`).click();
    await carries(page.locator(`#tab-${tab}`), 'aria-selected', 'true');
    assert.ok((await page.locator('#panel').innerText()).trim(), `${tab} shows something`);
    await accessibleInBothThemes(page, `with the panel ${tab}`);
  }
  await page.locator('#tab-call').focus();
  await page.keyboard.press('ArrowRight');
  await carries(page.locator('#tab-pod'), 'aria-selected', 'true');
});

pageTest('a call is shown as JSON and as bytes', { path: WEB }, async ({ page }) => {
  const carriesBytes = async () =>
    Number((await page.locator('#panel summary .details__note').first().textContent({ timeout: 50 }).catch(() => '0')).trim()) > 0;
  for (let step = 0; step < 60 && !(await carriesBytes()); step++) await page.keyboard.press('ArrowRight');
  await page.locator('#panel summary').first().click();
  await page.locator('.bytes tbody tr').first().waitFor();
  await accessibleInBothThemes(page, 'with annotated bytes');
});

pageTest('the timeline is scrubbed by pointer', { path: WEB }, async ({ page }) => {
  const box = await page.getByRole('slider').boundingBox();
  await page.mouse.move(box.x + box.width * 0.2, box.y + 10);
  await page.mouse.down();
  const early = (await position(page)).now;
  await page.mouse.move(box.x + box.width * 0.8, box.y + 10, { steps: 5 });
  await page.mouse.up();
  await eventually(async () => assert.ok((await position(page)).now > early));
  await page.mouse.move(box.x + 1, box.y + 10);
  assert.ok((await position(page)).now > early, 'nothing moves without the button');
});

const BAD = [
  ['no YAML', 'a: [1, 2'],
  ['no Pod', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: x\n'],
  ['a missing field', 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - name: a\n'],
  ['a wrong type', MANIFEST.replace('name: main', 'name: main\n    ports:\n    - containerPort: many')],
  ['two of one name', MANIFEST + '  - name: main\n    image: b\n'],
  ['deep nesting', '['.repeat(20_000)],
  ['a bomb', 'a: &a [x,x,x,x,x,x,x,x,x]\n' + 'bcdefghij'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill('*' + 'abcdefghij'[i]).join(',')}]`).join('\n')],
  ['garbage', '\u0000\ufffd%@`'.repeat(3000)],
];

pageTest('bad manifests are marked, and what runs stays', { path: WEB }, async ({ page }) => {
  await page.keyboard.press('ArrowRight');
  await reached(page, 1);
  const before = await caption(page);
  for (const [what, text] of BAD) {
    await runManifest(page, text);
    await page.locator('.problems--errors .problem').first().waitFor({ timeout: 10_000 });
    assert.match(await page.locator('.problem__place').first().innerText(), /Line \d+, column \d+/, what);
    assert.ok((await page.locator('.problem__message').first().innerText()).trim(), what);
    assert.equal(await caption(page), before, `${what}: the simulation stays`);
    assert.ok((await page.locator('.editor__gutter .is-wrong').count()) > 0, `${what}: the line is marked`);
    if (text.length < 1000) await accessibleInBothThemes(page, `with ${what}`);
  }
  assert.equal(await page.locator('#manifest-text').getAttribute('aria-invalid'), 'true');
});

pageTest('fields without effect are listed, and the rest runs', { path: WEB }, async ({ page }) => {
  await runManifest(page, MANIFEST.replace('spec:', 'spec:\n  nodeSelector:\n    disk: ssd'));
  await page.locator('.problems--notes .problem').waitFor();
  assert.match(await page.locator('.problems--notes').innerText(), /Line 6, column 3[\s\S]*spec\.nodeSelector/);
  await accessibleInBothThemes(page, 'with fields that have no effect');
  await command(page, 'Close').click();
  await page.keyboard.press('End');
  await shows(page.locator('.pod'), /pasted/);
});

pageTest('a link brings back its moment; what it gets wrong is said', {
  path: '/#scenario=init-containers&stack=containerd&step=80&detail=3&lang=zh',
}, async ({ page }) => {
  assert.equal(await page.locator('[name="stack"]').inputValue(), 'containerd');
  assert.ok(await page.locator('input[name="detail"][value="3"]').isChecked());
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-Hans');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => !location.hash.includes('step=80&'));
  await page.evaluate(() => { location.hash = '#scenario=nope&lang=en&step=3'; });
  await page.locator('.notice').waitFor();
  assert.match(await page.locator('.notice').innerText(), /scenario=nope/);
  await accessibleInBothThemes(page, 'with a notice');
});

pageTest('the theme is switched and kept', { path: WEB, colorScheme: 'light' }, async ({ page, origin }) => {
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await paper();
  await page.keyboard.press('t');
  await page.keyboard.press('t');
  await carries(page.locator('html'), 'data-theme', 'dark');
  assert.notEqual(await paper(), light);
  await openPage(page, `${origin}/?`);
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
});

for (const colorScheme of ['light', 'dark']) {
  pageTest(`on a phone, ${colorScheme}`, { path: WEB, viewport: PHONE, colorScheme }, async ({ page }) => {
    for (let step = 0; step < 8; step++) await command(page, 'Step').click();
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok((await overflow()) <= 0, 'nothing sticks out sideways');
    const dock = await page.locator('.dock').boundingBox();
    assert.ok(dock.y + dock.height <= PHONE.height + 1, 'the controls are in sight');
    for (const tab of ['sync', 'call', 'pod', 'steps']) {
      await page.locator(`#tab-${tab}`).click();
      assert.ok((await overflow()) <= 0, `nothing sticks out of ${tab}`);
      await expectAccessible(page, `on a phone, ${tab}`);
    }
    await page.locator('[name="beside"]').selectOption('containerd');
    assert.ok((await overflow()) <= 0, 'nothing sticks out side by side');
    await expectAccessible(page, 'on a phone, side by side');
  });
}

pageTest('without motion, nothing moves', { path: WEB, reducedMotion: 'reduce' }, async ({ page }) => {
  for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowRight');
  const moving = await page.evaluate(() => document.getAnimations().filter((a) => a.effect.getTiming().duration > 1).length);
  assert.equal(moving, 0);
});

pageTest('a panic is said and leads back', { open: false }, async ({ page, origin, complaints }) => {
  await page.goto(`${origin}/?panic#scenario=crash-loop&stack=containerd&step=12&detail=2&lang=en`);
  await page.locator('#panic').waitFor({ state: 'visible', timeout: 30_000 });
  assert.match(await page.locator('#panic-message').innerText(), /panic/);
  await accessibleInBothThemes(page, 'after a panic');
  complaints.splice(0);
  await page.locator('#panic-reload').click();
  await page.locator('.app').waitFor();
  assert.match(page.url(), /#scenario=crash-loop&stack=containerd&step=12/);
  assert.ok(await page.locator('#panic').isHidden());
});
