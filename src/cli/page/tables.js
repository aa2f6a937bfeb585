/*
 * The tables, one job in detail, and the distributions.
 */

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

/* ------------------------------------------------------------ one job */

let opener = null; /* gets the focus back when the job is closed */

function pairs(items) {
  const list = element('dl');
  for (const [word, value] of items) {
    list.append(element('dt', {}, word), element('dd', {}, value));
  }
  return list;
}

const WAITS = ['', 'waits for free resources', 'waits for jobs that it depends on',
  'is below a wait line', 'will be skipped, because a job that it depends on failed'];

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
  if (argsOf(id)) {
    parts.push(element('p', { id: 'detail-args' }, argsOf(id)));
  }
  if (commandOf(id)) {
    parts.push(element('pre', { id: 'detail-command' }, commandOf(id)));
  }
  if (latest[id] >= 0) {
    parts.push(element('p', {}), element('button', { type: 'button',
      onclick: () => revealBar(latest[id]) }, 'Show in the timeline'));
  }
  for (let at = latest[id]; at >= 0; at = earlier[at]) {
    const run = data.runs.length > 1 ? `, run ${attempts.run[at] + 1}` : '';
    parts.push(element('h3', {}, `Attempt ${attempts.n[at]}${run}`),
      ...describeAttempt(at));
  }
  $('detail-title').textContent = `Job ${titleOf(id)}`;
  fill($('detail-body'), ...parts);
}

/* Opening the detail makes the page narrower, which would move the plot under
 * the reader's eyes. Not while the page loads: nobody has scrolled it yet. */
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

/* The latest attempt of each job, if it ended by itself. */
const measured = [];
for (const id of ids) {
  const at = latest[id];
  if (at >= 0 && (attempts.kind[at] === OK || attempts.kind[at] === FAILED)) {
    measured.push(at);
  }
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
  made.append(shape('text', { x: left, y: 11 }, `tallest bar: ${plural(most, 'job')}`));
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

function figure(title, values, isBad, show, fixed) {
  const sorted = Float64Array.from(values).sort();
  const line = element('figcaption', {}, element('b', {}, title),
    ` \u00b7 median ${show(quantile(sorted, 0.5))}, 90\u202f% below ${show(quantile(sorted, 0.9))}, maximum ${show(sorted[sorted.length - 1])}`);
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
    fill($('slots'), element('p', { class: 'note' }, 'Unknown: no job has ended, or the list cannot be read.'));
    return;
  }
  const last = data.runs[data.runs.length - 1];
  const made = table([
    { title: 'Slots', number: true, of: ([slots]) => count(slots) },
    { title: 'Would take', number: true, of: ([, span]) => duration(span) },
    { title: 'Speed-up', number: true, of: ([, span]) => (data.work / span).toFixed(1) },
    { title: 'Efficiency', number: true, of: ([slots, span]) => percent(data.work / (slots * span)) },
  ], data.slots, 'Simulated runs of the whole list with the run times in the journal, as --plan shows them.');
  data.slots.forEach(([slots], i) => {
    if (slots === last.slots) {
      made.querySelectorAll('tbody tr')[i].classList.add('mark');
    }
  });
  fill($('slots'), made, element('p', { class: 'note' },
    `The last run had ${plural(last.slots, 'slot')}. No number of slots can take less than ${duration(data.chain_time)}, the length of the longest chain.${unknownNote()}`));
}

function unknownNote() {
  if (data.unknown === 0) {
    return '';
  }
  return ` ${plural(data.unknown, 'job')} ${data.unknown === 1 ? 'has' : 'have'} no recorded run time: the mean of the others, ${duration(data.mean)}, is assumed.`;
}

const CHAIN_MAX = 40;

function fillChain() {
  if (data.chain.length === 0) {
    fill($('chain'), element('p', { class: 'note' }, 'Unknown: no job has ended, or the list cannot be read.'));
    return;
  }
  const longest = data.chain.reduce((most, id) => Math.max(most, attempts.time[latest[id]]), 1);
  const share = (id) => {
    const bar = element('span', { class: 'share' });
    bar.style.width = `${attempts.time[latest[id]] / longest * 90}px`;
    return bar;
  };
  const caption = data.chain.length > 1
    ? `${plural(data.chain.length, 'job')}, each of which depended on the one before: ${duration(data.chain_time)} in total`
    : data.list && !data.list_error
      ? `No chain takes longer than this single job: ${duration(data.chain_time)}`
      : `The longest job: ${duration(data.chain_time)} (dependencies are unknown without the list)`;
  fill($('chain'), table([columns.job, columns.time, { title: '', of: share },
    columns.command], data.chain.slice(0, CHAIN_MAX), caption));
  if (data.chain.length > CHAIN_MAX) {
    $('chain').append(element('p', { class: 'note' },
      `... and ${plural(data.chain.length - CHAIN_MAX, 'job')} more`));
  }
}
