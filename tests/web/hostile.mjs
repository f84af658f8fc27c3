/* The pages over a cluster whose names are markup. tests/dashboard/test_hostile.py has the cluster.
 *
 * usage: node hostile.mjs ADDRESS NAME    NAME: of a pod that holds a slice, of its owner,
 * of its node's pool, and of what ails its GPU */
import {assert, launch, open, run, same} from './browser.mjs';

const [ADDRESS, NAME] = process.argv.slice(2);
const HOME = new URL('/', ADDRESS).href;
const PLACES = ['fleet', 'money', 'fleet/gpu/GPU-n1', `fleet/pod/team-b/${encodeURIComponent(NAME)}`];

/* Elements that no page of ours makes. */
const STRANGERS = 'main img, main script, main iframe, main object, main b, main svg a, [onerror], [onload]';

const CASES = {
  async 'names that are markup are shown as they are, and make no element'(world) {
    const {page, end} = await open(world.browser, {}, (text, address) => text.includes('404') && address.endsWith('/history'));
    await page.goto(ADDRESS);
    await page.waitForURL(HOME);
    for (const place of PLACES) {
      await page.goto(`${HOME}#/${place}`);
      await page.waitForFunction(() => document.getElementById('link').textContent === 'live');
      if (place === 'fleet') {
        await page.getByLabel('as a table').check();
      }
      await page.waitForFunction((name) => document.querySelector('main').textContent.includes(name), NAME)
        .catch(async (error) => {
          throw new Error(`${place}: ${error.message}; it says ${await page.locator('main').textContent()}`);
        });
      same(await page.locator(STRANGERS).count(), 0, `elements from data in ${place}`);
    }
    await page.goto(`${HOME}#/fleet`);
    await page.getByLabel('Filter').fill(NAME);
    await page.waitForFunction(() => Number(document.querySelector('canvas').dataset.gpus) > 0);
    const box = await page.locator('canvas').boundingBox();
    await page.mouse.move(box.x + 40, box.y + 28 + 20 + 8 + 15);
    await page.waitForFunction((name) => document.querySelector('canvas').title.includes(name), NAME);
    await end();
  },

  async 'a script that got in would not run'(world) {
    const {page, end} = await open(world.browser, {}, (text) => text.includes('Content Security Policy'));
    await page.goto(ADDRESS);
    await page.waitForURL(HOME);
    const ran = await page.evaluate(async () => {
      const made = document.createElement('div');
      made.innerHTML = '<img src="nowhere.png" onerror="globalThis.ran = true">';
      document.body.append(made);
      const script = document.createElement('script');
      script.textContent = 'globalThis.ran = true';
      document.body.append(script);
      await new Promise((resolve) => setTimeout(resolve, 500));
      return globalThis.ran === true;
    });
    same(ran, false, 'inline scripts run');
    await page.waitForTimeout(100);
    await end().catch((error) => assert(/nowhere\.png|404/.test(error.message), error.message)); /* it is not there */
  },
};

const world = {browser: await launch()};
let failed = 1;
try {
  failed = await run(CASES, world);
} finally {
  await world.browser.close();
}
process.exitCode = failed > 0 ? 1 : 0;
