/*
 * The top of the page and its controls. Fills the page.
 */

/* ------------------------------------------------------------ the top */

const STATUS_WORDS = ['every job succeeded', 'some job failed or was skipped',
  'bad input', 'stopped before the end', 'the run itself failed'];

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
  return data.state === 'broken' ? 'broke off' : 'state unknown (the run was on another host)';
}

function fillHead() {
  const list = data.list || data.journal;
  const name = list.replace(/^.*\//, '') || list;
  document.title = `${name} \u2013 jobsched report`;
  $('title').textContent = list;
  const parts = [describeState()];
  if (data.runs.length > 0) {
    const first = data.runs[0];
    parts.push(`started ${clock(first.begin, true)} on ${first.host}`);
  }
  if (data.runs.length > 1) {
    parts.push(plural(data.runs.length, 'run'));
  }
  parts.push(`report made ${clock(data.now, true)}`, `jobsched ${data.version}`);
  $('about').textContent = parts.join(' \u00b7 ');
  if (data.list_error) {
    $('warning').hidden = false;
    $('warning').textContent =
      `The list cannot be read, so commands are not shown: ${data.list_error}`;
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
    const word = data.state === 'running' ? 'of these running' : 'of these interrupted';
    figures.splice(5, 0, [word, count(states[RUNNING])]);
  }
  if (data.added > 0) {
    figures.splice(5, 0, ['new in the list', count(data.added)]);
  }
  fill($('figures'), ...figures.map(([word, value, bad]) =>
    element('div', { class: bad ? 'bad' : '', 'data-figure': word },
      element('dt', {}, word), element('dd', {}, value))));
}

/* ------------------------------------------------------------ controls */

/* Shows beside the name of a kind how it is drawn. */
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

/* One check box for each kind of attempt that occurs. */
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
