/* time: what was, from the last hour to thirty days. */
import * as api from './api.js';
import {make, refill} from './dom.js';
import {leftOut} from './leftout.js';
import {plot} from './plot.js';
import {state} from './state.js';

const SPANS = {'1 h': 3600, '6 h': 6 * 3600, '24 h': 86400, '7 d': 7 * 86400, '30 d': 30 * 86400};
const POINTS = 240;

const NOT_KEPT = 'Nobody keeps what was here. In a cluster gpuslice-history does: history.enabled of the chart.';

/* One plot each; what the server keeps no series of is left out. */
const PLOTS = [
  {title: 'GPU memory', unit: '%', series: ['held_percent', 'idle_percent', 'stranded_percent']},
  {title: 'Dollars an hour', unit: '$', series: ['bill_usd_h', 'whole_gpus_usd_h', 'bound_usd_h']},
  {title: 'Waiting pods', unit: '', series: ['waiting_pods']},
  {title: 'Accepted at once', unit: '%', series: ['accepted_percent']},
  {title: 'Re-cuts', unit: '', series: ['recuts', 'failed_recuts']},
  {title: 'Seconds a re-cut', unit: 's', series: ['recut_p50_s', 'recut_p95_s']},
  {title: 'Fragmentation', unit: '%', series: ['fragmentation_percent']},
  {title: 'Node starts', unit: '', series: ['node_starts', 'failed_node_starts']},
];

export function time(container, words) {
  const span = Object.hasOwn(SPANS, words[0] ?? '') ? words[0] : '24 h';
  const into = make('div', {class: 'plots'});
  let abort = new AbortController();
  let asked = false;
  container.append(make('h1', {}, 'Time'),
    make('p', {class: 'spans', role: 'group', 'aria-label': 'How far back'}, Object.keys(SPANS).map((name) =>
      make('a', {href: `#/time/${encodeURIComponent(name)}`, 'aria-current': name === span ? 'true' : null}, name))),
    into);

  async function load() {
    if (state.source === null) { /* which says whether anything is kept */
      into.replaceChildren(make('p', {class: 'none'}, state.link.text));
      return;
    }
    asked = true;
    if (!state.source.series) {
      into.replaceChildren(make('p', {class: 'none'}, NOT_KEPT));
      return;
    }
    abort.abort();
    abort = new AbortController();
    const to = Math.floor(Date.now() / 1000);
    const from = to - SPANS[span];
    const names = PLOTS.flatMap((one) => one.series).join(',');
    const step = Math.max(15, Math.round(SPANS[span] / POINTS));
    const path = `history?series=${names}&from=${from}&to=${to}&step=${step}`;
    try {
      const found = await api.get(path, abort.signal);
      const of = new Map(found.series.map((one) => [one.name, one]));
      const plots = PLOTS.map((one) => ({...one, lines: one.series.map((name) => of.get(name))
        .filter((line) => line && line.points.length > 0)})).filter((one) => one.lines.length > 0)
        .map((one) => plot(one, {from, to, step: found.step ?? step, href: api.BASE + path}));
      refill(into, leftOut(found.left_out, 'number', 'these lines'), ...plots,
        plots.length === 0 && make('p', {class: 'none'}, 'nothing was kept in this time'));
    } catch (error) {
      if (error.name !== 'AbortError') {
        into.replaceChildren(make('p', {class: 'none'}, error.message));
      }
    }
  }
  load();
  const ticking = setInterval(load, 60000);
  return {
    update: () => !asked && load(),
    end() {
      clearInterval(ticking);
      abort.abort();
    },
  };
}
