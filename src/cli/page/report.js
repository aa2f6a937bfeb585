/*
 * Draws a report. The data is the JSON in #data (src/cli/report_data.c writes
 * it): jobs and attempts are columns, arrays of equal length; the job of id N
 * is at N - 1; times are microseconds, those of the axis count from the begin
 * of the first run and leave the pauses between runs out. Whatever a job
 * supplied goes into the page as text, never as markup.
 */
(function () {
'use strict';

/* ------------------------------------------------------------ the data */

const data = JSON.parse(document.getElementById('data').textContent);
const jobs = data.jobs;
const attempts = data.attempts;
const jobCount = jobs.standing.length;
const barCount = attempts.job.length;

/* Kinds of attempts, as numbered in the data. */
const KINDS = [
  { key: 'ok', label: 'succeeded', colour: '--ok' },
  { key: 'failed', label: 'failed', colour: '--failed' },
  { key: 'again', label: 'failed and ran again', colour: '--again' },
  { key: 'again', label: 'stopped with the run', colour: '--again' },
  { key: 'running', label: 'running', colour: '--running' },
];
const OK = 0, FAILED = 1, RETRIED = 2, STOPPED = 3, BEGUN = 4;
if (data.state !== 'running') {
  KINDS[BEGUN].label = 'ran when the run broke off';
}

/* States of jobs; the first four as their standing is numbered. */
const STATES = [
  { key: 'left', label: 'not run' },
  { key: 'ok', label: 'succeeded' },
  { key: 'failed', label: 'failed' },
  { key: 'skipped', label: 'skipped' },
  { key: 'running', label: KINDS[BEGUN].label },
];
const LEFT = 0, DONE = 1, LOST = 2, SKIPPED = 3, RUNNING = 4;

const length = data.runs.reduce(
  (most, run) => Math.max(most, run.from + run.length), 0) || 1;

/* Attempts by the row that they are drawn in, in the order of their start. */
const rowBars = data.rows.map(() => []);
for (let i = 0; i < barCount; i++) {
  rowBars[attempts.row[i]].push(i);
}

/* The last attempt of each job by id, or -1; and of each attempt the one
 * before. */
const latest = new Int32Array(jobCount + 1).fill(-1);
const earlier = new Int32Array(barCount).fill(-1);
const byStart = Uint32Array.from({ length: barCount }, (_, i) => i)
  .sort((a, b) => attempts.run[a] - attempts.run[b] ||
    attempts.start[a] - attempts.start[b] || attempts.n[a] - attempts.n[b]);
for (const i of byStart) {
  const id = attempts.job[i];
  earlier[i] = latest[id];
  latest[id] = i;
}

const ends = new Map(attempts.ends.map((end) => [end.at, end]));

/* The jobs that are still in the list. */
const ids = [];
for (let id = 1; id <= jobCount; id++) {
  if (!jobs.gone[id - 1]) {
    ids.push(id);
  }
}

function stateOf(id) {
  const standing = jobs.standing[id - 1];
  const at = latest[id];
  return standing === LEFT && at >= 0 && attempts.kind[at] === BEGUN
    ? RUNNING : standing;
}

function commandOf(id) {
  const command = jobs.command[id - 1];
  return command === null ? '' : plain(command);
}

function titleOf(id) {
  const name = jobs.name[id - 1];
  return name ? `${id} ${name}` : String(id);
}

/* Of the cores that it had. */
function cpuShare(at) {
  const had = attempts.time[at] * attempts.cores[at];
  return had > 0 ? (attempts.user[at] + attempts.sys[at]) / had : 0;
}

function hostOf(at) {
  return data.rows[attempts.row[at]][0];
}

function endOf(at) {
  const end = ends.get(at);
  return end ? end.end : attempts.kind[at] === OK ? 'exit 0' : '';
}

/* ------------------------------------------------------------ words */

/* In one piece, wherever the line ends. */
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

/* Whether a time of day alone would not tell when. */
function spansDays() {
  const first = data.runs[0], last = data.runs[data.runs.length - 1];
  const day = (seconds) => clock(seconds, true).slice(0, 10);
  return Boolean(first) && day(first.begin) !== day(last.begin + last.length / 1e6);
}

/* When it was at that place of the axis. */
function whenAt(run, us) {
  return data.runs[run].begin + (us - data.runs[run].from) / 1e6;
}

/* Control characters, which would not show, as pictures of themselves. */
function plain(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) =>
    String.fromCharCode(c === '\u007f' ? 0x2421 : 0x2400 + c.charCodeAt(0)));
}

/* ------------------------------------------------------------ the page */

function $(id) {
  return document.getElementById(id);
}

/* element('td', {class: 'number'}, 'text', otherElement) */
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'onclick') {
      made.addEventListener('click', value);
    } else {
      made.setAttribute(name, value);
    }
  }
  made.append(...children);
  return made;
}

function fill(target, ...children) {
  target.replaceChildren(...children);
}

function jobButton(id) {
  return element('button', { type: 'button', class: 'job',
    onclick: () => openJob(id) }, titleOf(id));
}

function stateMark(state) {
  return element('span', { class: `state ${state.key}` }, state.label);
}

/* What a table shows: {title, number: true, of: item => text or element, class}.
 * Without the list there are no commands. */
const hasCommands = jobs.command.some((command) => command !== null);

function table(wishes, items, caption) {
  const shown = wishes.filter((column) => column !== columns.command || hasCommands);
  const head = element('tr');
  for (const column of shown) {
    const cell = element('th', { scope: 'col' });
    cell.append(column.head || column.title);
    if (column.number) {
      cell.className = 'number';
    }
    if (column.sorted) {
      cell.setAttribute('aria-sort', column.sorted);
    }
    head.append(cell);
  }
  const body = element('tbody');
  for (const item of items) {
    const row = element('tr');
    for (const column of shown) {
      const cell = element('td');
      cell.className = column.number ? 'number' : column.class || '';
      cell.append(column.of(item));
      row.append(cell);
    }
    body.append(row);
  }
  const made = element('table', {}, element('thead', {}, head), body);
  if (caption) {
    made.prepend(element('caption', {}, caption));
  }
  return element('div', { class: 'scroll' }, made);
}

/* ------------------------------------------------------------ the top */

const STATUS_WORDS = ['every job succeeded', 'some job failed or was skipped',
  'bad input', 'stopped before the end', 'the run itself broke'];

function describeState() {
  const last = data.runs[data.runs.length - 1];
  if (!last) {
    return 'no run has begun';
  }
  if (data.state === 'ended') {
    const words = STATUS_WORDS[last.status];
    return `ended with exit status ${last.status}${words ? ` (${words})` : ''}`;
  }
  if (data.state === 'running') {
    return 'still running';
  }
  return data.state === 'broken' ? 'broke off' : 'on another host, state unknown';
}

function fillHead() {
  const list = data.list || data.journal;
  const name = list.replace(/^.*\//, '') || list;
  document.title = `${name} \u2013 jobsched report`;
  $('title').textContent = list;
  const parts = [describeState()];
  if (data.runs.length > 0) {
    const first = data.runs[0];
    parts.push(`begun ${clock(first.begin, true)} on ${first.host}`);
  }
  if (data.runs.length > 1) {
    parts.push(plural(data.runs.length, 'run'));
  }
  parts.push(`report of ${clock(data.now, true)}`, `jobsched ${data.version}`);
  $('about').textContent = parts.join(' \u00b7 ');
  if (data.list_error) {
    $('warning').hidden = false;
    $('warning').textContent =
      `The list cannot be read, so there are no commands: ${data.list_error}`;
  }
}

function busyShare() {
  let busy = 0, room = 0;
  for (let i = 0; i < barCount; i++) {
    busy += attempts.drawn[i] * attempts.cores[i];
  }
  for (const run of data.runs) {
    room += run.slots * run.length;
  }
  return room > 0 ? Math.min(1, busy / room) : 0;
}

function fillFigures() {
  const states = [0, 0, 0, 0, 0];
  for (const id of ids) {
    states[stateOf(id)]++;
  }
  let cpu = 0;
  for (let i = 0; i < barCount; i++) {
    cpu += attempts.user[i] + attempts.sys[i];
  }
  const last = data.runs[data.runs.length - 1];
  const figures = [
    ['jobs', count(ids.length)],
    ['succeeded', count(states[DONE])],
    ['failed', count(states[LOST]), states[LOST] > 0],
    ['skipped', count(states[SKIPPED])],
    ['not run', count(states[LEFT] + states[RUNNING])],
    ['wall time', duration(length)],
    ['slots', last ? count(last.slots) : '0'],
    ['slots busy', percent(busyShare())],
    ['CPU time', duration(cpu)],
  ];
  if (states[RUNNING] > 0) {
    const word = data.state === 'running' ? 'of these running' : 'of these cut off';
    figures.splice(5, 0, [word, count(states[RUNNING])]);
  }
  if (data.added > 0) {
    figures.splice(5, 0, ['new in the list', count(data.added)]);
  }
  fill($('figures'), ...figures.map(([word, value, bad]) =>
    element('div', { class: bad ? 'bad' : '', 'data-figure': word },
      element('dt', {}, word), element('dd', {}, value))));
}

/* ------------------------------------------------------------ what is wanted */

/* What the search and the boxes leave: by job, and by kind of attempt. */
const wanted = { text: '', jobs: null, count: 0, kinds: [1, 1, 1, 1, 1] };
let haystack = null;

function search(text) {
  wanted.text = text.trim().toLowerCase();
  wanted.jobs = null;
  wanted.count = 0;
  if (!wanted.text) {
    return;
  }
  if (!haystack) {
    haystack = jobs.name.map((name, i) =>
      `${name}\n${commandOf(i + 1)}`.toLowerCase());
  }
  wanted.jobs = new Uint8Array(jobCount + 1);
  for (const id of ids) {
    if (String(id) === wanted.text || haystack[id - 1].includes(wanted.text)) {
      wanted.jobs[id] = 1;
      wanted.count++;
    }
  }
}

function isWanted(at) {
  return wanted.kinds[attempts.kind[at]] &&
    (!wanted.jobs || wanted.jobs[attempts.job[at]]);
}

/* ------------------------------------------------------------ colours */

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = {};
  for (const name of ['ground', 'raised', 'text', 'muted', 'line', 'accent',
    'ok', 'failed', 'again', 'running', 'skipped', 'on-bar']) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

/* Colour is not the only difference: failed is hatched, what ran again is
 * striped upright, what was stopped is striped across, what runs is hollow. */
const patterns = {};

function makePattern(context, kind) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 6;
  const pen = tile.getContext('2d');
  pen.fillStyle = colours[KINDS[kind].key];
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = colours.ground;
  pen.globalAlpha = 0.55;
  pen.lineWidth = 1.2;
  pen.beginPath();
  if (kind === FAILED) {
    for (const x of [-6, 0, 6]) {
      pen.moveTo(x - 1, 7);
      pen.lineTo(x + 7, -1);
    }
  } else if (kind === RETRIED) {
    pen.moveTo(3, 0);
    pen.lineTo(3, 6);
  } else {
    pen.moveTo(0, 3);
    pen.lineTo(6, 3);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

function makePatterns(context) {
  for (const kind of [FAILED, RETRIED, STOPPED]) {
    patterns[kind] = makePattern(context, kind);
  }
}

/* ------------------------------------------------------------ the view */

const view = { from: 0, to: length };

const TOP = 22; /* the axis */

function isAll() {
  return view.from <= 0 && view.to >= length;
}

/* Keeps the view within the axis, and no narrower than a microsecond a pixel. */
function setView(from, to) {
  const least = Math.min(length, Math.max(200, length / 1e7));
  const span = Math.min(length, Math.max(least, to - from));
  view.from = Math.min(Math.max(0, from), length - span);
  view.to = view.from + span;
  redraw();
}

function zoom(factor, at) {
  const about = at === undefined ? (view.from + view.to) / 2 : at;
  setView(about - (about - view.from) * factor, about + (view.to - about) * factor);
}

function pan(share) {
  const by = (view.to - view.from) * share;
  setView(view.from + by, view.to + by);
}

/* ------------------------------------------------------------ measures */

const layout = { width: 0, gutter: 0, lane: 0, height: 0, visible: 0 };
const OVERVIEW_HEIGHT = 64;

function rowLabel(row) {
  const [host, rank, slot] = data.rows[row];
  return `${host} \u00b7 ${rank}${hasSlots ? `.${slot}` : ''}`;
}

/* Where there is little room, without the host. */
function gutterLabel(row) {
  const label = rowLabel(row);
  return layout.gutter < 100 ? label.slice(label.lastIndexOf(' ') + 1) : label;
}

const hasSlots = data.rows.some((row) => row[2] > 1);

function measure() {
  const rows = Math.max(1, data.rows.length);
  layout.lane = Math.max(5, Math.min(24, Math.floor(460 / rows)));
  layout.height = rows * layout.lane;
  layout.visible = Math.min(layout.height, 560) + TOP;
  $('lanes').style.height = `${layout.visible}px`;
  $('spacer').style.height = `${Math.max(0, layout.height + TOP - layout.visible)}px`;
  layout.width = $('lanes').clientWidth; /* without a bar to scroll with */
  layout.gutter = layout.width < 560 ? 58 : 112;
  sizeCanvas($('chart'), layout.width, layout.visible);
  sizeCanvas($('overview'), layout.width, OVERVIEW_HEIGHT);
}

function sizeCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
}

function plotWidth() {
  return Math.max(1, layout.width - layout.gutter);
}

function xOf(us) {
  return layout.gutter + (us - view.from) / (view.to - view.from) * plotWidth();
}

function usOf(x) {
  return view.from + (x - layout.gutter) / plotWidth() * (view.to - view.from);
}

/* ------------------------------------------------------------ drawing bars */

/* The first bar of a row that may end behind that time. */
function firstBar(bars, us) {
  let from = 0, to = bars.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (attempts.start[bars[middle]] + attempts.drawn[bars[middle]] < us) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

/* Bars of a row that are too thin to be told apart become one. */
function drawThin(pen, row, y, height, isMine) {
  const bars = rowBars[row];
  let begin = -1, end = -1;
  for (let i = firstBar(bars, view.from); i < bars.length; i++) {
    const at = bars[i];
    const x = xOf(attempts.start[at]);
    if (x > layout.width) {
      break;
    }
    if (!isMine(at)) {
      continue;
    }
    const right = Math.max(x + 1, xOf(attempts.start[at] + attempts.drawn[at]));
    const isThin = right - x < 4;
    if (begin >= 0 && (!isThin || x > end + 1)) {
      fillSpan(pen, begin, end, y, height);
      begin = -1;
    }
    if (isThin && begin < 0) {
      begin = x;
    }
    if (isThin) {
      end = right;
    } else {
      fillSpan(pen, x, right - 1, y, height);
    }
  }
  if (begin >= 0) {
    fillSpan(pen, begin, end, y, height);
  }
}

function fillSpan(pen, from, to, y, height) {
  const left = Math.max(layout.gutter, from);
  const right = Math.min(layout.width, to);
  if (right > left) {
    pen.fillRect(left, y, right - left, height);
  }
}

/* Failed bars have the whole height of their lane: they are found where they
 * are a pixel wide. */
function drawRow(pen, row, y) {
  const gap = layout.lane >= 8 ? 2 : 1;
  const inner = layout.lane - gap - (layout.lane >= 8 ? 2 : 0);
  const top = y + (layout.lane - inner) / 2;
  const draw = (kind, isDim) => {
    pen.globalAlpha = isDim ? 0.13 : 1;
    pen.fillStyle = patterns[kind] || colours[KINDS[kind].key];
    const tall = kind === FAILED;
    drawThin(pen, row, tall ? y + gap / 2 : top, tall ? layout.lane - gap : inner,
      (at) => attempts.kind[at] === kind && Boolean(isWanted(at)) !== isDim);
  };
  const isAny = wanted.jobs || wanted.kinds.includes(0);
  for (const isDim of isAny ? [true, false] : [false]) {
    for (const kind of [OK, STOPPED, RETRIED, FAILED]) {
      if (rowKinds[row][kind]) {
        draw(kind, isDim);
      }
    }
    if (rowKinds[row][BEGUN]) {
      drawHollow(pen, row, top, inner, isDim);
    }
  }
  pen.globalAlpha = 1;
}

/* Which kinds there are in each row. */
const rowKinds = rowBars.map((bars) => {
  const has = [0, 0, 0, 0, 0];
  for (const at of bars) {
    has[attempts.kind[at]] = 1;
  }
  return has;
});

function drawHollow(pen, row, y, height, isDim) {
  pen.strokeStyle = colours.running;
  pen.lineWidth = 1.5;
  pen.globalAlpha = isDim ? 0.25 : 1;
  for (const at of rowBars[row]) {
    if (attempts.kind[at] !== BEGUN || Boolean(isWanted(at)) === isDim) {
      continue;
    }
    const x = Math.max(layout.gutter, xOf(attempts.start[at]));
    const right = xOf(attempts.start[at] + attempts.drawn[at]);
    if (right > x) {
      pen.strokeRect(x + 1, y + 0.5, Math.max(1, right - x - 2), height - 1);
    }
  }
}

function drawLabels(pen, row, y) {
  if (layout.lane < 15 || view.to - view.from > length / Math.max(1, barCount / 4000)) {
    return;
  }
  const bars = rowBars[row];
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  for (let i = firstBar(bars, view.from); i < bars.length; i++) {
    const at = bars[i];
    const x = Math.max(layout.gutter, xOf(attempts.start[at]));
    if (x > layout.width) {
      break;
    }
    const right = Math.min(layout.width, xOf(attempts.start[at] + attempts.drawn[at]));
    if (right - x > 26 && isWanted(at)) {
      drawLabel(pen, at, x, right, y);
    }
  }
}

function drawLabel(pen, at, x, right, y) {
  const full = titleOf(attempts.job[at]);
  const id = String(attempts.job[at]);
  const room = right - x - 8;
  const text = pen.measureText(full).width <= room ? full : id;
  const width = pen.measureText(text).width;
  if (width > room) {
    return;
  }
  const kind = attempts.kind[at];
  if (patterns[kind]) { /* a calm ground to read on */
    pen.fillStyle = colours[KINDS[kind].key];
    pen.fillRect(x + 1, y + 3, width + 7, layout.lane - 6);
  }
  pen.fillStyle = kind === BEGUN ? colours.text : colours['on-bar'];
  pen.fillText(text, x + 4, y + layout.lane / 2 + 0.5);
}

/* ------------------------------------------------------------ the axis */

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4,
  1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 10e6, 15e6, 30e6, 60e6, 120e6, 300e6, 600e6,
  900e6, 1800e6, 3600e6, 7200e6, 14400e6, 21600e6, 43200e6, 86400e6];

function stepFor(span, width) {
  const least = span / Math.max(2, width / 90);
  return STEPS.find((step) => step >= least) ||
    Math.ceil(least / 86400e6) * 86400e6;
}

function tickText(us, step) {
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

/* Where the words on a seam stand, from left to right: no tick is named there. */
function seamTexts(pen) {
  const texts = [];
  for (let i = 1; i < data.runs.length; i++) {
    const x = Math.round(xOf(data.runs[i].from));
    if (x < layout.gutter || x > layout.width) {
      continue;
    }
    const before = data.runs[i - 1];
    const pause = (data.runs[i].begin - before.begin) * 1e6 - before.length;
    const text = `run ${i + 1}, after a pause of ${duration(Math.max(0, pause))}`;
    const width = pen.measureText(text).width;
    const left = x + 5 + width < layout.width ? x + 5 : x - 5 - width;
    const free = texts.length > 0 ? texts[texts.length - 1].right : -Infinity;
    if (left > free) {
      texts.push({ text, left, right: left + width });
    }
  }
  return texts;
}

function drawAxis(pen) {
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, layout.width, TOP);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.textAlign = 'left';
  const seams = seamTexts(pen);
  const step = stepFor(view.to - view.from, plotWidth());
  for (let us = Math.ceil(view.from / step) * step; us <= view.to; us += step) {
    const x = Math.round(xOf(us)) + 0.5;
    const text = tickText(us, step);
    pen.fillStyle = colours.line;
    pen.fillRect(x - 0.5, 0, 1, layout.visible);
    pen.fillStyle = colours.muted;
    const right = x + 4 + pen.measureText(text).width;
    if (right < layout.width &&
        !seams.some((seam) => x < seam.right + 6 && right > seam.left - 6)) {
      pen.fillText(text, x + 4, TOP / 2);
    }
  }
  for (const seam of seams) {
    pen.fillStyle = colours.ground;
    pen.fillRect(seam.left - 3, 2, seam.right - seam.left + 6, TOP - 4);
    pen.fillStyle = colours.text;
    pen.fillText(seam.text, seam.left, TOP / 2);
  }
}

/* Where one run has ended and the next began. */
function drawSeams(pen, height) {
  pen.strokeStyle = colours.text;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  for (let i = 1; i < data.runs.length; i++) {
    const x = Math.round(xOf(data.runs[i].from)) + 0.5;
    if (x >= layout.gutter && x <= layout.width) {
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, height);
      pen.stroke();
    }
  }
  pen.setLineDash([]);
}

/* ------------------------------------------------------------ the chart */

let selected = 0; /* the id of the job that is shown */
let range = null; /* what is being dragged over: [from, to] in pixels */

function rowAt(y) {
  const row = Math.floor((y - TOP + $('lanes').scrollTop) / layout.lane);
  return y >= TOP && row >= 0 && row < data.rows.length ? row : -1;
}

function drawGutter(pen, first, last, offset) {
  let free = -Infinity;
  pen.fillStyle = colours.ground;
  pen.fillRect(0, TOP, layout.gutter, layout.visible);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.fillStyle = colours.muted;
  for (let row = first; row <= last; row++) {
    const y = Math.max(TOP + 7,
      TOP + row * layout.lane - offset + layout.lane / 2);
    if (y - free >= 13) {
      pen.fillText(fitText(pen, gutterLabel(row), layout.gutter - 12), 6, y);
      free = y;
    }
  }
}

function fitText(pen, text, room) {
  let fits = text;
  while (fits.length > 1 && pen.measureText(fits).width > room) {
    fits = fits.slice(1);
  }
  return fits === text ? text : `\u2026${fits.slice(1)}`;
}

function drawSelected(pen, offset) {
  pen.strokeStyle = colours.text;
  pen.lineWidth = 2;
  for (let at = selected ? latest[selected] : -1; at >= 0; at = earlier[at]) {
    const y = TOP + attempts.row[at] * layout.lane - offset;
    const x = Math.max(layout.gutter, xOf(attempts.start[at]));
    const right = Math.min(layout.width - 1,
      xOf(attempts.start[at] + attempts.drawn[at]));
    if (right >= layout.gutter && x <= layout.width && y > TOP - layout.lane) {
      pen.strokeRect(x - 1, y, Math.max(3, right - x + 1), layout.lane);
    }
  }
}

function drawRange(pen, height) {
  if (!range) {
    return;
  }
  const left = Math.max(layout.gutter, Math.min(range[0], range[1]));
  const right = Math.min(layout.width, Math.max(range[0], range[1]));
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.18;
  pen.fillRect(left, 0, right - left, height);
  pen.globalAlpha = 1;
}

function drawChart() {
  const pen = $('chart').getContext('2d');
  const offset = $('lanes').scrollTop;
  const first = Math.max(0, Math.floor(offset / layout.lane));
  const last = Math.min(data.rows.length - 1,
    Math.floor((offset + layout.visible - TOP) / layout.lane));
  pen.clearRect(0, 0, layout.width, layout.visible);
  drawAxis(pen);
  pen.save();
  pen.beginPath();
  pen.rect(0, TOP, layout.width, layout.visible);
  pen.clip();
  for (let row = first; row <= last; row++) {
    const y = TOP + row * layout.lane - offset;
    drawRow(pen, row, y);
    drawLabels(pen, row, y);
  }
  drawSelected(pen, offset);
  drawGutter(pen, first, last, offset);
  pen.restore();
  drawSeams(pen, layout.visible);
  drawRange(pen, layout.visible);
}

/* ------------------------------------------------------------ utilisation */

/* How many slots were busy, as a sum over time at each change: what lies
 * between two places of the axis is a difference. */
const busy = (function () {
  const edges = new Float64Array(barCount * 2);
  const order = new Uint32Array(barCount * 2);
  for (let i = 0; i < barCount; i++) {
    edges[2 * i] = attempts.start[i];
    edges[2 * i + 1] = attempts.start[i] + attempts.drawn[i];
    order[2 * i] = 2 * i;
    order[2 * i + 1] = 2 * i + 1;
  }
  order.sort((a, b) => edges[a] - edges[b]);
  const times = new Float64Array(order.length + 1);
  const sums = new Float64Array(order.length + 1);
  const levels = new Float64Array(order.length + 1);
  let level = 0;
  for (let i = 0; i < order.length; i++) {
    const edge = order[i];
    times[i + 1] = edges[edge];
    sums[i + 1] = sums[i] + level * (times[i + 1] - times[i]);
    level += (edge % 2 ? -1 : 1) * attempts.cores[edge >> 1];
    levels[i + 1] = level;
  }
  return { times, sums, levels };
}());

function busyUntil(us) {
  let from = 0, to = busy.times.length;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (busy.times[middle] <= us) {
      from = middle;
    } else {
      to = middle;
    }
  }
  return busy.sums[from] + busy.levels[from] * (us - busy.times[from]);
}

const mostSlots = Math.max(1, ...data.runs.map((run) => run.slots));

function overviewX(us) {
  return layout.gutter + us / length * plotWidth();
}

function overviewUs(x) {
  return (x - layout.gutter) / plotWidth() * length;
}

/* The share of slots that were busy, over all of the time. */
function drawOverview() {
  const pen = $('overview').getContext('2d');
  const bottom = OVERVIEW_HEIGHT - 1, height = OVERVIEW_HEIGHT - 12;
  pen.clearRect(0, 0, layout.width, OVERVIEW_HEIGHT);
  pen.fillStyle = colours.line;
  pen.fillRect(layout.gutter, bottom - height, plotWidth(), 1);
  pen.fillStyle = colours.ok;
  pen.globalAlpha = 0.7;
  let before = 0;
  for (let x = 0; x < plotWidth(); x++) {
    const until = busyUntil((x + 1) / plotWidth() * length);
    const mean = (until - before) / (length / plotWidth());
    const y = Math.min(1, mean / mostSlots) * height;
    pen.fillRect(layout.gutter + x, bottom - y, 1, y);
    before = until;
  }
  pen.globalAlpha = 1;
  drawOverviewLabels(pen, bottom, height);
  drawWindow(pen);
}

function drawOverviewLabels(pen, bottom, height) {
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.fillStyle = colours.muted;
  pen.textAlign = 'left';
  pen.fillText(layout.gutter < 100 ? 'busy' : 'slots busy', 6, bottom - height / 2);
  pen.textAlign = 'right';
  pen.fillText(count(mostSlots), layout.gutter - 6, bottom - height + 2);
  pen.fillText('0', layout.gutter - 6, bottom - 5);
  pen.textAlign = 'left';
}

function drawWindow(pen) {
  if (isAll()) {
    return;
  }
  const left = overviewX(view.from), right = Math.max(left + 2, overviewX(view.to));
  pen.fillStyle = colours.ground;
  pen.globalAlpha = 0.62;
  pen.fillRect(layout.gutter, 0, left - layout.gutter, OVERVIEW_HEIGHT);
  pen.fillRect(right, 0, layout.width - right, OVERVIEW_HEIGHT);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 1.5;
  pen.strokeRect(left, 1, right - left, OVERVIEW_HEIGHT - 2);
}

let isRedrawing = false;

/* At most once for each frame of the screen. */
function redraw() {
  if (isRedrawing) {
    return;
  }
  isRedrawing = true;
  requestAnimationFrame(() => {
    isRedrawing = false;
    drawChart();
    drawOverview();
    $('zoom-all').disabled = $('zoom-out').disabled = isAll();
  });
}

/* ------------------------------------------------------------ the pointer */

/* The attempt under the pointer, a few pixels beside it counting as well; -1:
 * none. One that is wanted goes before others. */
function barAt(x, y) {
  const row = rowAt(y);
  if (row < 0 || x < layout.gutter) {
    return -1;
  }
  const bars = rowBars[row];
  let best = -1, least = 4;
  for (let i = Math.max(0, firstBar(bars, usOf(x - 5)) - 1); i < bars.length; i++) {
    const at = bars[i];
    const left = xOf(attempts.start[at]);
    if (left > x + 5) {
      break;
    }
    const right = xOf(attempts.start[at] + attempts.drawn[at]);
    const miss = x < left ? left - x : x > right ? x - right : 0;
    const far = miss + (isWanted(at) ? 0 : 3) + (attempts.kind[at] === OK ? 0.4 : 0);
    if (far < least) {
      best = at;
      least = far;
    }
  }
  return best;
}

function tipFor(at) {
  const id = attempts.job[at];
  const run = attempts.run[at];
  const words = [
    element('div', {}, element('b', {}, `Job ${titleOf(id)}`), ' ',
      stateMark(KINDS[attempts.kind[at]]))];
  if (commandOf(id)) {
    words.push(element('div', { class: 'command' }, commandOf(id)));
  }
  const begin = whenAt(run, attempts.start[at]);
  words.push(
    element('div', {}, `${duration(attempts.time[at])}, from ${clock(begin)} on ${rowLabel(attempts.row[at])}`));
  const more = [endOf(at)];
  if (attempts.kind[at] !== BEGUN) {
    more.push(`CPU ${percent(cpuShare(at))}`, size(attempts.rss[at]));
  }
  if (attempts.n[at] > 1) {
    more.push(`attempt ${attempts.n[at]}`);
  }
  if (attempts.cores[at] > 1) {
    more.push(`${attempts.cores[at]} cores`);
  }
  words.push(element('div', { class: 'muted' }, more.filter(Boolean).join(' \u00b7 ')));
  return words;
}

function showTip(at, x, y) {
  const tip = $('tip');
  if (at < 0) {
    tip.hidden = true;
    return;
  }
  fill(tip, ...tipFor(at));
  tip.hidden = false;
  const left = Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8);
  const below = y + 18 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? y + 18 : y - tip.offsetHeight - 12}px`;
}

function placeIn(target, event) {
  const box = target.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/* A drag zooms, or moves with Shift, or by touch. */
function followChart() {
  const chart = $('chart');
  let drag = null;
  chart.addEventListener('pointerdown', (event) => {
    if (event.button === 0) {
      const [x, y] = placeIn(chart, event);
      drag = { x, y, moves: event.shiftKey || event.pointerType === 'touch',
        from: view.from, to: view.to, isFar: false };
      chart.setPointerCapture(event.pointerId);
    }
  });
  chart.addEventListener('pointermove', (event) => {
    const [x, y] = placeIn(chart, event);
    if (!drag) {
      const at = barAt(x, y);
      chart.style.cursor = at >= 0 ? 'pointer' : 'crosshair';
      showTip(at, event.clientX, event.clientY);
      return;
    }
    drag.isFar = drag.isFar || Math.abs(x - drag.x) > 4;
    if (!drag.isFar) {
      return;
    }
    showTip(-1);
    if (drag.moves) {
      const by = (drag.x - x) / plotWidth() * (drag.to - drag.from);
      setView(drag.from + by, drag.to + by);
    } else {
      range = [drag.x, x];
      redraw();
    }
  });
  chart.addEventListener('pointerup', (event) => {
    const [x, y] = placeIn(chart, event);
    const was = drag;
    drag = range = null;
    if (!was) {
      return;
    }
    showTip(-1);
    if (!was.isFar) {
      const at = barAt(x, y);
      if (at >= 0) {
        openJob(attempts.job[at]);
      }
    } else if (!was.moves) {
      setView(Math.min(usOf(was.x), usOf(x)), Math.max(usOf(was.x), usOf(x)));
    }
    redraw();
  });
  chart.addEventListener('pointercancel', () => {
    drag = range = null;
    redraw();
  });
  chart.addEventListener('pointerleave', () => showTip(-1));
  chart.addEventListener('dblclick', () => setView(0, length));
  followWheel(chart);
}

/* Without Ctrl the wheel is the page's, or scrolls the lanes. */
function followWheel(chart) {
  chart.addEventListener('wheel', (event) => {
    const [x] = placeIn(chart, event);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 240))),
        usOf(Math.max(layout.gutter, x)));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan((event.deltaX || event.deltaY) / plotWidth());
    }
  }, { passive: false });
}

/* A drag moves what is shown, or chooses it where all was. */
function followOverview() {
  const overview = $('overview');
  let begin = null;
  const move = (us) => {
    const span = view.to - view.from;
    setView(us - span / 2, us + span / 2);
  };
  overview.addEventListener('pointerdown', (event) => {
    const us = overviewUs(placeIn(overview, event)[0]);
    begin = { us, chooses: isAll() };
    overview.setPointerCapture(event.pointerId);
    if (!begin.chooses) {
      move(us);
    }
  });
  overview.addEventListener('pointermove', (event) => {
    const us = overviewUs(placeIn(overview, event)[0]);
    if (begin && !begin.chooses) {
      move(us);
    } else if (begin && Math.abs(us - begin.us) > length / 200) {
      setView(Math.min(us, begin.us), Math.max(us, begin.us));
    }
  });
  const end = () => { begin = null; };
  overview.addEventListener('pointerup', end);
  overview.addEventListener('pointercancel', end);
  overview.addEventListener('dblclick', () => setView(0, length));
}

/* ------------------------------------------------------------ keys */

/* The failed attempt behind the one shown, or the first. */
function nextFailed() {
  const failed = byStart.filter((at) => attempts.kind[at] === FAILED);
  if (failed.length === 0) {
    return;
  }
  const now = failed.indexOf(selected ? latest[selected] : -1);
  const at = failed[(now + 1) % failed.length];
  revealBar(at);
  openJob(attempts.job[at]);
}

const KEYS = {
  '+': () => zoom(0.5),
  '=': () => zoom(0.5),
  '-': () => zoom(2),
  '0': () => setView(0, length),
  'Home': () => setView(0, length),
  'ArrowLeft': () => pan(-0.2),
  'ArrowRight': () => pan(0.2),
  'f': nextFailed,
};

function followKeys() {
  $('lanes').addEventListener('keydown', (event) => {
    const act = KEYS[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      act();
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !$('detail').hidden) {
      closeJob();
    }
  });
}

/* Brings a bar into view, with what was around it. */
function revealBar(at) {
  const middle = attempts.start[at] + attempts.drawn[at] / 2;
  const span = Math.min(view.to - view.from, Math.max(attempts.drawn[at] * 12, length / 500));
  setView(middle - span / 2, middle + span / 2);
  $('lanes').scrollTop = Math.max(0,
    attempts.row[at] * layout.lane - (layout.visible - TOP) / 2);
}

/* ------------------------------------------------------------ one job */

let opener = null; /* has the focus again when the job is closed */

function pairs(items) {
  const list = element('dl');
  for (const [word, value] of items) {
    list.append(element('dt', {}, word), element('dd', {}, value));
  }
  return list;
}

const WAITS = ['', 'waits for room', 'waits for jobs that it comes after',
  'is behind a wait line', 'will be skipped: a job that it comes after failed'];

function describeJob(id) {
  const items = [['state', stateMark(STATES[stateOf(id)])]];
  if (jobs.line[id - 1] > 0) {
    items.push(['line', `${jobs.line[id - 1]} of ${data.list}`]);
  }
  if (jobs.parent[id - 1] > 0) {
    items.push(['skipped because of', jobButton(jobs.parent[id - 1])]);
  }
  if (stateOf(id) === LEFT && WAITS[jobs.wait[id - 1]]) {
    items.push(['now', WAITS[jobs.wait[id - 1]]]);
  }
  const place = data.chain.indexOf(id);
  if (place >= 0 && data.chain.length > 1) {
    items.push(['longest chain', `${place + 1} of ${data.chain.length}`]);
  }
  return pairs(items);
}

function describeAttempt(at) {
  const run = attempts.run[at];
  const items = [['result', stateMark(KINDS[attempts.kind[at]])]];
  if (endOf(at)) {
    items.push(['end', endOf(at)]);
  }
  items.push(
    ['begin', clock(whenAt(run, attempts.start[at]), true)],
    ['run time', duration(attempts.time[at])],
    ['where', `${hostOf(at)}, slave ${data.rows[attempts.row[at]][1]}`],
    ['cores', count(attempts.cores[at])]);
  if (attempts.kind[at] !== BEGUN) {
    items.push(
      ['CPU', `${duration(attempts.user[at])} user, ${duration(attempts.sys[at])} system (${percent(cpuShare(at))} of its cores)`],
      ['memory', `${size(attempts.rss[at])} (largest process)`]);
  }
  const parts = [pairs(items)];
  const end = ends.get(at);
  if (end && end.tail !== undefined) {
    parts.push(element('h3', {}, `End of its ${end.stream === 2 ? 'stderr' : 'stdout'}`),
      element('pre', { class: 'tail' }, plain(end.tail)));
  }
  return parts;
}

function fillJob(id) {
  const parts = [describeJob(id)];
  if (commandOf(id)) {
    parts.push(element('pre', { id: 'detail-command' }, commandOf(id)));
  }
  if (latest[id] >= 0) {
    parts.push(element('p', {}), element('button', { type: 'button',
      onclick: () => revealBar(latest[id]) }, 'Show on the timeline'));
  }
  for (let at = latest[id]; at >= 0; at = earlier[at]) {
    const run = data.runs.length > 1 ? `, run ${attempts.run[at] + 1}` : '';
    parts.push(element('h3', {}, `Attempt ${attempts.n[at]}${run}`),
      ...describeAttempt(at));
  }
  $('detail-title').textContent = `Job ${titleOf(id)}`;
  fill($('detail-body'), ...parts);
}

/* What the reader looks at stays where it is when the page gets narrower; one
 * that is only being loaded has none. */
function showDetail(isShown) {
  const isRead = document.readyState !== 'loading';
  const top = $('plot').getBoundingClientRect().top;
  $('detail').hidden = !isShown;
  document.body.classList.toggle('has-detail', isShown);
  measure();
  if (isRead) {
    window.scrollBy(0, $('plot').getBoundingClientRect().top - top);
  }
}

function openJob(id) {
  selected = id;
  fillJob(id);
  if ($('detail').hidden) {
    opener = document.activeElement;
    showDetail(true);
  }
  $('detail').scrollTop = 0;
  $('detail-title').focus({ preventScroll: true });
  history.replaceState(null, '', `#job=${id}`);
  redraw();
}

function closeJob() {
  showDetail(false);
  selected = 0;
  history.replaceState(null, '', location.pathname + location.search);
  if (opener && opener.isConnected) {
    opener.focus({ preventScroll: true });
  }
  redraw();
}

/* report.html#job=815 */
function openLinked() {
  const match = /^#job=([0-9]+)$/.exec(location.hash);
  const id = match ? Number(match[1]) : 0;
  if (id > 0 && id <= jobCount) {
    openJob(id);
  }
}

/* ------------------------------------------------------------ distributions */

const SVG = 'http://www.w3.org/2000/svg';

function shape(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

/* The last attempts that ended of themselves. */
const measured = [];
for (const id of ids) {
  const at = latest[id];
  if (at >= 0 && (attempts.kind[at] === OK || attempts.kind[at] === FAILED)) {
    measured.push(at);
  }
}

/* Bins of equal width, or of equal ratio where values are far apart. */
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

function histogram(values, isBad, show, fixed) {
  const bins = binsOf(values, fixed);
  const all = new Array(bins.number).fill(0), bad = all.slice();
  values.forEach((value, i) => {
    all[bins.of(value)]++;
    bad[bins.of(value)] += isBad[i];
  });
  const most = Math.max(...all);
  const width = 420, left = 6, bottom = 128, height = 112;
  const step = (width - left - 6) / bins.number;
  const made = shape('svg', { viewBox: `0 0 ${width} 150`, role: 'img' });
  for (let i = 0; i < bins.number; i++) {
    const range_ = `${show(bins.edge(i))} to ${show(bins.edge(i + 1))}: ${plural(all[i], 'job')}`;
    const group = shape('g', {});
    group.append(shape('title', {}, bad[i] ? `${range_}, ${count(bad[i])} failed` : range_));
    const high = all[i] > 0 ? Math.max(1.5, all[i] / most * height) : 0;
    const red = bad[i] > 0 ? Math.max(1.5, bad[i] / most * height) : 0;
    const x = left + i * step;
    group.append(
      shape('rect', { x, y: bottom - height, width: step, height, fill: 'transparent' }),
      shape('rect', { class: 'bar', x: x + 0.5, y: bottom - high, width: step - 1, height: high }),
      shape('rect', { class: 'bar bad', x: x + 0.5, y: bottom - red, width: step - 1, height: red }));
    made.append(group);
  }
  made.append(shape('line', { class: 'axis', x1: left, x2: width - 6, y1: bottom, y2: bottom }));
  drawScale(made, bins, show, { left, step, bottom });
  made.append(shape('text', { x: left, y: 11 }, `highest: ${plural(most, 'job')}`));
  return made;
}

function drawScale(made, bins, show, { left, step, bottom }) {
  const marks = 4;
  for (let k = 0; k <= marks; k++) {
    const i = Math.round(k * bins.number / marks);
    made.append(shape('text', {
      x: left + i * step, y: bottom + 16,
      'text-anchor': k === 0 ? 'start' : k === marks ? 'end' : 'middle',
    }, show(bins.edge(i))));
  }
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function figure(title, values, isBad, show, fixed) {
  const sorted = Float64Array.from(values).sort();
  const line = element('figcaption', {}, element('b', {}, title),
    ` \u00b7 median ${show(quantile(sorted, 0.5))}, 90\u202f% below ${show(quantile(sorted, 0.9))}, most ${show(sorted[sorted.length - 1])}`);
  const drawing = histogram(values, isBad, show, fixed);
  drawing.setAttribute('aria-label', line.textContent);
  return element('figure', {}, line, drawing);
}

function fillSpread() {
  if (measured.length === 0) {
    fill($('spread'), element('p', { class: 'note' }, 'No job has ended.'));
    return;
  }
  const isBad = measured.map((at) => Number(attempts.kind[at] === FAILED));
  fill($('spread'),
    figure('Run time', measured.map((at) => attempts.time[at]), isBad, duration),
    figure('CPU used of its cores', measured.map(cpuShare), isBad, percent, [0, 1]),
    figure('Memory of the largest process', measured.map((at) => attempts.rss[at]), isBad, size));
}

/* ------------------------------------------------------------ the tables */

const columns = {
  job: { title: 'Job', class: 'short', of: (id) => jobButton(id) },
  command: { title: 'Command', class: 'command', of: (id) => commandOf(id) },
  state: { title: 'State', class: 'short', of: (id) => stateMark(STATES[stateOf(id)]) },
  end: { title: 'How it ended', of: (id) => latest[id] < 0 ? '' : endOf(latest[id]) },
  time: { title: 'Run time', number: true, of: (id) => latest[id] < 0 ? '' : duration(attempts.time[latest[id]]) },
  cpu: { title: 'CPU', number: true, of: (id) => hasEnded(id) ? percent(cpuShare(latest[id])) : '' },
  memory: { title: 'Memory', number: true, of: (id) => hasEnded(id) ? size(attempts.rss[latest[id]]) : '' },
  host: { title: 'Host', class: 'short', of: (id) => latest[id] < 0 ? '' : hostOf(latest[id]) },
  begin: { title: 'Begin', class: 'short', of: (id) => latest[id] < 0 ? ''
    : clock(whenAt(attempts.run[latest[id]], attempts.start[latest[id]]), spansDays()) },
};

function hasEnded(id) {
  return latest[id] >= 0 && attempts.kind[latest[id]] !== BEGUN;
}

function fillSlowest() {
  const slowest = measured.slice()
    .sort((a, b) => attempts.time[b] - attempts.time[a])
    .slice(0, 20)
    .map((at) => attempts.job[at]);
  if (slowest.length === 0) {
    fill($('slowest'), element('p', { class: 'note' }, 'No job has ended.'));
    return;
  }
  fill($('slowest'), table([columns.job, columns.time, columns.cpu,
    columns.memory, columns.host, columns.state, columns.command], slowest));
}

const FAILED_MAX = 200;

function tailOf(id) {
  const end = latest[id] < 0 ? undefined : ends.get(latest[id]);
  const cell = element('div', {}, commandOf(id));
  if (end && end.tail !== undefined) {
    const more = element('details', {}, element('summary', {},
      `end of its ${end.stream === 2 ? 'stderr' : 'stdout'}`),
    element('pre', { class: 'tail' }, plain(end.tail)));
    more.open = openTails-- > 0;
    cell.append(more);
  }
  return cell;
}
let openTails = 5;

function fillFailed() {
  const failed = ids.filter((id) => stateOf(id) === LOST);
  const skipped = ids.filter((id) => stateOf(id) === SKIPPED).length;
  if (failed.length === 0) {
    fill($('failed'), element('p', { class: 'note' }, 'None.'));
    return;
  }
  failed.sort((a, b) => endTime(b) - endTime(a));
  const shown = failed.slice(0, FAILED_MAX);
  const words = [plural(failed.length, 'job')];
  if (shown.length < failed.length) {
    words.push(`the latest ${shown.length} are shown`);
  }
  if (skipped > 0) {
    words.push(`${plural(skipped, 'job')} skipped because of them`);
  }
  fill($('failed'), table([columns.job, columns.end, columns.time, columns.host,
    { title: hasCommands ? 'Command, and the end of its output' : 'The end of its output', class: 'command', of: tailOf }],
  shown, words.join('; ')));
}

function endTime(id) {
  const at = latest[id];
  return at < 0 ? 0 : attempts.start[at] + attempts.drawn[at];
}

function fillSlots() {
  if (data.slots.length === 0 || !(data.work > 0)) {
    fill($('slots'), element('p', { class: 'note' }, 'Not known: no job has ended, or the list cannot be read.'));
    return;
  }
  const last = data.runs[data.runs.length - 1];
  const made = table([
    { title: 'Slots', number: true, of: ([slots]) => count(slots) },
    { title: 'Would take', number: true, of: ([, span]) => duration(span) },
    { title: 'Speed-up', number: true, of: ([, span]) => (data.work / span).toFixed(1) },
    { title: 'Efficiency', number: true, of: ([slots, span]) => percent(data.work / (slots * span)) },
  ], data.slots, 'A simulated run of the whole list, by the run times in the journal, as --plan shows it.');
  data.slots.forEach(([slots], i) => {
    if (slots === last.slots) {
      made.querySelectorAll('tbody tr')[i].classList.add('mark');
    }
  });
  fill($('slots'), made, element('p', { class: 'note' },
    `The last run had ${plural(last.slots, 'slot')}. Less than ${duration(data.chain_time)} it can never take: that is the longest chain.${unknownNote()}`));
}

function unknownNote() {
  if (data.unknown === 0) {
    return '';
  }
  return ` ${plural(data.unknown, 'job')} whose run time is not known: each counts as the mean of the others, ${duration(data.mean)}.`;
}

const CHAIN_MAX = 40;

function fillChain() {
  if (data.chain.length === 0) {
    fill($('chain'), element('p', { class: 'note' }, 'Not known: no job has ended, or the list cannot be read.'));
    return;
  }
  const longest = data.chain.reduce((most, id) => Math.max(most, attempts.time[latest[id]]), 1);
  const share = (id) => {
    const bar = element('span', { class: 'share' });
    bar.style.width = `${attempts.time[latest[id]] / longest * 90}px`;
    return bar;
  };
  const caption = data.chain.length > 1
    ? `${plural(data.chain.length, 'job')}, each of which had to wait for the one before: ${duration(data.chain_time)} in all`
    : data.list && !data.list_error
      ? `No chain takes longer than this one job: ${duration(data.chain_time)}`
      : `The longest job: ${duration(data.chain_time)} (without the list nobody knows what waited for what)`;
  fill($('chain'), table([columns.job, columns.time, { title: '', of: share },
    columns.command], data.chain.slice(0, CHAIN_MAX), caption));
  if (data.chain.length > CHAIN_MAX) {
    $('chain').append(element('p', { class: 'note' },
      `... and ${plural(data.chain.length - CHAIN_MAX, 'job')} more`));
  }
}

/* ------------------------------------------------------------ all jobs */

const PAGE = 25;
const listing = { key: 'id', isDown: false, page: 0, state: '', ids: [] };

const SORTS = {
  id: (id) => id,
  state: (id) => stateOf(id),
  time: (id) => latest[id] < 0 ? -1 : attempts.time[latest[id]],
  cpu: (id) => hasEnded(id) ? cpuShare(latest[id]) : -1,
  memory: (id) => hasEnded(id) ? attempts.rss[latest[id]] : -1,
  begin: (id) => latest[id] < 0 ? -1 : attempts.start[latest[id]],
};

function chooseJobs() {
  const keep = (id) => (!wanted.jobs || wanted.jobs[id]) &&
    (listing.state === '' || stateOf(id) === Number(listing.state));
  const by = SORTS[listing.key];
  const sign = listing.isDown ? -1 : 1;
  listing.ids = ids.filter(keep);
  listing.ids.sort((a, b) => sign * (by(a) - by(b)) || a - b);
  listing.page = 0;
  showJobs();
}

function sortable(key, column) {
  const head = element('button', { type: 'button', onclick: () => {
    listing.isDown = listing.key === key ? !listing.isDown : key !== 'id';
    listing.key = key;
    chooseJobs();
    $('jobs').querySelector(`[data-sort="${key}"]`).focus();
  }, 'data-sort': key }, column.title);
  const sorted = listing.key !== key ? undefined
    : listing.isDown ? 'descending' : 'ascending';
  return { ...column, head, sorted };
}

function showJobs() {
  const from = listing.page * PAGE;
  const shown = listing.ids.slice(from, from + PAGE);
  fill($('jobs'), table([
    sortable('id', columns.job), sortable('state', columns.state),
    sortable('begin', columns.begin), sortable('time', columns.time),
    sortable('cpu', columns.cpu), sortable('memory', columns.memory),
    columns.host, columns.command], shown));
  $('listed').textContent = shown.length === 0 ? 'no jobs'
    : `${count(from + 1)} to ${count(from + shown.length)} of ${count(listing.ids.length)}`;
  $('previous').disabled = from === 0;
  $('next').disabled = from + PAGE >= listing.ids.length;
}

function fillStates() {
  $('state').append(element('option', { value: '' }, 'all'));
  STATES.forEach((state, i) => {
    $('state').append(element('option', { value: i }, state.label));
  });
}

/* ------------------------------------------------------------ controls */

/* What each kind looks like, beside its name. */
function drawSwatch(canvas, kind) {
  sizeCanvas(canvas, 18, 12);
  const pen = canvas.getContext('2d');
  pen.clearRect(0, 0, 18, 12);
  if (kind === BEGUN) {
    pen.strokeStyle = colours.running;
    pen.lineWidth = 1.5;
    pen.strokeRect(1, 1, 16, 10);
    return;
  }
  pen.fillStyle = patterns[kind] || colours[KINDS[kind].key];
  pen.fillRect(0, 0, 18, 12);
}

/* A box for each kind that there is. */
function fillKinds() {
  KINDS.forEach((kind, number) => {
    if (!rowKinds.some((kinds) => kinds[number])) {
      return;
    }
    const box = element('input', { type: 'checkbox' });
    box.checked = true;
    box.addEventListener('change', () => {
      wanted.kinds[number] = Number(box.checked);
      redraw();
    });
    $('kinds').append(element('label', {}, box, element('canvas',
      { 'data-swatch': number, 'aria-hidden': 'true' }), kind.label));
  });
}

function applyTheme() {
  readColours();
  makePatterns($('chart').getContext('2d'));
  for (const canvas of document.querySelectorAll('[data-swatch]')) {
    drawSwatch(canvas, Number(canvas.getAttribute('data-swatch')));
  }
  redraw();
}

function followSearch() {
  let timer = 0;
  const apply = () => {
    search($('search').value);
    $('found').textContent = wanted.jobs ? plural(wanted.count, 'job') : '';
    chooseJobs();
    redraw();
  };
  $('search').addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 120);
  });
  $('search').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') {
      return;
    }
    clearTimeout(timer);
    apply();
    if (wanted.count > 0) {
      openJob(wanted.jobs.indexOf(1));
    }
  });
}

function followControls() {
  $('zoom-in').addEventListener('click', () => zoom(0.5));
  $('zoom-out').addEventListener('click', () => zoom(2));
  $('zoom-all').addEventListener('click', () => setView(0, length));
  $('previous').addEventListener('click', () => { listing.page--; showJobs(); });
  $('next').addEventListener('click', () => { listing.page++; showJobs(); });
  $('state').addEventListener('change', () => {
    listing.state = $('state').value;
    chooseJobs();
  });
  $('detail-close').addEventListener('click', closeJob);
  $('lanes').addEventListener('scroll', () => { showTip(-1); redraw(); });
  window.addEventListener('resize', () => { measure(); redraw(); });
  window.addEventListener('hashchange', openLinked);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme);
}

fillHead();
fillFigures();
fillKinds();
fillStates();
fillSpread();
fillSlots();
fillChain();
fillFailed();
fillSlowest();
chooseJobs();
measure();
applyTheme();
followChart();
followOverview();
followKeys();
followSearch();
followControls();
openLinked();
}());
