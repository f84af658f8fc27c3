/* state: what is known of the cluster, in the form that views draw. One place; views subscribe. */
import * as api from './api.js';

export const SLICE = {IDLE: 0, HELD: 1, GRANTED: 2, PROMISED: 3, SICK: 4, GOING: 5, COMING: 6};
export const SLICE_WORDS = ['idle', 'held', 'granted', 'promised', 'sick', 'going', 'coming'];

export const state = {
  link: {alive: false, text: 'connecting'},
  at: null,
  source: null,
  models: [],
  pods: [],
  nodes: new Map(), /* by name */
  waiting: null,
  money: null,
  error: null,
};

const watchers = new Set();

/* `changed(what)` is called with a set of "nodes", "waiting", "money", "link", once a frame at most.
 * Returns what ends it. */
export function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

let pending = null;

function tell(what) {
  if (pending === null) {
    pending = new Set();
    requestAnimationFrame(() => {
      const now = pending;
      pending = null;
      for (const changed of [...watchers]) {
        changed(now);
      }
    });
  }
  pending.add(what);
}

function takeFleet(fleet) {
  state.at = fleet.at;
  state.source = fleet.source;
  state.models = fleet.models;
  state.pods = fleet.pods;
  state.nodes = new Map(fleet.nodes.map((node) => [node.name, node]));
  tell('nodes');
}

function takeNodes(change) {
  state.at = change.at;
  state.models = change.models ?? state.models;
  for (const [index, pod] of Object.entries(change.pods ?? {})) {
    state.pods[Number(index)] = pod;
  }
  for (const name of change.gone ?? []) {
    state.nodes.delete(name);
  }
  for (const node of change.nodes ?? []) {
    state.nodes.set(node.name, node);
  }
  tell('nodes');
}

function take(name) {
  return (document) => {
    state[name] = document;
    tell(name);
  };
}

async function fetchAll() {
  try {
    const [fleet, waiting, money] = await Promise.all(
      ['fleet', 'waiting', 'money'].map((path) => api.get(path)));
    takeFleet(fleet);
    take('waiting')(waiting);
    take('money')(money);
    state.error = null;
    state.link = {alive: true, text: 'live'};
  } catch (error) {
    state.error = error;
    state.link = {alive: false, text: error.message};
  }
  tell('link');
}

export function start() {
  return api.listen(['nodes', 'waiting', 'money', 'resync'], {
    open: fetchAll,
    resync: fetchAll,
    lost: (seconds) => {
      state.link = {alive: false, text: `no connection; next try in ${seconds} s. Shown: `
        + `${state.at === null ? 'nothing' : new Date(state.at).toLocaleTimeString('en-GB')}`};
      tell('link');
    },
    nodes: takeNodes,
    waiting: take('waiting'),
    money: take('money'),
  });
}

/* ---- what views ask ---- */

/* A node's GPUs may be of different models. */
export function modelOf(node, gpu) {
  return state.models[gpu.model ?? node.model] ?? null;
}

export function profileOf(gpu, node, index) {
  return index === null ? null : modelOf(node, gpu)?.profiles[index] ?? null;
}

/* A whole GPU may be held though nobody can say by which pod. */
export function isHeldWhole(gpu) {
  return gpu.held ?? (gpu.holder !== null && gpu.holder !== undefined);
}

export function podName(index) {
  const pod = index === null || index === undefined ? null : state.pods[index];
  if (!pod) {
    return null;
  }
  return pod.hidden ? '(not yours)' : `${pod.namespace}/${pod.name}`;
}

/* Units of memory by state: {held, idle, free, sick}; `free` is not cut. */
export function unitsOf(node, gpu) {
  const model = modelOf(node, gpu);
  const all = model?.memory_units ?? 1;
  const units = {all, held: 0, idle: 0, sick: 0, free: 0};
  if (!gpu.healthy) {
    return {...units, sick: all};
  }
  if (!gpu.mig) {
    return isHeldWhole(gpu) ? {...units, held: all} : {...units, idle: all};
  }
  for (const [profile, , how] of gpu.slices) {
    const n = model?.profiles[profile]?.memory_units ?? 0;
    if (how === SLICE.SICK) {
      units.sick += n;
    } else if (how === SLICE.IDLE || how === SLICE.GOING) {
      units.idle += n;
    } else if (how !== SLICE.COMING) { /* which lie over those that go */
      units.held += n;
    }
  }
  units.free = Math.max(0, all - units.held - units.idle - units.sick);
  return units;
}
