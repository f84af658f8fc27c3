/* What the tests of the pages share: Chromium, pages whose errors fail a case, axe, TAP. */
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';

/* What is not of ours lies where run.py puts it. */
const require = createRequire(join(process.env.GPUSLICE_NODE_MODULES ?? import.meta.dirname, 'x.js'));
const {chromium} = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export const VIEWS = ['fleet', 'waiting', 'money', 'time'];
export const SCREENS = {light: {colorScheme: 'light'}, dark: {colorScheme: 'dark'},
  phone: {colorScheme: 'dark', viewport: {width: 390, height: 844}}};
export const LIMIT_MS = 120000; /* for what a cluster does, and a machine that is slow and busy */

export function assert(holds, text) {
  if (!holds) {
    throw new Error(text);
  }
}

export function same(found, expected, what) {
  assert(found === expected, `${what}: found ${JSON.stringify(found)}; expected ${JSON.stringify(expected)}`);
}

export function launch() {
  return chromium.launch({executablePath: process.env.GPUSLICE_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, timeout: LIMIT_MS});
}

/* A page whose errors fail the case; `isExpected(text, address)`: those that the case makes itself. */
export async function open(browser, options = {}, isExpected = () => false) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, ...options});
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const errors = [];
  page.on('console', (message) => message.type() === 'error' && !isExpected(message.text(), message.location().url)
    && errors.push(`${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('dialog', (dialog) => {
    errors.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return {page, end: async () => {
    await context.close();
    same(errors.join('; '), '', 'errors of the page');
  }};
}

/* The view, once all documents are there. `address` ends with a slash. */
export async function shown(page, address, view = 'fleet') {
  await page.goto(`${address}#/${view}`);
  await page.waitForFunction(() => document.getElementById('link').textContent === 'live');
  if (view === 'fleet') {
    await page.waitForFunction(() => document.querySelector('canvas').dataset.gpus > 0);
  }
  await page.waitForTimeout(200);
}

export async function isNoWider(page, what) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(wider <= 0, `${what}: ${wider} pixels wider than the window`);
}

/* What axe has to say. Of a context with bypassCSP. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}));
  return found.violations.map((one) => `${one.id}: ${one.help} (${one.nodes.map((node) => node.target).join(' ')})`)
    .join('\n');
}

/* Runs {name: function(world)}; the number of those that failed. */
export async function run(cases, world) {
  const names = Object.keys(cases);
  let failed = 0;
  console.log(`1..${names.length}`);
  for (const [i, name] of names.entries()) {
    try {
      await cases[name](world);
      console.log(`ok ${i + 1} - ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${i + 1} - ${name}\n${String(error.stack).replace(/^/gm, '# ')}`);
    }
  }
  return failed;
}
