/*
 * The timeline: colours, the view, bars, axis, and how many slots were busy.
 */

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

/* Colour is not the only difference: failed attempts are hatched, retried ones
 * have vertical stripes, stopped ones horizontal stripes, and running ones are
 * hollow. */
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

/* On a narrow screen the host is left out. */
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
  layout.width = $('lanes').clientWidth; /* without the scroll bar */
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

/* The first bar of a row that may end after that time. */
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

/* Bars of a row that are too thin to distinguish become one. */
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

/* Failed bars have the whole height of their lane, so that they are visible even
 * if they are a pixel wide. */
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

/* The kinds of attempts that occur in each row. */
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
  if (patterns[kind]) { /* a plain background for text */
    pen.fillStyle = colours[KINDS[kind].key];
    pen.fillRect(x + 1, y + 3, width + 7, layout.lane - 6);
  }
  pen.fillStyle = kind === BEGUN ? colours.text : colours['on-bar'];
  pen.fillText(text, x + 4, y + layout.lane / 2 + 0.5);
}

/* ------------------------------------------------------------ the axis */

/* The places of the labels between two runs, from left to right: a tick there has
 * no label. */
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
    const text = tickText(us, step, length);
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

/* The places at which one run has ended and the next has begun. */
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

/* The number of busy slots, summed over time, at each change: the sum between two
 * places of the axis is a difference. */
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

/* Draws the share of slots that were busy, for the whole axis. */
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

/* Draws at most once for each frame of the screen. */
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
