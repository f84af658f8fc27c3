/* The pages in a real Chromium over a recorded cluster, small and of ten thousand GPUs.
 *
 * usage: node test_pages.mjs WEB_DIR OUT_DIR    OUT_DIR gets screenshots */
import {spawn} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {assert, isNoWider, launch, LIMIT_MS, open, run, same, SCREENS, shown, VIEWS, violations} from './browser.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const [WEB, OUT] = process.argv.slice(2);
const HOSTILE = '<img src=x onerror=alert(1)>';

/* `kept`: with a history. */
async function serve(nodes, kept = true) {
  const words = [join(HERE, 'serve.py'), WEB, String(nodes), '0', kept ? '1' : '0'];
  const child = spawn('python3', words, {stdio: ['ignore', 'pipe', 'inherit']});
  const address = await new Promise((resolve, reject) => {
    child.stdout.once('data', (bytes) => resolve(String(bytes).trim()));
    child.once('exit', (status) => reject(new Error(`serve.py ended with ${status}`)));
  });
  return {address, end: () => child.kill(), post: (path) => fetch(address + path, {method: 'POST'})};
}

const CASES = {
  async 'each view is shown, in light, in dark and on a phone'(world) {
    for (const [name, options] of Object.entries(SCREENS)) {
      const {page, end} = await open(world.browser, options);
      for (const view of VIEWS) {
        await shown(page, world.small.address, view);
        await page.screenshot({path: join(OUT, `${name}-${view}.png`)});
        await isNoWider(page, `${name} ${view}`);
      }
      await end();
    }
  },

  async 'axe finds nothing, in light and in dark'(world) {
    for (const colorScheme of ['light', 'dark']) {
      const {page, end} = await open(world.browser, {colorScheme, bypassCSP: true});
      for (const view of [...VIEWS, 'fleet/gpu/GPU-00000000-0000', 'fleet/pod/team-a/waits-0']) {
        await shown(page, world.small.address, view);
        same(await violations(page), '', `${colorScheme} ${view}`);
      }
      await page.goto(`${world.small.address}#/fleet`);
      await page.getByLabel('as a table').check();
      same(await violations(page), '', `${colorScheme} table`);
      await end();
    }
  },

  async 'a plot: one point is a dot, a gap is a gap, and what is counted has whole numbers'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    const drawn = await page.evaluate(async () => {
      const {plot} = await import('./plot.js');
      const tell = (unit, points) => {
        const figure = plot({title: 'x', unit, lines: [{name: 'a', points}]}, {from: 0, to: 600, step: 15, href: 'api'});
        return {lines: (figure.querySelector('path').getAttribute('d').match(/M/g) ?? []).length,
          dots: figure.querySelectorAll('circle').length,
          ticks: [...figure.querySelectorAll('text[text-anchor=end]')].map((one) => one.textContent)};
      };
      return {one: tell('', [[300, 2]]), gap: tell('%', [[0, 1], [15, 1], [30, null], [45, 1], [60, 2], [75, 1]]),
        away: tell('%', [[0, 1], [15, 1], [30, 1], [300, 1], [315, 1], [330, 1], [500, 1]]),
        small: tell('', [[0, 0], [15, 1], [30, 0]]), dollars: tell('$', [[0, 0], [15, 1], [30, 0]])};
    });
    same(JSON.stringify([drawn.one.lines, drawn.one.dots]), '[0,1]', 'one point');
    same(JSON.stringify([drawn.gap.lines, drawn.gap.dots]), '[2,0]', 'a null');
    same(JSON.stringify([drawn.away.lines, drawn.away.dots]), '[2,1]', 'nobody was there');
    same(JSON.stringify(drawn.small.ticks), '["0","1"]', 'counts');
    assert(drawn.dollars.ticks.length > 2, 'dollars have fractions');
    await end();
  },

  async 'the planner is asked in a cluster, and not offered on one machine'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address, 'money');
    await page.getByRole('button', {name: 'Ask the planner'}).waitFor();
    await page.route('**/api/v1/fleet', async (route) => {
      const answer = await route.fetch();
      const fleet = await answer.json();
      await route.fulfill({json: {...fleet, source: {...fleet.source, kind: 'node'}}});
    });
    await page.reload();
    await page.getByText('used by pods').waitFor();
    same(await page.getByRole('button', {name: 'Ask the planner'}).count(), 0, 'a button');
    await end();
  },

  async 'a click on a GPU shows it, its slices, its history'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    const box = await page.locator('canvas').boundingBox();
    await page.mouse.click(box.x + 40, box.y + 28 + 20 + 8 + 15);
    await page.locator('aside h2').waitFor();
    assert(/GPU \d/.test(await page.locator('aside h2').textContent()), 'the chosen GPU has no heading');
    await page.locator('aside caption', {hasText: 'History'}).waitFor();
    await page.screenshot({path: join(OUT, 'chosen.png')});
    await page.getByLabel('Close').click();
    await page.locator('aside').waitFor({state: 'hidden'});
    await end();
  },

  async 'the history of a GPU and of a pod is shown, by their addresses too'(world) {
    for (const words of ['gpu/GPU-00000000-0000', 'pod/team-a/waits-0']) {
      const {page, end} = await open(world.browser);
      await shown(page, world.small.address, `fleet/${words}`);
      await page.locator('aside caption', {hasText: 'History'}).waitFor();
      await end();
    }
  },

  async 'what was is drawn, as far back as is asked for'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address, 'time');
    await page.locator('.plots').getByText('GPU memory').first().waitFor();
    const asked = page.waitForRequest((request) => request.url().includes('/api/v1/history?'));
    await page.getByRole('link', {name: '7 d'}).click();
    const words = new URL((await asked).url()).searchParams;
    same(Number(words.get('to')) - Number(words.get('from')), 7 * 86400, 'seconds asked for');
    await page.locator('.plots').getByText('GPU memory').first().waitFor();
    await end();
  },

  async 'what was paid in the last days is shown, to the cent, and of how much of them it is known'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address, 'money');
    const table = page.getByRole('table', {name: 'What was paid'});
    await table.waitFor();
    const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) =>
      [row.cells[0].textContent, Number(row.cells[1].textContent.replaceAll(',', ''))]));
    same(rows.map(([name]) => name).join(' '), 'used idle stranded starting total', 'rows');
    const total = Math.round(rows.at(-1)[1] * 100);
    assert(total > 0, 'nothing was paid');
    same(rows.slice(0, -1).reduce((sum, [, dollars]) => sum + Math.round(dollars * 100), 0), total, 'cents');
    await page.getByText(/Known of 6 d .* of 7 d.*; what the other 2 h cost is not known/).waitFor();
    same(await page.getByText('left out').count(), 0, 'something is left out');
    const rounded = await page.evaluate(async () => {
      const {cents} = await import('./paid.js');
      const third = {uusd: 3333, rest: 1200};
      return cents([{name: 'a', ...third}, {name: 'b', uusd: 3333, rest: 1201}, {name: 'c', ...third}], {uusd: 10000, rest: 1});
    });
    same(rounded.rows.map((row) => row.cents).join(' '), '0 1 0', 'cents of three thirds of a cent');
    same(rounded.all, 1, 'cents of all');
    await end();
  },

  async 'what is damaged of the history is said, with its times, wherever it lacks'(world) {
    const why = `${HOSTILE} its parts are not its bill`;
    const damaged = (count) => ({count, first: [{at: '2026-11-20T07:00:00Z', why}, {why: 'a row of no time'}].slice(0, count)});
    for (const colorScheme of ['light', 'dark']) {
      const {page, end} = await open(world.browser, {colorScheme, bypassCSP: true});
      await page.route(/api\/v1\/(cost|.*history)/, async (route) => {
        const answer = await route.fetch();
        const left = damaged({cost: 103, history: 2}[/(cost|history)\?/.exec(route.request().url())?.[1]] ?? 1);
        await route.fulfill({json: {...await answer.json(), left_out: left}});
      });
      for (const [view, words, more] of [
        ['money', '103 hours are left out of these sums: what the history has of them is damaged', 'and 101 more'],
        ['time', '2 numbers are left out of these lines: what the history has of them is damaged', null],
        ['fleet/gpu/GPU-00000000-0000', '1 event is left out of this list: what the history has of it is damaged', null]]) {
        await shown(page, world.small.address, view);
        await page.getByText(words).waitFor();
        const section = page.getByRole('region', {name: 'Left out', exact: true});
        await section.locator('summary').click();
        await section.getByRole('cell', {name: why}).waitFor();
        assert((await section.innerText()).includes('20 Nov 2026'), `${view}: no time in ${await section.innerText()}`);
        same(await section.locator('img').count(), 0, 'images');
        if (more !== null) {
          await section.getByText(more).waitFor();
          await section.getByRole('rowheader', {name: 'unknown'}).waitFor();
        }
        same(await violations(page), '', `${colorScheme} ${view}`);
        await page.screenshot({path: join(OUT, `left-out-${colorScheme}-${view.split('/')[0]}.png`), fullPage: true});
      }
      await end();
    }
  },

  async 'what a reader has opened stays open, with the keyboard on it, when newer numbers come'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address, 'time');
    const opened = page.locator('.plots details').nth(1);
    await opened.locator('summary').click();
    await opened.getByRole('table').waitFor();
    const found = await page.evaluate(async () => {
      const {refill} = await import('./dom.js');
      const into = document.querySelector('.plots');
      const newer = into.cloneNode(true);
      newer.querySelectorAll('details').forEach((one) => one.removeAttribute('open'));
      const was = into.querySelectorAll('details')[1];
      refill(into, ...newer.childNodes, null, false);
      const now = [...into.querySelectorAll('details')];
      return {anew: now[1] !== was, open: now.map((one, i) => one.open && i).filter((i) => i !== false).join(' '),
        on: now[1].querySelector('summary') === document.activeElement};
    });
    same(JSON.stringify(found), JSON.stringify({anew: true, open: '1', on: true}), 'after newer numbers');
    await end();
  },

  async 'where nobody keeps a history the pages say so, and do not ask'(world) {
    const {page, end} = await open(world.browser); /* a 404 in the console fails it */
    const asked = [];
    page.on('request', (request) => /history|cost/.test(request.url()) && asked.push(request.url()));
    await shown(page, world.unkept.address, 'time');
    await page.locator('.plots', {hasText: 'Nobody keeps what was'}).waitFor();
    await page.goto('about:blank');
    await shown(page, world.unkept.address, 'money');
    for (const words of ['gpu/GPU-00000000-0000', 'pod/team-a/waits-0']) {
      await page.goto('about:blank');
      await shown(page, world.unkept.address, `fleet/${words}`);
      await page.locator('aside', {hasText: 'nobody keeps events'}).waitFor();
    }
    same(asked.join(' '), '', 'questions about what was');
    await end();
  },

  async 'a pod is reached from its slice'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    await page.getByLabel('as a table').check();
    await page.locator('.list tr', {hasText: 'worker-'}).first().locator('a').first().click();
    await page.locator('aside a[href^="#/fleet/pod/"]').first().click();
    await page.locator('aside caption', {hasText: 'Holds'}).waitFor();
    await end();
  },

  async 'the filter leaves what has all its words'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    const gpus = () => page.locator('canvas').getAttribute('data-gpus').then(Number);
    same(await gpus(), 24, 'GPUs');
    await page.getByLabel('Filter').fill('serving ip-10-0-0-1');
    await page.waitForFunction(() => document.querySelector('canvas').dataset.gpus === '8');
    await page.getByLabel('Filter').fill('no such thing');
    await page.waitForFunction(() => document.querySelector('canvas').dataset.gpus === '0');
    await end();
  },

  async 'the map can be walked by keyboard, and says where one is'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    await page.locator('canvas').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.locator('.live', {hasText: /GPU 1/}).waitFor({state: 'attached'});
    await page.keyboard.press('Enter');
    await page.locator('aside h2').waitFor();
    await end();
  },

  async 'names from data are text and nothing else'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address, 'waiting');
    await page.waitForFunction((name) => document.querySelector('main').textContent.includes(name), HOSTILE);
    same(await page.locator('main img').count(), 0, 'images in the view');
    await page.goto(`${world.small.address}#/fleet/pod/x/${encodeURIComponent(HOSTILE)}`);
    await page.locator('aside h2').waitFor();
    same(await page.locator('aside img').count(), 0, 'images in the aside');
    await end();
  },

  async 'a lost connection is said, and what was seen stays; it comes back by itself'(world) {
    const {page, end} = await open(world.browser, {}, (text) => /Failed to load resource|ERR_/.test(text));
    await shown(page, world.small.address);
    await world.small.post('test/down');
    await page.locator('#link.dead').waitFor();
    await page.locator('#link', {hasText: /next try/}).waitFor();
    same(await page.locator('canvas').getAttribute('data-gpus'), '24', 'GPUs still shown');
    await world.small.post('test/up');
    await page.waitForFunction(() => document.getElementById('link').textContent === 'live');
    await end();
  },

  async 'a change comes by itself'(world) {
    const {page, end} = await open(world.browser);
    await shown(page, world.small.address);
    const before = await page.locator('#summary').textContent();
    const deadline = Date.now() + LIMIT_MS;
    while (Date.now() < deadline && await page.locator('#summary').textContent() === before) {
      await world.small.post('test/change?n=3');
      await page.waitForTimeout(100);
    }
    assert(await page.locator('#summary').textContent() !== before, 'nothing has changed');
    await end();
  },

  async 'ten thousand GPUs are drawn, scrolled and changed'(world) {
    const {page, end} = await open(world.browser);
    const begun = Date.now();
    await shown(page, world.large.address);
    const first = Date.now() - begun;
    same(await page.locator('canvas').getAttribute('data-gpus'), '10000', 'GPUs');
    await page.screenshot({path: join(OUT, 'ten-thousand.png')});
    const frames = await page.evaluate(async () => {
      const stage = document.querySelector('.stage');
      const times = [];
      for (let i = 0; i < 60; i++) {
        const at = performance.now();
        stage.scrollTop = i * 97 % (stage.scrollHeight - stage.clientHeight);
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        times.push(performance.now() - at);
      }
      return times.sort((a, b) => a - b);
    });
    const long = await page.evaluate(() => {
      globalThis.longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((one) => {
        globalThis.longest = Math.max(globalThis.longest, one.duration);
      })).observe({entryTypes: ['longtask']});
      return true;
    });
    assert(long, 'no observer');
    for (let i = 0; i < 10; i++) {
      await world.large.post('test/change?n=12');
      await page.waitForTimeout(100);
    }
    const longest = await page.evaluate(() => globalThis.longest);
    console.log(`# 10,000 GPUs: shown after ${first} ms; a scrolled frame p50 ${frames[30].toFixed(1)} ms, p95 `
      + `${frames[57].toFixed(1)} ms (two frames); longest task while 12 nodes change ten times a second: ${longest} ms`);
    await end();
  },
};

mkdirSync(OUT, {recursive: true});
const world = {small: await serve(3), large: await serve(1250), unkept: await serve(3, false)};
let failed = 0;
try {
  world.browser = await launch();
  failed = await run(CASES, world);
} finally {
  await world.browser?.close();
  world.small.end();
  world.large.end();
  world.unkept.end();
}
process.exitCode = failed > 0 ? 1 : 0;
