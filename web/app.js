/* app: which view is shown, what stands above it, and the connection. */
import {make, sourced} from './dom.js';
import * as format from './format.js';
import {fleet} from './fleet.js';
import {money} from './money.js';
import {state, start, unitsOf, watch} from './state.js';
import {time} from './time.js';
import {waiting} from './waiting.js';

/* A view: (container, words behind its name in the address) -> {update(what), end()}. */
const VIEWS = {fleet, waiting, money, time};

let shown = null;

function go() {
  const [name, ...words] = location.hash.replace(/^#\//, '').split('/').map(decodeURIComponent);
  const view = Object.hasOwn(VIEWS, name) ? name : 'fleet';
  shown?.end();
  const container = document.getElementById('view');
  container.replaceChildren();
  shown = VIEWS[view](container, words);
  document.title = `gpuslice: ${view}`;
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.getAttribute('href') === `#/${view}`;
    if (here) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
}

function totals() {
  const sum = {gpus: 0, held: 0, idle: 0, free: 0, sick: 0, all: 0, nodes: 0, broken: 0};
  for (const node of state.nodes.values()) {
    sum.nodes += 1;
    sum.broken += node.state === 'ready' || node.state === 'starting' ? 0 : 1;
    for (const gpu of node.gpus) {
      const units = unitsOf(node, gpu);
      sum.gpus += 1;
      for (const key of ['held', 'idle', 'free', 'sick', 'all']) {
        sum[key] += units[key];
      }
    }
  }
  return sum;
}

function fact(label, value, note) {
  return make('div', {class: 'fact'}, make('dt', {}, label), make('dd', {}, value),
    note ? make('dd', {class: 'note'}, note) : null);
}

/* Against the same pods on whole GPUs; null: nothing to compare. */
function saving(bill) {
  if (!(bill.whole_gpus > 0)) {
    return null;
  }
  const saved = bill.whole_gpus - bill.bill;
  return saved >= 0 ? `${format.percent(saved, bill.whole_gpus)} saved`
    : `${(bill.bill / bill.whole_gpus).toFixed(1)} times as much is paid now`;
}

function summarise() {
  const sum = totals();
  const bill = state.money;
  const facts = [
    fact('GPUs', sourced('api/v1/fleet', format.count(sum.gpus)), format.counted(sum.nodes, 'node')
      + (sum.broken > 0 ? `, ${sum.broken} not well` : '')),
    fact('In use', sourced('api/v1/fleet', format.percent(sum.held, sum.all)), 'of the memory'),
    fact('Idle', sourced('api/v1/fleet', format.percent(sum.idle + sum.free, sum.all)),
      `${format.percent(sum.idle, sum.all)} cut`),
    fact('Waiting', sourced('api/v1/waiting',
      state.waiting === null ? format.UNKNOWN : format.count(state.waiting.pods.length)), 'pods'),
  ];
  if (bill !== null && bill.bill === 0 && bill.unknown_nodes > 0) {
    facts.push(fact('Bill', sourced('api/v1/money', format.UNKNOWN),
      `no price is known of ${format.counted(bill.unknown_nodes, 'node')}`));
  } else if (bill !== null) {
    facts.push(fact('Bill', sourced('api/v1/money', format.dollarsAnHour(bill.bill)),
      bill.unknown_nodes > 0 ? `without ${format.counted(bill.unknown_nodes, 'node')} of unknown price` : 'all nodes'));
    facts.push(fact('Whole GPUs would be', sourced('api/v1/money', format.dollarsAnHour(bill.whole_gpus)),
      saving(bill)));
  }
  document.getElementById('summary').replaceChildren(make('dl', {}, facts));
  const n = state.waiting?.pods.length ?? 0;
  document.getElementById('waiting-count').textContent = n > 0 ? ` ${n}` : '';
}

function showLink() {
  const link = document.getElementById('link');
  link.textContent = state.link.text;
  link.classList.toggle('dead', !state.link.alive);
}

function setTheme(theme) {
  if (theme === 'light' || theme === 'dark') {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
  dispatchEvent(new Event('theme'));
}

function theme() {
  const order = ['system', 'light', 'dark'];
  const button = document.getElementById('theme');
  let now = localStorage.getItem('theme') ?? 'system';
  const say = () => {
    button.textContent = `Theme: ${now}`;
    setTheme(now);
  };
  button.addEventListener('click', () => {
    now = order[(order.indexOf(now) + 1) % order.length];
    localStorage.setItem('theme', now);
    say();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
    dispatchEvent(new Event('theme')));
  say();
}

watch((what) => {
  if (what.has('link')) {
    showLink();
  }
  summarise();
  shown?.update(what);
});
addEventListener('hashchange', go);
theme();
showLink();
summarise();
go();
start();
