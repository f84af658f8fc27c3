/* leftout: what of the history was damaged or doubtful, and is therefore in nothing that is shown. */
import {make, table} from './dom.js';
import * as format from './format.js';

/* `found`: left_out of a document, {count, first: [{at, why}]}, of which one is a `what` ("hour") and
 * lacks in `from` ("these sums"). null: nothing is left out. */
export function leftOut(found, what, from) {
  const count = found?.count ?? 0;
  if (count === 0) {
    return null;
  }
  const first = found.first ?? [];
  const one = count === 1;
  return make('section', {class: 'left-out', 'aria-label': 'Left out'},
    make('p', {class: 'warn'}, `${format.counted(count, what)} ${one ? 'is' : 'are'} left out of ${from}: what the history `
      + `has of ${one ? 'it' : 'them'} is damaged or cannot be trusted.`),
    first.length === 0 ? null : make('details', {}, make('summary', {}, one ? 'which, and why' : 'which ones, and why'),
      table(`Left out of ${from}`, [
        {title: 'When', cell: (row) => format.clock(row.at)},
        {title: 'Why', words: true, cell: (row) => row.why},
      ], first),
      count > first.length ? make('p', {class: 'none'}, `and ${format.count(count - first.length)} more`) : null));
}
