/* fleet: every GPU as its memory units, with slices and who holds them. The map is a canvas over a
 * scrolled area, of which only what is visible is drawn, so that ten thousand GPUs stay fluid; the
 * table beside it says the same to who cannot see it. */
import {make, table} from './dom.js';
import * as format from './format.js';
import {details} from './details.js';
import {arrange, at, SIZES} from './layout.js';
import {draw, legend} from './paint.js';
import {isHeldWhole, modelOf, podName, profileOf, SLICE_WORDS, state, unitsOf} from './state.js';

const ROWS_A_PAGE = 100;
const ORDER = new Intl.Collator('en', {numeric: true}); /* node-9 before node-10 */
const GROUPS = {pool: 'Pool', model: 'Model', type: 'Instance type', state: 'State'};

function groupOf(node, by) {
  switch (by) {
  case 'model':
    return state.models[node.model]?.id ?? 'unknown model';
  case 'type':
    return node.instance_type ?? 'unknown type';
  case 'state':
    return node.state;
  default:
    return node.pool ?? 'no pool';
  }
}

/* What the filter looks at, in lower case; kept by node object, which a change replaces. */
const texts = new WeakMap();

function textOf(node) {
  let text = texts.get(node);
  if (text === undefined) {
    const words = [node.name, node.pool, node.instance_type, node.zone, node.state,
      state.models[node.model]?.id];
    for (const gpu of node.gpus) {
      words.push(gpu.uuid, gpu.healthy ? '' : 'sick', podName(gpu.holder));
      for (const [profile, , how, pod] of gpu.slices) {
        words.push(profileOf(gpu, node, profile)?.name, SLICE_WORDS[how], podName(pod));
      }
    }
    text = [...new Set(words)].filter(Boolean).join(' ').toLowerCase();
    texts.set(node, text);
  }
  return text;
}

/* All words have to be there. */
function passes(node, words) {
  const text = words.length === 0 ? '' : textOf(node);
  return words.every((word) => text.includes(word));
}

function grouped(by, words) {
  const groups = new Map();
  for (const node of state.nodes.values()) {
    if (passes(node, words)) {
      const key = groupOf(node, by);
      if (!groups.has(key)) {
        groups.set(key, []);
      }
      groups.get(key).push(node);
    }
  }
  const sorted = [...groups].sort(([a], [b]) => ORDER.compare(a, b));
  for (const [, nodes] of sorted) {
    nodes.sort((a, b) => ORDER.compare(a.name, b.name));
  }
  return sorted;
}

/* Few GPUs are drawn large. */
function sizeFor(choice, gpus) {
  if (choice !== 'auto') {
    return SIZES[choice];
  }
  return gpus <= 64 ? SIZES.large : gpus <= 1000 ? SIZES.medium : SIZES.small;
}

function say(found) {
  const {node, gpu} = found;
  const model = modelOf(node, gpu);
  const slices = gpu.slices.map(([profile, , how, pod]) =>
    `${profileOf(gpu, node, profile)?.name ?? 'slice'} ${podName(pod) ?? SLICE_WORDS[how]}`);
  return `${node.name} GPU ${gpu.index}, ${model?.id ?? 'unknown model'}: `
    + (gpu.mig ? slices.join(', ') || 'not cut' : podName(gpu.holder) ?? (isHeldWhole(gpu) ? 'whole, held' : 'whole, idle'));
}

function gpuTable(groups, page, turn) {
  const rows = groups.flatMap(([, nodes]) => nodes.flatMap((node) =>
    node.gpus.map((gpu) => ({node, gpu}))));
  const pages = Math.max(1, Math.ceil(rows.length / ROWS_A_PAGE));
  const here = Math.min(page, pages - 1);
  const part = rows.slice(here * ROWS_A_PAGE, (here + 1) * ROWS_A_PAGE);
  const columns = [
    {title: 'GPU', cell: ({node, gpu}) => make('a', {href: `#/fleet/gpu/${encodeURIComponent(gpu.uuid)}`},
      `${node.name} ${gpu.index}`)},
    {title: 'Model', cell: ({node, gpu}) => modelOf(node, gpu)?.id ?? format.UNKNOWN},
    {title: 'Slices and holders', cell: ({node, gpu}) => say({node, gpu}).replace(/^[^:]*: /, '')},
    {title: 'In use', number: true, cell: ({node, gpu}) => {
      const units = unitsOf(node, gpu);
      return format.percent(units.held, units.all);
    }},
  ];
  return make('div', {}, table(`GPUs, page ${here + 1} of ${pages}`, columns, part),
    make('p', {class: 'pages'},
      make('button', {type: 'button', disabled: here === 0, onclick: () => turn(here - 1)}, 'Back'),
      make('button', {type: 'button', disabled: here >= pages - 1, onclick: () => turn(here + 1)},
        'Next')));
}

function select(label, options, value, changed) {
  return make('label', {}, `${label} `, make('select', {onchange: (event) => changed(event.target.value)},
    Object.entries(options).map(([key, text]) =>
      make('option', {value: key, selected: key === value}, text))));
}

export function fleet(container, words) {
  const chosen = {by: 'pool', size: 'auto', colour: 'state', words: [], table: false, page: 0};
  const canvas = make('canvas', {tabindex: 0, role: 'application', 'aria-roledescription': 'map of GPUs',
    'aria-label': 'GPUs; arrow keys go from one to the next, Enter shows it'});
  const spacer = make('div', {class: 'spacer'});
  const stage = make('div', {class: 'stage'}, spacer, canvas);
  const list = make('div', {class: 'list', hidden: true});
  const live = make('p', {class: 'live', 'aria-live': 'polite'});
  const aside = make('aside', {class: 'details', 'aria-label': 'Chosen', hidden: true});
  const key = make('ul', {class: 'legend', 'aria-label': 'Colours'});
  let plan = null;
  let cursor = -1;
  let frame = 0;
  let groups = [];

  function paint() {
    frame = 0;
    if (plan === null || chosen.table) {
      return;
    }
    draw(canvas, stage, plan, {colour: chosen.colour, cursor, chosen: words[1] ?? null});
  }

  function repaint() {
    if (frame === 0) {
      frame = requestAnimationFrame(paint);
    }
  }

  function rearrange() {
    groups = grouped(chosen.by, chosen.words);
    let gpus = 0;
    for (const [, nodes] of groups) {
      for (const node of nodes) {
        gpus += node.gpus.length;
      }
    }
    list.hidden = !chosen.table;
    stage.hidden = chosen.table;
    if (chosen.table) {
      list.replaceChildren(gpuTable(groups, chosen.page, (page) => {
        chosen.page = page;
        rearrange();
      }));
      return;
    }
    plan = arrange(groups, sizeFor(chosen.size, gpus), stage.clientWidth);
    spacer.style.height = `${plan.height}px`;
    canvas.dataset.gpus = plan.gpus.length;
    cursor = Math.min(cursor, plan.gpus.length - 1);
    repaint();
  }

  function open(uuid) {
    location.hash = `#/fleet/gpu/${encodeURIComponent(uuid)}`;
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    return at(plan, event.clientX - box.left, event.clientY - box.top + stage.scrollTop);
  }

  canvas.addEventListener('click', (event) => {
    const found = plan === null ? -1 : point(event);
    if (found >= 0) {
      cursor = found;
      open(plan.gpus[found].gpu.uuid);
    }
  });
  canvas.addEventListener('mousemove', (event) => {
    const found = plan === null ? -1 : point(event);
    canvas.title = found >= 0 ? say(plan.gpus[found]) : '';
    canvas.style.cursor = found >= 0 ? 'pointer' : '';
  });
  canvas.addEventListener('keydown', (event) => {
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8, Home: -Infinity, End: Infinity};
    if (plan === null || plan.gpus.length === 0) {
      return;
    }
    if (Object.hasOwn(steps, event.key)) {
      event.preventDefault();
      cursor = Math.max(0, Math.min(plan.gpus.length - 1, cursor + steps[event.key]));
      const spot = plan.gpus[cursor];
      if (spot.y < stage.scrollTop || spot.y + spot.h > stage.scrollTop + stage.clientHeight) {
        stage.scrollTop = spot.y - stage.clientHeight / 2;
      }
      live.textContent = say(spot);
      repaint();
    } else if (event.key === 'Enter' && cursor >= 0) {
      open(plan.gpus[cursor].gpu.uuid);
    }
  });
  stage.addEventListener('scroll', repaint);
  addEventListener('theme', repaint);
  const resized = new ResizeObserver(rearrange);

  let typing = 0;
  const filter = make('input', {type: 'search', id: 'filter', placeholder: 'node, pod, profile, idle …', oninput: () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      chosen.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      chosen.page = 0;
      rearrange();
      live.textContent = `${plan?.gpus.length ?? 0} GPUs`;
    }, 120);
  }});
  const set = (name) => (value) => {
    chosen[name] = value;
    key.replaceChildren(...legend(chosen.colour));
    rearrange();
  };
  container.append(
    make('h1', {}, 'Fleet'),
    make('div', {class: 'tools'},
      make('label', {for: 'filter'}, 'Filter '), filter,
      select('Group by', GROUPS, chosen.by, set('by')),
      select('Size', {auto: 'fitting', small: 'small', medium: 'medium', large: 'large'}, chosen.size, set('size')),
      select('Colour', {state: 'state', namespace: 'namespace'}, chosen.colour, set('colour')),
      make('label', {}, make('input', {type: 'checkbox', onchange: (event) => set('table')(event.target.checked)}),
        ' as a table')),
    key,
    make('div', {class: 'beside'}, make('div', {class: 'main'}, stage, list), aside),
    live);
  key.replaceChildren(...legend(chosen.colour));
  resized.observe(stage);
  rearrange();
  const chosenPart = details(aside, words);

  return {
    update(what) {
      if (what.has('nodes')) {
        rearrange();
        chosenPart.update();
      }
    },
    end() {
      resized.disconnect();
      removeEventListener('theme', repaint);
      cancelAnimationFrame(frame);
      chosenPart.end();
    },
  };
}
