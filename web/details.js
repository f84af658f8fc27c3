/* details: what is known of one GPU or one pod, with its history. */
import * as api from './api.js';
import {make, sourced, table} from './dom.js';
import * as format from './format.js';
import {leftOut} from './leftout.js';
import {isHeldWhole, modelOf, podName, profileOf, SLICE_WORDS, state, unitsOf} from './state.js';

const NARROW = 700; /* as in style.css */
const NOT_KEPT = 'nobody keeps events here.';

function findGpu(uuid) {
  for (const node of state.nodes.values()) {
    const gpu = node.gpus.find((one) => one.uuid === uuid);
    if (gpu) {
      return {node, gpu};
    }
  }
  return null;
}

function podLink(index) {
  const pod = index === null || index === undefined ? null : state.pods[index];
  if (!pod || pod.hidden) {
    return podName(index) ?? 'nobody';
  }
  return make('a', {href: `#/fleet/pod/${encodeURIComponent(pod.namespace)}/${encodeURIComponent(pod.name)}`},
    `${pod.namespace}/${pod.name}`);
}

function facts(rows) {
  return make('dl', {class: 'facts'}, rows.filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

function recutText(recut) {
  return recut.since === null ? 'asked for; the agent has not begun' : `under way for ${format.ago(recut.since)}`;
}

function gpuPart({node, gpu}) {
  const units = unitsOf(node, gpu);
  const model = modelOf(node, gpu);
  const slices = table('Slices', [
    {title: 'Profile', cell: ([profile]) => profileOf(gpu, node, profile)?.name ?? format.UNKNOWN},
    {title: 'At', number: true, cell: ([, start]) => start},
    {title: 'State', cell: ([, , how]) => SLICE_WORDS[how] ?? format.UNKNOWN},
    {title: 'Held by', cell: ([, , , pod]) => podLink(pod)},
  ], [...gpu.slices].sort((a, b) => a[1] - b[1]), 'not cut');
  return [
    make('h2', {}, `${node.name}, GPU ${gpu.index}`),
    facts([
      ['Model', model?.id ?? format.UNKNOWN],
      ['UUID', sourced('api/v1/fleet', gpu.uuid)],
      ['Node', `${node.state}${node.why ? `: ${node.why}` : ''}`],
      ['Pool', node.pool ?? 'none'],
      ['Instance type', node.instance_type ?? format.UNKNOWN],
      ['Zone', node.zone ?? format.UNKNOWN],
      ['Node costs', sourced('api/v1/money', format.dollarsAnHour(node.uusd_h))],
      ['In use', format.percent(units.held, units.all)],
      ['Health', gpu.healthy ? 'well' : gpu.why ?? 'sick'],
      ['Re-cut', gpu.recut ? recutText(gpu.recut) : null],
    ]),
    gpu.mig ? slices : make('p', {}, 'Whole: held by ',
      isHeldWhole(gpu) && gpu.holder === null ? 'one of the pods of its node' : podLink(gpu.holder), '.'),
  ];
}

function podPart(namespace, name) {
  const rows = [];
  for (const node of state.nodes.values()) {
    for (const gpu of node.gpus) {
      const is = (index) => state.pods[index]?.namespace === namespace && state.pods[index]?.name === name;
      for (const [profile, start, how, pod] of gpu.slices) {
        if (pod !== null && is(pod)) {
          rows.push({node, gpu, what: profileOf(gpu, node, profile)?.name ?? format.UNKNOWN, start, how});
        }
      }
      if (gpu.holder !== null && is(gpu.holder)) {
        rows.push({node, gpu, what: 'whole GPU', start: 0, how: 1});
      }
    }
  }
  const waits = state.waiting?.pods.find((pod) => pod.namespace === namespace && pod.name === name);
  return [
    make('h2', {}, `${namespace}/${name}`),
    waits ? make('p', {}, `${waits.why} ${waits.next ?? ''}`) : null,
    table('Holds', [
      {title: 'What', cell: (row) => row.what},
      {title: 'Where', cell: (row) => make('a', {href: `#/fleet/gpu/${encodeURIComponent(row.gpu.uuid)}`},
        `${row.node.name}, GPU ${row.gpu.index}`)},
      {title: 'State', cell: (row) => SLICE_WORDS[row.how]},
    ], rows, 'no slice now'),
  ];
}

function historyPart(path, into, signal) {
  api.get(path, signal).then((found) => into.replaceChildren(...[table('History', [
    {title: 'When', cell: (event) => format.clock(event.at)},
    {title: 'What', cell: (event) => event.what},
    {title: 'In words', cell: (event) => event.text ?? ''},
  ], found.events, 'nothing in the kept time'), leftOut(found.left_out, 'event', 'this list')].filter(Boolean))).catch((error) => {
    if (error.name !== 'AbortError') {
      into.replaceChildren(make('p', {class: 'none'}, `History: ${error.message}`));
    }
  });
}

/* `words`: of the address: ["gpu", UUID] or ["pod", NAMESPACE, NAME], or nothing. */
export function details(aside, words) {
  const [kind, ...rest] = words;
  const abort = new AbortController();
  const now = make('div', {});
  const past = make('div', {});
  let asked = false;

  /* Whether anything is kept comes with the fleet. */
  function showPast() {
    if (aside.hidden || asked || state.source === null) {
      return;
    }
    asked = true;
    if (!state.source.events) {
      past.replaceChildren(make('p', {class: 'none'}, `History: ${NOT_KEPT}`));
      return;
    }
    const path = kind === 'gpu' ? `gpus/${encodeURIComponent(rest[0])}/history`
      : `pods/${encodeURIComponent(rest[0])}/${encodeURIComponent(rest[1])}/history`;
    historyPart(path, past, abort.signal);
  }

  function update() {
    showPast();
    const found = kind === 'gpu' ? findGpu(rest[0]) : null;
    if (kind === 'gpu') {
      now.replaceChildren(...(found === null ? [make('p', {class: 'none'}, `no GPU ${rest[0]} now`)]
        : gpuPart(found)));
    } else if (kind === 'pod') {
      now.replaceChildren(...podPart(rest[0], rest[1]).filter(Boolean));
    }
  }

  aside.hidden = kind !== 'gpu' && kind !== 'pod';
  if (!aside.hidden) {
    aside.append(make('a', {class: 'close', href: '#/fleet', 'aria-label': 'Close'}, '×'), now, past);
    update();
    if (innerWidth <= NARROW) { /* it lies below the map there */
      aside.scrollIntoView({block: 'start'});
    }
  }
  return {update, end: () => abort.abort()};
}
