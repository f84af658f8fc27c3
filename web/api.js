/* api: the documents of the server, and the events that keep them up to date.
 * docs/internals/dashboard.md lists them. */

export const BASE = 'api/v1/';

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export async function get(path, signal) {
  const answer = await fetch(BASE + path, {signal, headers: {Accept: 'application/json'}});
  if (!answer.ok) {
    const text = (await answer.text()).slice(0, 400).trim();
    throw new ApiError(answer.status, text || `${answer.status} ${answer.statusText}`);
  }
  return answer.json();
}

const RETRY_MS = [500, 1000, 2000, 5000, 10000];

/* Keeps an event stream open. `on`: {open(), lost(seconds until the next try), NAME(data), ...} for
 * the events' names; every (re)opened stream begins with on.open, after which the documents are to be
 * fetched anew. Returns what ends it. */
export function listen(names, on) {
  let source = null;
  let tries = 0;
  let timer = null;
  let ended = false;

  function open() {
    timer = null;
    source = new EventSource(`${BASE}events`);
    source.addEventListener('open', () => {
      tries = 0;
      on.open();
    });
    source.addEventListener('error', () => {
      source.close();
      if (!ended) {
        const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
        tries += 1;
        on.lost(wait / 1000);
        timer = setTimeout(open, wait);
      }
    });
    for (const name of names) {
      source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
    }
  }

  function end() {
    ended = true;
    clearTimeout(timer);
    source?.close();
  }

  open();
  addEventListener('online', () => {
    if (timer !== null) {
      clearTimeout(timer);
      open();
    }
  });
  return end;
}
