/* waiting: each pod that waits for slices: why, what happens next and when, what it would cost. */
import {make, sourced, table} from './dom.js';
import * as format from './format.js';
import {state} from './state.js';

const NEXT = {
  book: 'gets a free slice',
  recut: 'idle slices are cut anew',
  move: 'another pod is moved',
  buy: 'a node is bought',
  wait: 'waits',
};

function asks(pod) {
  return pod.asks.map((ask) => `${ask.count} × ${ask.profile}`).join(', ');
}

function costs(pod) {
  if (pod.decision === 'buy') {
    return sourced('api/v1/waiting', pod.costs_uusd_h === null ? format.UNKNOWN
      : format.dollarsAnHour(pod.costs_uusd_h));
  }
  return pod.decision === 'wait' ? '' : 'nothing more';
}

const COLUMNS = [
  {title: 'Pod', cell: (pod) => pod.hidden ? '(not yours)'
    : make('a', {href: `#/fleet/pod/${encodeURIComponent(pod.namespace)}/${encodeURIComponent(pod.name)}`},
      `${pod.namespace}/${pod.name}`)},
  {title: 'Why', words: true, cell: (pod) => pod.why ?? ''},
  {title: 'Next', cell: (pod) => (NEXT[pod.decision] ?? format.UNKNOWN)
    + (pod.expected_s === null || pod.expected_s === undefined ? '' : `, in about ${format.duration(pod.expected_s)}`)
    + (pod.gated ? ' (held at the gate)' : '')},
  {title: 'Asks for', cell: asks},
  {title: 'Waits', cell: (pod) => format.ago(pod.since)},
  {title: 'Priority', number: true, cell: (pod) => pod.priority},
  {title: 'Costs', number: true, cell: costs},
];

export function waiting(container) {
  const into = make('div', {});
  container.append(make('h1', {}, 'Waiting'), into);

  function update() {
    if (state.waiting === null) {
      into.replaceChildren(make('p', {class: 'none'}, state.link.text));
      return;
    }
    const silent = state.waiting.decides === false
      ? [make('p', {class: 'warn'}, 'This replica does not decide, so it cannot say what happens next.')] : [];
    const pods = [...state.waiting.pods].sort((a, b) => b.priority - a.priority
      || Date.parse(a.since) - Date.parse(b.since));
    into.replaceChildren(...silent, table(`${format.counted(pods.length, 'pod')} waiting`, COLUMNS, pods,
      'nobody waits for a slice'));
  }
  update();
  const ticking = setInterval(update, 5000);
  return {
    update: (what) => (what.has('waiting') || what.has('link')) && update(),
    end: () => clearInterval(ticking),
  };
}
