/*
 * What the reader wants to see: the search, the kinds of attempts, and the list
 * of all jobs with its order.
 */

/* ------------------------------------------------------------ what is wanted */

/* What the search and the check boxes let through: jobs, and kinds of attempts. */
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
      `${name}\n${argsOf(i + 1)}\n${commandOf(i + 1)}`.toLowerCase());
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
