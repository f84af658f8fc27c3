/* paid: what was paid in the last days, as gpuslice-history has added it up, and of how much of that
 * time it is known. */
import * as api from './api.js';
import {make, refill, sourced, table} from './dom.js';
import * as format from './format.js';
import {leftOut} from './leftout.js';
import {state} from './state.js';

const DAYS = 7;
const REST = 3600; /* a rest is in 3600ths of a millionth of a dollar */
const UUSD = 10000; /* of a cent */
const RETRY_MS = 60000;
const PARTS = ['used', 'idle', 'stranded', 'starting'];

/* [{name, cents}] that add up to the cents of the sum: what rounding takes goes to the largest rests. */
export function cents(rows, total) {
  const half = UUSD * REST / 2;
  const over = (row) => row.uusd % UUSD * REST + row.rest;
  const all = Math.floor(total.uusd / UUSD) + (over(total) >= half ? 1 : 0);
  const made = rows.map((row) => ({name: row.name, cents: Math.floor(row.uusd / UUSD), over: over(row)}));
  let missing = all - made.reduce((sum, row) => sum + row.cents, 0);
  for (const row of [...made].sort((a, b) => b.over - a.over)) {
    if (missing > 0) {
      row.cents += 1;
      missing -= 1;
    }
  }
  return {rows: made, all};
}

function shown(of) {
  return (of / 100).toLocaleString('en-US', {minimumFractionDigits: 2, maximumFractionDigits: 2});
}

function bill(found, path) {
  const {rows, all} = cents(PARTS.map((name) => found.rows.find((row) => row.name === name)
    ?? {name, uusd: 0, rest: 0}), found.total);
  return table('What was paid', [
    {title: 'Part', cell: (row) => [PARTS.includes(row.name) ? make('span', {class: `swatch ${row.name}`}) : null, row.name]},
    {title: '$', number: true, cell: (row) => sourced(api.BASE + path, shown(row.cents))},
    {title: 'Share', number: true, cell: (row) => format.percent(row.cents, all)},
  ], [...rows, {name: 'total', cents: all}]);
}

/* Seconds of the time that was asked for in which nobody looked, or which are left out. */
function known(found, length) {
  const rest = length - found.known_s;
  return make('p', {class: 'none'}, `Known of ${format.duration(found.known_s)} of ${format.duration(length)}`
    + (rest > 0 ? `; what the other ${format.duration(rest)} cost is not known, and is in no sum.` : '.'));
}

/* Fills `into`; where nobody keeps what was paid it stays empty. */
export function paid(into) {
  const abort = new AbortController();
  let asked = false;

  async function load() {
    if (!state.source?.events) { /* who keeps these keeps money, too; a Prometheus neither */
      return;
    }
    asked = true;
    const to = Math.floor(Date.now() / 1000);
    const from = Math.floor((to - DAYS * 86400) / 3600) * 3600;
    const path = `cost?by=part&from=${from}&to=${to}`;
    const head = make('h2', {}, `The last ${DAYS} days`);
    try {
      const found = await api.get(path, abort.signal);
      const any = found.known_s > 0 && Number.isFinite(found.total?.uusd);
      refill(into, head, leftOut(found.left_out, 'hour', 'these sums'), any && bill(found, path),
        any ? known(found, to - from) : make('p', {class: 'none'}, 'nothing is known of that time'));
    } catch (error) {
      if (error.name !== 'AbortError') {
        into.replaceChildren(head, make('p', {class: 'none'}, error.message));
      }
    }
  }
  load();
  const ticking = setInterval(load, RETRY_MS);
  return {
    update: () => !asked && load(),
    end() {
      clearInterval(ticking);
      abort.abort();
    },
  };
}
