/*
 * Numbers as text, steps of an axis, bins of a histogram. Nothing here knows
 * the data or the page.
 */

/* With blanks at which no line is broken. */
function duration(us) {
  return durationWords(us).replace(/ /g, '\u00a0');
}

function durationWords(us) {
  const s = us / 1e6;
  if (s < 0.001) {
    return `${Math.round(us)} \u00b5s`;
  }
  if (s < 1) {
    return `${Math.round(s * 1000)} ms`;
  }
  if (s < 99.95) {
    return `${s.toFixed(1)} s`;
  }
  const whole = Math.round(s);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  const minutes = Math.round(s / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function size(kib) {
  if (kib < 1024) {
    return `${Math.round(kib)} KiB`;
  }
  if (kib < 1024 * 1024) {
    return `${(kib / 1024).toFixed(kib < 10240 ? 1 : 0)} MiB`;
  }
  return `${(kib / 1048576).toFixed(1)} GiB`;
}

function count(n) {
  return n.toLocaleString('en').replace(/,/g, '\u202f');
}

function percent(share) {
  return `${Math.round(share * 100)}\u202f%`;
}

function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? '' : 's'}`;
}

/* In the reader's own time zone. */
function clock(seconds, withDay) {
  const d = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, '0');
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return withDay
    ? `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`
    : time;
}

/* Replaces control characters, which are invisible, by their symbols. */
function plain(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) =>
    String.fromCharCode(c === '\u007f' ? 0x2421 : 0x2400 + c.charCodeAt(0)));
}

/* ------------------------------------------------------------ axis and bins */

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4,
  1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 10e6, 15e6, 30e6, 60e6, 120e6, 300e6, 600e6,
  900e6, 1800e6, 3600e6, 7200e6, 14400e6, 21600e6, 43200e6, 86400e6];

function stepFor(span, width) {
  const least = span / Math.max(2, width / 90);
  return STEPS.find((step) => step >= least) ||
    Math.ceil(least / 86400e6) * 86400e6;
}

/* `length` is that of the whole axis. */
function tickText(us, step, length) {
  if (us === 0) {
    return '0';
  }
  if (step < 1e3) {
    return `${us} \u00b5s`;
  }
  if (step < 1e6) {
    return `${(us / 1e6).toFixed(step < 1e4 ? 3 : step < 1e5 ? 2 : 1)} s`;
  }
  const s = Math.round(us / 1e6);
  if (length < 120e6) {
    return `${s} s`;
  }
  const two = (n) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  if (length < 3600e6) {
    return step < 60e6 ? `${m}:${two(s % 60)} min` : `${m} min`;
  }
  return step < 60e6 ? `${h}:${two(m)}:${two(s % 60)}` : `${h}:${two(m)} h`;
}

/* Bins of equal width; of equal ratio if the values are far apart. */
function binsOf(values, fixed) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (fixed) {
    [low, high] = fixed;
  }
  const isLog = !fixed && low > 0 && high / low > 20;
  const bend = isLog ? Math.log : (value) => value;
  const back = isLog ? Math.exp : (value) => value;
  const number = Math.min(fixed ? 20 : 28, Math.max(4, Math.ceil(Math.sqrt(values.length) * 1.5)));
  if (!(high > low)) {
    high = low + 1;
  }
  const step = (bend(high) - bend(low)) / number;
  return {
    number,
    of: (value) => Math.max(0, Math.min(number - 1,
      Math.floor((bend(value) - bend(low)) / step))),
    edge: (i) => back(bend(low) + i * step),
  };
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
