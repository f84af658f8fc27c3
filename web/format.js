/* format: numbers and times as people read them. What is not known is "unknown", never 0. */

export const UNKNOWN = 'unknown';

/* Millionths of a dollar an hour. */
export function dollarsAnHour(uusd) {
  return uusd === null || uusd === undefined ? UNKNOWN : `$${dollars(uusd)}/h`;
}

export function dollars(uusd) {
  const value = uusd / 1e6;
  const digits = Math.abs(value) < 1000 ? 2 : 0;
  return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

export function count(number) {
  return number === null || number === undefined ? UNKNOWN : number.toLocaleString('en-US');
}

/* "1 node", "12 nodes" */
export function counted(number, word) {
  return `${count(number)} ${word}${number === 1 ? '' : 's'}`;
}

export function percent(part, whole) {
  return whole > 0 ? `${(100 * part / whole).toFixed(1)} %` : UNKNOWN;
}

/* 95 -> "1 min 35 s"; two units at most. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) {
    return UNKNOWN;
  }
  const parts = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [unit, length] of [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]) {
    const n = Math.floor(rest / length);
    rest -= n * length;
    if (n > 0 && parts.length < 2) {
      parts.push(`${n} ${unit}`);
    } else if (parts.length > 0) {
      break;
    }
  }
  return parts.length > 0 ? parts.join(' ') : '0 s';
}

/* How long ago an RFC 3339 time was, by this clock. */
export function ago(time, now = Date.now()) {
  const at = Date.parse(time);
  return Number.isNaN(at) ? UNKNOWN : duration((now - at) / 1000);
}

export function clock(time) {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? UNKNOWN
    : at.toLocaleString('en-GB', {dateStyle: 'medium', timeStyle: 'short'});
}
