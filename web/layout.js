/* layout: where each GPU is drawn: groups under each other, in a group the cards of its nodes in rows,
 * on a card the node's GPUs, eight a row. Pixels of CSS. */
import {modelOf} from './state.js';

/* A unit of memory is `unit` wide; a GPU `h` high; `head`: room for a node's name. */
export const SIZES = {
  small: {name: 'small', unit: 2, h: 9, gap: 2, head: 0, pad: 3, card: 6},
  medium: {name: 'medium', unit: 6, h: 14, gap: 3, head: 16, pad: 6, card: 8},
  large: {name: 'large', unit: 15, h: 30, gap: 5, head: 20, pad: 8, card: 10},
};
const GPUS_A_ROW = 8;
const GROUP_HEAD = 28;

export function unitsOfModel(node, gpu) {
  return modelOf(node, gpu)?.memory_units || 8;
}

function cardSize(node, size, width) {
  const units = node.gpus.reduce((most, gpu) => Math.max(most, unitsOfModel(node, gpu)), 1);
  const tile = units * size.unit + size.gap;
  const fitting = Math.max(1, Math.floor((width - 2 * size.pad) / tile));
  const columns = Math.min(GPUS_A_ROW, fitting, Math.max(1, node.gpus.length));
  const rows = Math.ceil(node.gpus.length / columns) || 1;
  return {columns, tile, w: columns * tile + 2 * size.pad,
    h: size.head + rows * (size.h + size.gap) + 2 * size.pad};
}

/* {height, heads: [{y, text, n}], cards: [{x, y, w, h, node}], gpus: [{x, y, w, h, node, gpu}], size};
 * cards and GPUs in the order of y. */
export function arrange(groups, size, width) {
  const plan = {height: 0, heads: [], cards: [], gpus: [], size};
  let y = 0;
  for (const [text, nodes] of groups) {
    plan.heads.push({y, text, n: nodes.length});
    y += GROUP_HEAD;
    let x = 0;
    let tall = 0;
    for (const node of nodes) {
      const card = cardSize(node, size, width);
      if (x > 0 && x + card.w > width) {
        x = 0;
        y += tall + size.card;
        tall = 0;
      }
      plan.cards.push({x, y, w: card.w, h: card.h, node});
      node.gpus.forEach((gpu, i) => plan.gpus.push({
        x: x + size.pad + (i % card.columns) * card.tile,
        y: y + size.pad + size.head + Math.floor(i / card.columns) * (size.h + size.gap),
        w: card.tile - size.gap, h: size.h, node, gpu,
      }));
      x += card.w + size.card;
      tall = Math.max(tall, card.h);
    }
    y += tall + size.card;
  }
  plan.height = y;
  return plan;
}

/* The first of `items`, which are in the order of y but for a card's rows, that can reach below
 * `top`; `slack` is how far an item may lie above the one before it. */
export function firstFrom(items, top, slack) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].y < top - slack) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

export const SLACK = 400; /* no card is higher */

/* The number of the GPU at a point of the map; -1: there is none. */
export function at(plan, x, y) {
  for (let i = firstFrom(plan.gpus, y, SLACK); i < plan.gpus.length; i++) {
    const spot = plan.gpus[i];
    if (spot.y > y + SLACK) {
      break;
    }
    if (x >= spot.x && x < spot.x + spot.w && y >= spot.y && y < spot.y + spot.h) {
      return i;
    }
  }
  return -1;
}
