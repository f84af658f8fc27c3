/* money: what is paid an hour and for what, beside what the same pods would cost on whole GPUs, what was
 * paid in the last days, and what the planner would do better. */
import * as api from './api.js';
import {make, sourced, table} from './dom.js';
import * as format from './format.js';
import {paid} from './paid.js';
import {state} from './state.js';

const PARTS = [
  ['used', 'used by pods'],
  ['idle', 'idle: cut or uncut, nobody has it'],
  ['stranded', 'stranded: nothing fits even if all idle slices were cut anew; or sick'],
  ['starting', 'starting: paid, does not serve yet'],
];

function part(row) {
  const made = make('span', {class: `part ${row.name}`});
  made.style.flexGrow = row.uusd_h; /* an attribute would be refused as inline style */
  return made;
}

function bar(bill) {
  const rows = PARTS.map(([name, text]) => ({name, text, uusd_h: bill[name] ?? 0}));
  return make('div', {class: 'bill'},
    make('div', {class: 'bar', 'aria-hidden': 'true'}, rows.filter((row) => row.uusd_h > 0).map(part)),
    table('The bill', [
      {title: 'Part', cell: (row) => [make('span', {class: `swatch ${row.name}`}), row.text]},
      {title: '$/h', number: true, cell: (row) => sourced('api/v1/money', format.dollars(row.uusd_h))},
      {title: 'Share', number: true, cell: (row) => format.percent(row.uusd_h, bill.bill)},
    ], [...rows, {name: 'all', text: 'bill', uusd_h: bill.bill}]));
}

function beside(bill) {
  const rows = [['now', bill.bill], ['the same pods on whole GPUs', bill.whole_gpus],
    ['fewest GPUs of these kinds for what runs (nobody can beat it)', bill.bound]];
  return table('Beside', [
    {title: 'If', cell: ([text]) => text},
    {title: '$/h', number: true, cell: ([, uusd]) => sourced('api/v1/money', uusd === null || uusd === undefined
      ? format.UNKNOWN : format.dollars(uusd))},
    {title: 'Against now', number: true, cell: ([, uusd]) => uusd === null || uusd === undefined ? ''
      : uusd === bill.bill ? '' : `${uusd > bill.bill ? '+' : '−'}${format.dollars(Math.abs(uusd - bill.bill))}`},
  ], rows);
}

function shares(title, rows, bill) {
  return table(title, [
    {title: 'Name', cell: (row) => row.name},
    {title: 'Slices', number: true, cell: (row) => format.count(row.slices)},
    {title: '$/h', number: true, cell: (row) => sourced('api/v1/money', format.dollars(row.uusd_h))},
    {title: 'Of the bill', number: true, cell: (row) => format.percent(row.uusd_h, bill.bill)},
  ], [...(rows ?? [])].sort((a, b) => b.uusd_h - a.uusd_h || (a.name < b.name ? -1 : 1)));
}

function better(into) {
  into.replaceChildren(make('p', {}, 'planning …'));
  api.get('money/better').then((plan) => into.replaceChildren(
    make('p', {}, `The planner would have ${format.count(plan.nodes_better)} nodes for `,
      sourced('api/v1/money/better', format.dollarsAnHour(plan.uusd_h_better)),
      ` in place of ${format.count(plan.nodes_now)} for ${format.dollarsAnHour(plan.uusd_h_now)}; no plan costs less than `
      + `${format.dollarsAnHour(plan.lower_bound)}. Running pods would have to start anew elsewhere.`),
    table('What would change', [
      {title: 'Instance type', cell: (row) => row.instance_type},
      {title: 'Layout', cell: (row) => row.layout},
      {title: 'Now', number: true, cell: (row) => format.count(row.now)},
      {title: 'Better', number: true, cell: (row) => format.count(row.better)},
    ], plan.diff, 'nothing: it is as good as it gets'))).catch((error) =>
    into.replaceChildren(make('p', {class: 'none'}, error.message)));
}

export function money(container) {
  const into = make('div', {class: 'columns'});
  const plan = make('div', {});
  const ask = make('div', {});
  const past = make('div', {});
  container.append(make('h1', {}, 'Money'), into, past, ask);
  const was = paid(past);

  /* Of one machine there is nothing to plan. */
  function offer() {
    if (state.source?.kind === 'cluster' && ask.children.length === 0) {
      ask.append(make('h2', {}, 'Better?'),
        make('p', {}, make('button', {type: 'button', onclick: () => better(plan)}, 'Ask the planner')), plan);
    }
  }

  function update() {
    const bill = state.money;
    if (bill === null) {
      into.replaceChildren(make('p', {class: 'none'}, state.link.text));
      return;
    }
    if (bill.bill === 0 && bill.unknown_nodes > 0) {
      into.replaceChildren(make('p', {class: 'warn'}, `No price is known of ${format.counted(bill.unknown_nodes, 'node')}, `
        + 'so that nothing can be said in dollars.'));
      return;
    }
    into.replaceChildren(...[
      bill.unknown_nodes > 0 ? make('p', {class: 'warn'}, `Not in these numbers: ${format.counted(bill.unknown_nodes, 'node')} whose price is not known.`) : null,
      bar(bill), beside(bill), shares('By namespace', bill.by_namespace, bill),
      shares('By workload', bill.by_workload, bill), shares('By pool', bill.by_pool, bill),
    ].filter(Boolean));
  }
  offer();
  update();
  return {
    update(what) {
      offer();
      was.update();
      if (what.has('money') || what.has('link')) {
        update();
      }
    },
    end: was.end,
  };
}
