/* dom: elements made of names, attributes and children. Text from data goes in as text nodes and as
 * attributes, never as HTML, so that a pod may be called anything. */

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
  return element;
}

/* make('a', {href: '#/fleet'}, 'Fleet') */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function makeSvg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function classOf(column) {
  return column.number ? 'number' : column.words ? 'words' : null;
}

/* A table with a caption. `columns`: [{title, number, words, cell(row)}]; `words`: a sentence or more. */
export function table(caption, columns, rows, none = 'nothing') {
  const head = make('tr', {}, columns.map((column) =>
    make('th', {scope: 'col', class: classOf(column)}, column.title)));
  const body = rows.map((row) => make('tr', {}, columns.map((column, i) => {
    const attributes = {class: classOf(column)};
    return i === 0 ? make('th', {...attributes, scope: 'row'}, column.cell(row))
      : make('td', attributes, column.cell(row));
  })));
  if (rows.length === 0) {
    body.push(make('tr', {}, make('td', {colspan: columns.length, class: 'none'}, none)));
  }
  return make('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': caption},
    make('table', {}, make('caption', {}, caption), make('thead', {}, head),
      make('tbody', {}, body)));
}

/* A number that links to where it came from. */
export function sourced(href, ...children) {
  return make('a', {class: 'sourced', href, title: `from ${href}`}, ...children);
}

/* Puts newer children in place of the old: what a reader has opened stays open, by its place and its
 * words, and who was on one keeps the keyboard there. */
export function refill(into, ...children) {
  const known = (details, i) => `${i} ${details.querySelector('summary')?.textContent}`;
  const before = [...into.querySelectorAll('details')];
  const open = new Set(before.map((one, i) => one.open && known(one, i)));
  const focused = before.findIndex((one) => one.querySelector('summary') === document.activeElement);
  into.replaceChildren(...children.filter(Boolean));
  const after = [...into.querySelectorAll('details')];
  after.forEach((one, i) => {
    one.open = open.has(known(one, i));
  });
  if (focused >= 0) {
    after[focused]?.querySelector('summary').focus({preventScroll: true});
  }
}
