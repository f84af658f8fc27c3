/* The page of gpuslice simulate -o html in a real Chromium, as a file: nothing is cut off.
 *
 * usage: node test_report.mjs GPUSLICE JOBS_CSV OUT_DIR    OUT_DIR gets the pages and screenshots */
import {spawnSync} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import {assert, isNoWider, launch, open, run, same, violations} from './browser.mjs';

const [GPUSLICE, JOBS, OUT_DIR] = process.argv.slice(2);
const OUT = resolve(OUT_DIR);
const PRICED = ['-w', 'elastic', '-i', 'p4d.24xlarge', '--region', 'us-east-1', '--small-gpu', 'g6.xlarge'];
/* All columns and policies; one policy; nothing that can be drawn; names as long as they may be. */
const PAGES = {
  full: ['-t', `csv:${JOBS}`, '--draws', '100', ...PRICED],
  plain: ['-t', `csv:${JOBS}`, '--draws', '100', '-p', 'gpuslice'],
  bare: ['-t', `csv:${JOBS}`, '--draws', '0', '-p', 'whole', '--what-if', 'no'],
  fixed: ['-t', `csv:${JOBS}`, '--draws', '100', '-w', 'loss', '--gpus', '8', '--instance', 'p4d.24xlarge', '--region', 'us-east-1'],
  long: ['-t', `csv:${'/.'.repeat(200)}${JOBS}`, '--draws', '0', '-w', 'queue', '--gpus', '8', '--map', 'strict'],
};

const pageOf = (name) => join(OUT, `report-${name}.html`);

/* Boxes that hold more than they show, and texts of a figure that lie outside of it. */
function cutOff() {
  const found = [];
  for (const box of document.querySelectorAll('main, p, li, figure, figcaption, table, .cards li, .scroll')) {
    const isInside = !box.closest('details'); /* long lists of numbers scroll in a box of their own */
    if (isInside && box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0) {
      found.push(`${box.tagName}.${box.className}: ${box.scrollWidth} in ${box.clientWidth}`);
    }
  }
  for (const text of document.querySelectorAll('svg.plot text')) {
    const frame = text.closest('svg').getBoundingClientRect(), at = text.getBoundingClientRect();
    if (frame.width > 0 && (at.left < frame.left - 1 || at.right > frame.right + 1
      || at.top < frame.top - 1 || at.bottom > frame.bottom + 1)) {
      found.push(`"${text.textContent}" of a figure`);
    }
  }
  return found.join('; ');
}

/* Each page at each width. */
async function each(world, colorScheme, widths, what) {
  const {page, end} = await open(world.browser, {colorScheme});
  for (const name of Object.keys(PAGES)) {
    await page.goto(pathToFileURL(pageOf(name)).href);
    for (const width of widths) {
      await page.setViewportSize({width, height: 800});
      await what(page, `${name}, ${width} pixels, ${colorScheme}`);
    }
  }
  await end();
}

async function isWhole(page, what) {
  await isNoWider(page, what);
  same(await page.evaluate(cutOff), '', what);
}

const CASES = {
  async 'nothing is cut off on a screen and a phone, in light and in dark'(world) {
    for (const colorScheme of ['light', 'dark']) {
      await each(world, colorScheme, [1280, 390], async (page, what) => {
        await page.screenshot({path: join(OUT, `report ${what}.png`), fullPage: true});
        await isWhole(page, what);
      });
    }
  },

  async 'nothing is cut off at any width from 320 pixels on'(world) {
    await each(world, 'light', [320, 480, 640, 641, 900, 1057, 1100, 1215, 1217, 1920], isWhole);
  },

  async 'lists of numbers that are opened are no wider than the page'(world) {
    await each(world, 'light', [1280, 390], async (page, what) => {
      await page.evaluate(() => document.querySelectorAll('details').forEach((one) => {
        one.open = true;
      }));
      await isNoWider(page, what);
    });
  },

  async 'figures leave no hole beside them'(world) {
    const {page, end} = await open(world.browser);
    for (const name of ['full', 'plain']) {
      await page.goto(pathToFileURL(pageOf(name)).href);
      /* of the two columns, the lower end of the shorter one */
      const used = await page.evaluate(() => {
        const boxes = [...document.querySelectorAll('figure:not(.all)')].map((one) => one.getBoundingClientRect());
        const ends = new Map();
        for (const box of boxes) {
          ends.set(box.left, Math.max(ends.get(box.left) ?? 0, box.bottom));
        }
        const top = Math.min(...boxes.map((box) => box.top));
        return {columns: ends.size, share: (Math.min(...ends.values()) - top) / (Math.max(...ends.values()) - top)};
      });
      same(used.columns, 2, `${name}: columns of figures`);
      assert(used.share > 0.65, `${name}: one column of figures ends at ${used.share} of the other`);
    }
    await end();
  },

  async 'axe finds nothing, in light and in dark'(world) {
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [1280, 390]) {
        const {page, end} = await open(world.browser, {colorScheme, bypassCSP: true, viewport: {width, height: 800}});
        await page.goto(pathToFileURL(pageOf('full')).href);
        same(await violations(page), '', `${colorScheme}, ${width}`);
        await end();
      }
    }
  },
};

mkdirSync(OUT, {recursive: true});
for (const [name, args] of Object.entries(PAGES)) {
  const done = spawnSync(GPUSLICE, ['simulate', ...args, '-o', 'html', '--out', pageOf(name)], {encoding: 'utf8'});
  assert(done.status === 0, `gpuslice simulate ${args.join(' ')}: ${done.stderr}`);
}
const browser = await launch();
const failed = await run(CASES, {browser});
await browser.close();
process.exitCode = failed > 0 ? 1 : 0;
