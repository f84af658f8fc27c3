/* plot: lines over time, as SVG; the numbers behind it as a table for who wants them. */
import {make, makeSvg, sourced, table} from './dom.js';
import * as format from './format.js';

const WIDTH = 560;
const HEIGHT = 180;
const LEFT = 48;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

/* 1, 2 or 5 times a power of ten: about `n` steps to `most`. */
function stepTo(most, n) {
  const raw = most / n || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= raw);
}

function ticksOfTime(from, to) {
  const steps = [300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 5 * 86400];
  const step = steps.find((one) => (to - from) / one <= 8) ?? steps.at(-1);
  const ticks = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    ticks.push(t);
  }
  const day = step >= 86400;
  return ticks.map((t) => [t, new Date(t * 1000).toLocaleString('en-GB',
    day ? {day: 'numeric', month: 'short'} : {hour: '2-digit', minute: '2-digit'})]);
}

/* The points of a line in runs without a gap: one is where a value is null, or where two known ones
 * are further apart than points of this plot are. */
export function runs(points, step) {
  const found = [];
  let before = null;
  for (const [t, value] of points) {
    if (value !== null) {
      if (before === null || t - before > 1.5 * step) {
        found.push([]);
      }
      found.at(-1).push([t, value]);
    }
    before = value === null ? null : t;
  }
  return found;
}

/* The step of the points: what most of them are apart, and not less than was asked for. */
function stepOf(points, asked) {
  const apart = points.slice(1).map(([t], i) => t - points[i][0]).sort((a, b) => a - b);
  return Math.max(asked, apart[Math.floor(apart.length / 2)] ?? 0);
}

/* Runs of points as lines, and as dots where there is nothing to draw a line to. */
function drawn(line, number, step, x, y) {
  const parts = runs(line.points, stepOf(line.points, step));
  const text = parts.filter((run) => run.length > 1).map((run) => run.map(([t, value], i) =>
    `${i === 0 ? 'M' : 'L'}${x(t).toFixed(1)} ${y(value).toFixed(1)}`).join('')).join('');
  return [makeSvg('path', {class: `line line-${number}`, d: text}),
    ...parts.filter((run) => run.length === 1).map(([[t, value]]) =>
      makeSvg('circle', {class: `dot line-${number}`, cx: x(t).toFixed(1), cy: y(value).toFixed(1), r: 2.5}))];
}

function spoken(name) {
  return name.replace(/_(percent|usd_h|s)$/, '').replaceAll('_', ' ');
}

/* [[seconds, a value of each line, or null]]: not every line has all times. */
function byTime(lines) {
  const known = lines.map((line) => new Map(line.points));
  const times = [...new Set(known.flatMap((line) => [...line.keys()]))].sort((a, b) => a - b);
  return times.map((t) => [t, ...known.map((line) => line.get(t) ?? null)]);
}

/* `what`: {title, unit, lines: [{name, points: [[seconds, value]]}]}. */
export function plot(what, {from, to, step: asked, href}) {
  const values = what.lines.flatMap((line) => line.points.map(([, value]) => value)).filter((value) => value !== null);
  /* of things that are counted there is no half one */
  const step = Math.max(stepTo(Math.max(...values, what.unit === '%' ? 1 : 0.01), 4), what.unit === '' ? 1 : 0);
  const most = Math.max(step, Math.ceil(Math.max(...values, 0) / step) * step);
  const x = (t) => LEFT + (t - from) / (to - from) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
  const grid = [];
  for (let value = 0; value <= most + step / 2; value += step) {
    grid.push(makeSvg('line', {class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value)}),
      makeSvg('text', {class: 'tick', x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end'},
        Number(value.toPrecision(3)).toLocaleString('en-US')));
  }
  for (const [t, text] of ticksOfTime(from, to)) {
    grid.push(makeSvg('text', {class: 'tick', x: x(t), y: HEIGHT - 6, 'text-anchor': 'middle'}, text));
  }
  const last = what.lines.map((line) => {
    const known = line.points.filter(([, value]) => value !== null).at(-1);
    return `${spoken(line.name)} ${known ? Number(known[1].toPrecision(4)).toLocaleString('en-US') : format.UNKNOWN} ${what.unit}`;
  });
  const picture = makeSvg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img',
    'aria-label': `${what.title}: now ${last.join(', ')}`}, grid,
  what.lines.flatMap((line, i) => drawn(line, i, asked, x, y)));
  return make('figure', {}, make('figcaption', {}, sourced(href, what.title), what.unit ? ` (${what.unit})` : ''),
    picture,
    make('ul', {class: 'legend'}, what.lines.map((line, i) =>
      make('li', {}, make('span', {class: `swatch line-${i}`}), spoken(line.name)))),
    make('details', {}, make('summary', {}, 'as a table'),
      table(what.title, [{title: 'When', cell: ([t]) => format.clock(t * 1000)},
        ...what.lines.map((line, i) => ({title: spoken(line.name), number: true,
          cell: ([, ...row]) => row[i] === null || row[i] === undefined ? format.UNKNOWN : row[i].toLocaleString('en-US')}))],
      byTime(what.lines))));
}
