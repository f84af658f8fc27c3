/* paint: draws the visible part of the map of GPUs. Colours are those of style.css, so that light and
 * dark are in one place; states differ by pattern as well as by colour. */
import {make} from './dom.js';
import {counted} from './format.js';
import {firstFrom, SLACK, unitsOfModel} from './layout.js';
import {isHeldWhole, modelOf, SLICE, SLICE_WORDS, state} from './state.js';

const HUES = 8;

let kept = null; /* the colours of the theme as it is */
addEventListener('theme', () => {
  kept = null;
});

function colours() {
  if (kept === null) {
    const probe = document.body.appendChild(make('span', {hidden: true}));
    const get = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    kept = {};
    for (const name of ['card', 'line', 'text', 'free', 'stranded', 'mark', 'bad', 'on']) {
      kept[name] = get(name);
    }
    kept.states = SLICE_WORDS.map(get);
    kept.hues = Array.from({length: HUES}, (_, i) => get(`hue-${i}`));
    probe.remove();
  }
  return kept;
}

/* A namespace's colour: the same in each view and on each day. */
function hueOf(pod) {
  const text = pod?.hidden ? '' : pod?.namespace ?? '';
  let hash = 0;
  for (let i = 0; i < text.length; i++) {
    hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  }
  return hash % HUES;
}

function colourOf(paint, how, pod, by) {
  const held = how === SLICE.HELD || how === SLICE.GRANTED;
  return by === 'namespace' && held ? paint.hues[hueOf(state.pods[pod])] : paint.states[how];
}

function hatch(context, x, y, w, h, colour) {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = -h; i < w; i += 4) {
    context.moveTo(x + i, y + h);
    context.lineTo(x + i + h, y);
  }
  context.stroke();
  context.restore();
}

function drawSlice(context, paint, box, how, fill, text, large) {
  context.fillStyle = fill;
  context.fillRect(box.x, box.y, box.w, box.h);
  if (how === SLICE.SICK || how === SLICE.GOING || how === SLICE.COMING || how === SLICE.PROMISED) {
    hatch(context, box.x, box.y, box.w, box.h, how === SLICE.SICK ? paint.bad : paint.line);
  }
  if (large && box.w >= 26) {
    const short = box.w < 50 ? text.split('.')[0] : text;
    const light = how === SLICE.IDLE || how === SLICE.GOING || how === SLICE.COMING;
    context.fillStyle = light ? paint.text : paint.on;
    context.fillText(short, box.x + 3, box.y + box.h / 2, box.w - 5);
  }
}

function drawGpu(context, paint, spot, size, by) {
  const {node, gpu} = spot;
  const model = modelOf(node, gpu);
  const units = unitsOfModel(node, gpu);
  const unit = size.unit;
  const space = size.name === 'small' ? 0 : 1;
  context.fillStyle = gpu.healthy ? paint.free : paint.states[SLICE.SICK];
  context.fillRect(spot.x, spot.y, units * unit - space, spot.h);
  if (!gpu.healthy) {
    hatch(context, spot.x, spot.y, spot.w, spot.h, paint.bad);
  }
  if (!gpu.mig) {
    const how = isHeldWhole(gpu) ? SLICE.HELD : SLICE.IDLE;
    drawSlice(context, paint, {x: spot.x, y: spot.y, w: spot.w - space, h: spot.h}, how,
      colourOf(paint, how, gpu.holder, by), 'whole', size.name === 'large');
    return;
  }
  for (let u = 0; gpu.stranded && u < units; u++) {
    if (gpu.stranded >> u & 1) {
      context.fillStyle = paint.stranded;
      context.fillRect(spot.x + u * unit, spot.y, unit - space, spot.h);
    }
  }
  for (const [profile, start, how, pod] of gpu.slices) {
    const what = profile === null ? null : model?.profiles[profile];
    const box = {x: spot.x + start * unit, y: spot.y, w: (what?.memory_units ?? 1) * unit - space, h: spot.h};
    drawSlice(context, paint, box, how, colourOf(paint, how, pod, by), what?.name ?? '?',
      size.name === 'large');
  }
  if (gpu.recut) {
    context.strokeStyle = paint.mark;
    context.setLineDash([3, 2]);
    context.strokeRect(spot.x - 0.5, spot.y - 0.5, spot.w, spot.h + 1);
    context.setLineDash([]);
  }
}

function drawCard(context, paint, card, size) {
  context.fillStyle = paint.card;
  context.fillRect(card.x, card.y, card.w, card.h);
  const well = card.node.state === 'ready';
  context.strokeStyle = well ? paint.line : paint.bad;
  context.strokeRect(card.x + 0.5, card.y + 0.5, card.w - 1, card.h - 1);
  if (size.head > 0) {
    context.fillStyle = well ? paint.text : paint.bad;
    context.fillText(well ? card.node.name : `${card.node.name}: ${card.node.state}`,
      card.x + size.pad, card.y + size.head / 2 + 3, card.w - 2 * size.pad);
  }
}

/* `how`: {colour: "state" or "namespace", cursor: a number or -1, chosen: a UUID or null}. */
export function draw(canvas, stage, plan, how) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const width = stage.clientWidth;
  const height = stage.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const top = stage.scrollTop;
  const context = canvas.getContext('2d');
  const paint = colours();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.translate(0, -top);
  context.textBaseline = 'middle';
  for (const head of plan.heads) {
    if (head.y > top - 40 && head.y < top + height) {
      context.font = '600 14px system-ui, sans-serif';
      context.fillStyle = paint.text;
      context.fillText(`${head.text} · ${counted(head.n, 'node')}`, 0, head.y + 15);
    }
  }
  context.font = '12px system-ui, sans-serif';
  for (let i = firstFrom(plan.cards, top, SLACK); i < plan.cards.length && plan.cards[i].y < top + height; i++) {
    drawCard(context, paint, plan.cards[i], plan.size);
  }
  for (let i = firstFrom(plan.gpus, top, SLACK); i < plan.gpus.length; i++) {
    const spot = plan.gpus[i];
    if (spot.y > top + height + SLACK) {
      break;
    }
    if (spot.y + spot.h < top || spot.y > top + height) {
      continue;
    }
    drawGpu(context, paint, spot, plan.size, how.colour);
    if (i === how.cursor || spot.gpu.uuid === how.chosen) {
      context.strokeStyle = paint.mark;
      context.lineWidth = 2;
      context.strokeRect(spot.x - 1, spot.y - 1, spot.w + 1, spot.h + 2);
      context.lineWidth = 1;
    }
  }
}

function swatch(name, text) {
  return make('li', {}, make('span', {class: `swatch ${name}`}), text);
}

export function legend(by) {
  const words = by === 'namespace' ? SLICE_WORDS.filter((word) => word !== 'held' && word !== 'granted')
    : SLICE_WORDS;
  const items = words.map((word) => swatch(word, word));
  if (by === 'namespace') {
    items.unshift(swatch('hues', 'held, by namespace'));
  }
  return [...items, swatch('free', 'not cut'), swatch('stranded', 'stranded: no profile fits beside what is cut')];
}
