/* The pages in a real Chromium over a cluster that lives: three nodes of eight GPUs, an API server,
 * kubelets, agents, a controller. tests/cluster/test_web.py has the cluster, and does what is asked
 * here: a line to it on stdout, behind "> ", and a line back on stdin.
 *
 * usage: node live.mjs ADDRESS OUT_DIR    OUT_DIR gets screenshots */
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {assert, isNoWider, launch, LIMIT_MS, open, run, same, SCREENS, shown, VIEWS, violations} from './browser.mjs';

const [ADDRESS, OUT] = process.argv.slice(2);
const HOME = new URL('/', ADDRESS).href;
const GPUS = 24;
const answers = createInterface({input: process.stdin})[Symbol.asyncIterator]();

/* Has something done to the cluster; what came of it. */
async function cluster(what, ...words) {
  console.log(`> ${JSON.stringify([what, ...words])}`);
  const {value, done} = await answers.next();
  assert(!done, 'the cluster is gone');
  const answer = JSON.parse(value);
  assert(answer.error === undefined, `${what}: ${answer.error}`);
  return answer.is;
}

/* What the controller's absence makes. */
function isAway(text) {
  return /Failed to load resource|ERR_|EventSource/.test(text);
}

/* Signed in: the printed address gives the cookie. */
async function enter(world, options = {}, isExpected = undefined) {
  const made = await open(world.browser, options, isExpected);
  await made.page.goto(ADDRESS);
  await made.page.waitForURL(HOME);
  return made;
}

async function until(page, what, holds, argument) {
  try {
    await page.waitForFunction(holds, argument, {timeout: LIMIT_MS});
  } catch (error) {
    const known = await page.evaluate(async () => JSON.stringify((await import('/state.js')).state.waiting));
    throw new Error(`${what}: ${error.message}; it waits: ${known}; the page says: ${await page.locator('body').innerText()}`);
  }
}

async function filter(page, words, gpus) {
  await page.getByLabel('Filter').fill(words);
  await until(page, `${gpus} GPUs by "${words}"`, (n) => Number(document.querySelector('canvas').dataset.gpus) === n, gpus);
}

/* The first GPU of the map. */
async function clickFirst(page) {
  const box = await page.locator('canvas').boundingBox();
  await page.mouse.click(box.x + 40, box.y + 28 + 20 + 8 + 15);
  await page.locator('aside h2').waitFor();
}

/* $/h of the rows of a table: {name: millionths}. */
function dollarsOf(page, caption) {
  return page.evaluate(async (text) => {
    const table = [...document.querySelectorAll('table')].find((one) => one.caption?.textContent.startsWith(text));
    const column = [...table.querySelectorAll('thead th')].findIndex((one) => one.textContent.startsWith('$/h'));
    return Object.fromEntries([...table.querySelectorAll('tbody tr')].map((row) =>
      [row.cells[0].textContent, row.cells[column].textContent]));
  }, caption);
}

function cents(text) {
  const found = /-?[\d,]+\.\d\d/.exec(text);
  assert(found !== null, `no dollars: "${text}"`);
  return Math.round(Number(found[0].replaceAll(',', '')) * 100);
}

const CASES = {
  async 'the fleet is what the cluster has'(world) {
    const {page, end} = await enter(world);
    await shown(page, HOME);
    same(await page.locator('canvas').getAttribute('data-gpus'), String(GPUS), 'GPUs');
    for (const [words, gpus] of [['node-1', 8], ['3g.20gb', 8], ['serving', 16], ['serving 4g.20gb', 8], ['no such', 0]]) {
      await filter(page, words, gpus);
    }
    await page.screenshot({path: join(OUT, 'filtered.png')});
    await filter(page, '', GPUS);
    await page.getByLabel('as a table').check();
    same(await page.locator('.list tbody tr').count(), GPUS, 'rows of the table');
    assert((await page.locator('.list').innerText()).includes('A100-40GB'), 'no model in the table');
    await end();
  },

  async 'a pod that comes is seen on its slice, and is reached from it'(world) {
    const {page, end} = await enter(world);
    await shown(page, HOME);
    await filter(page, 'web-1', 0);
    const node = await cluster('run', 'web-1', {'1g.5gb': 1});
    await filter(page, 'web-1', 8);
    await page.getByLabel('as a table').check();
    const row = page.locator('.list tr', {hasText: 'default/web-1'});
    same(await row.count(), 1, 'GPUs that it is on');
    assert((await row.innerText()).startsWith(node), `on ${await row.innerText()}; expected ${node}`);
    await row.locator('a').first().click();
    await page.locator('aside table tr', {hasText: 'default/web-1'}).getByText('held', {exact: true}).waitFor();
    await page.screenshot({path: join(OUT, 'chosen.png')});
    await page.locator('aside a', {hasText: 'default/web-1'}).click();
    await page.locator('aside caption', {hasText: 'Holds'}).waitFor();
    await page.locator('aside th', {hasText: '1g.5gb'}).waitFor();
    await page.screenshot({path: join(OUT, 'pod.png')});
    await page.getByLabel('Close').click();
    await page.locator('aside').waitFor({state: 'hidden'});
    await cluster('delete', 'web-1');
    await filter(page, 'web-1', 0);
    await end();
  },

  async 'what was is there: numbers over time, a pod\'s events, a GPU\'s'(world) {
    const {page, end} = await enter(world);
    await shown(page, HOME);
    await cluster('run', 'past', {'3g.20gb': 1});
    await filter(page, 'default/past', 8);
    await page.getByLabel('as a table').check();
    await page.locator('.list tr', {hasText: 'default/past'}).locator('a').first().click();
    const uuid = decodeURIComponent(new URL(page.url()).hash.split('/').at(-1));
    await page.goto(`${HOME}#/fleet`);
    await filter(page, '', GPUS);
    const past = page.locator('aside table', {hasText: 'History'});
    const has = async (view, words) => { /* what was is asked for once a look */
      for (const begun = Date.now(); ;) {
        await page.goto(`${HOME}#/waiting`);
        await shown(page, HOME, view);
        await past.or(page.locator('aside', {hasText: 'History:'})).first().waitFor();
        const text = await page.locator('aside').innerText();
        if (words.every((one) => text.includes(one))) {
          return;
        }
        assert(Date.now() - begun < LIMIT_MS, `${view}: found ${text}; expected ${words}`);
      }
    };
    await has('fleet/pod/default/past', ['Bound', 'Slice', '3g.20gb']);
    await page.screenshot({path: join(OUT, 'pod-history.png')});
    await has(`fleet/gpu/${uuid}`, ['Held', 'pod default/past']);
    await cluster('delete', 'past');
    await has('fleet/pod/default/past', ['Gone']);
    await has(`fleet/gpu/${uuid}`, ['Held', 'Free', 'pod default/past']);
    await page.screenshot({path: join(OUT, 'gpu-history.png')});
    await shown(page, HOME, 'time/1%20h');
    for (const title of ['GPU memory', 'Dollars an hour', 'Waiting pods']) {
      await page.locator('figure', {hasText: title}).locator('path').first().waitFor({state: 'attached'});
    }
    const table = page.locator('figure', {hasText: 'GPU memory'}).locator('table');
    assert(await table.locator('tbody tr').count() > 0, 'no points of GPU memory');
    await page.screenshot({path: join(OUT, 'time.png'), fullPage: true});
    await end();
  },

  async 'a re-cut is seen while it is under way, and whose slice it makes'(world) {
    const {page, end} = await enter(world);
    await shown(page, HOME);
    await cluster('freeze');
    const row = page.locator('tr', {hasText: 'default/recut'});
    try {
      await cluster('create', 'recut', {'7g.40gb': 1});
      await filter(page, 'coming', 8);
      await page.getByLabel('as a table').check();
      await page.locator('.list tr', {hasText: 'coming'}).locator('a').first().click();
      await page.locator('aside dd', {hasText: 'asked for'}).waitFor();
      await page.screenshot({path: join(OUT, 'recut.png')});
      await page.getByRole('link', {name: 'Waiting'}).click();
      await row.getByText('idle slices are cut anew').waitFor();
    } finally {
      await cluster('thaw');
    }
    await row.waitFor({state: 'detached', timeout: LIMIT_MS});
    await cluster('running', 'recut');
    await shown(page, HOME);
    await filter(page, 'default/recut', 8);
    await cluster('delete', 'recut');
    await end();
  },

  async 'a pod that waits says why'(world) {
    const {page, end} = await enter(world);
    await cluster('create', 'never', {'1g.23gb': 1});
    await shown(page, HOME, 'waiting');
    const row = page.locator('tr', {hasText: 'default/never'});
    await row.waitFor();
    await until(page, 'a reason', () => [...document.querySelectorAll('tr')].some((one) =>
      one.textContent.includes('default/never') && one.cells[1].textContent.length > 20));
    same(await row.locator('td').nth(2).innerText(), '1 × 1g.23gb', 'what it asks for');
    await page.screenshot({path: join(OUT, 'waits.png')});
    same((await page.locator('#waiting-count').innerText()).trim(), '1', 'pods beside the view\'s name');
    await row.locator('a').first().click();
    await page.locator('aside h2', {hasText: 'default/never'}).waitFor();
    await end();
  },

  async 'the bill adds up on the page, and the planner answers'(world) {
    const {page, end} = await enter(world);
    await cluster('run', 'payer', {'3g.20gb': 1});
    await shown(page, HOME, 'money');
    await page.locator('table', {hasText: 'By namespace'}).getByText('default', {exact: true}).waitFor({timeout: LIMIT_MS});
    const parts = Object.entries(await dollarsOf(page, 'The bill'));
    same(parts.length, 5, 'rows of the bill');
    const sum = parts.slice(0, 4).reduce((all, [, text]) => all + cents(text), 0);
    const bill = cents(parts[4][1]);
    assert(Math.abs(sum - bill) <= 2, `the parts are ${sum} cents; the bill ${bill}`); /* each is rounded */
    same(bill, Math.round(3 * 21957642 / 10000), 'the bill of three p4d.24xlarge, in cents');
    const spaces = Object.values(await dollarsOf(page, 'By namespace')).reduce((all, text) => all + cents(text), 0);
    assert(Math.abs(spaces - cents(parts[0][1])) <= 1, `namespaces ${spaces} cents; used ${parts[0][1]}`);
    await page.getByRole('table', {name: 'What was paid'}).waitFor();
    await page.getByRole('button', {name: 'Ask the planner'}).click();
    await page.locator('caption', {hasText: 'What would change'}).waitFor({timeout: LIMIT_MS});
    await page.screenshot({path: join(OUT, 'planner.png'), fullPage: true});
    await end();
  },

  async 'every number links to the document that gave it'(world) {
    const {page, end} = await enter(world);
    for (const view of ['fleet', 'waiting', 'money']) {
      await shown(page, HOME, view);
      const paths = await page.locator('a[href^="api/v1/"]').evaluateAll((all) => [...new Set(all.map((one) => one.href))]);
      assert(paths.length > 0, `${view}: no number has a link`);
      for (const path of paths) {
        const status = await page.evaluate((at) => fetch(at).then((answer) => answer.status), path);
        same(status, 200, path);
      }
    }
    await end();
  },

  async 'each view is shown, in light, in dark and on a phone, and axe finds nothing'(world) {
    for (const [name, options] of Object.entries(SCREENS)) {
      const {page, end} = await enter(world, {...options, bypassCSP: true});
      for (const view of VIEWS) {
        await shown(page, HOME, view);
        await page.screenshot({path: join(OUT, `${name}-${view}.png`)});
        await isNoWider(page, `${name} ${view}`);
        same(await violations(page), '', `${name} ${view}`);
      }
      await shown(page, HOME);
      await clickFirst(page);
      await page.screenshot({path: join(OUT, `${name}-chosen.png`)});
      same(await violations(page), '', `${name} with a GPU chosen`);
      await end();
    }
  },

  async 'the end of the controller is said, what was seen stays, and it comes back by itself'(world) {
    const {page, end} = await enter(world, {}, isAway);
    await shown(page, HOME);
    await cluster('kill');
    await page.locator('#link.dead').waitFor({timeout: LIMIT_MS});
    assert(/next try|controller|connection/i.test(await page.locator('#link').innerText()),
      `it says "${await page.locator('#link').innerText()}"`);
    same(await page.locator('canvas').getAttribute('data-gpus'), String(GPUS), 'GPUs that are still shown');
    await page.screenshot({path: join(OUT, 'lost.png')});
    await cluster('start');
    await until(page, 'live again', () => document.getElementById('link').textContent === 'live');
    await cluster('run', 'web-2', {'1g.5gb': 1});
    await filter(page, 'web-2', 8);
    await end();
  },
};

mkdirSync(OUT, {recursive: true});
const world = {browser: await launch()};
let failed = 1;
try {
  failed = await run(CASES, world);
} finally {
  await world.browser.close();
}
process.exit(failed > 0 ? 1 : 0); /* stdin is still open */
