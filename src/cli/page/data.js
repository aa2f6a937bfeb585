/*
 * The data of a report, and what is derived from it. The data is the JSON in #data
 * (src/cli/report_data.c writes it): jobs and attempts are columns, arrays of
 * equal length; the job of id N is at N - 1. Times are microseconds; those of
 * the axis count from the start of the first run, without the pauses between
 * runs. Whatever a job supplied goes into the page as text, never as markup.
 *
 * The files of this folder become one function (src/cli/report.c), in the
 * order data, scales, filter, timeline, pointer, tables, main. Only main.js does
 * something when it is loaded.
 */

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

/* States of jobs; the first four as they are numbered in the data. */
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

/* The attempts of each row of the timeline, in the order of their start. */
const rowBars = data.rows.map(() => []);
for (let i = 0; i < barCount; i++) {
  rowBars[attempts.row[i]].push(i);
}

/* The latest attempt of each job by id (-1: none), and for each attempt the one
 * before it. */
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
  const state = jobs.standing[id - 1];
  const at = latest[id];
  return state === LEFT && at >= 0 && attempts.kind[at] === BEGUN
    ? RUNNING : state;
}

function commandOf(id) {
  const command = jobs.command[id - 1];
  return command === null ? '' : plain(command);
}

/* The values of the template that the job was made with: "n=4 f=a.fq". */
function argsOf(id) {
  return plain(jobs.args[id - 1]);
}

function titleOf(id) {
  const name = jobs.name[id - 1];
  return name ? `${id} ${name}` : String(id);
}

/* The part of its cores that the attempt has used. */
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

/* True if a time of day alone is ambiguous. */
function spansDays() {
  const first = data.runs[0], last = data.runs[data.runs.length - 1];
  const day = (seconds) => clock(seconds, true).slice(0, 10);
  return Boolean(first) && day(first.begin) !== day(last.begin + last.length / 1e6);
}

/* The time of day, in seconds, at a place of the axis. */
function whenAt(run, us) {
  return data.runs[run].begin + (us - data.runs[run].from) / 1e6;
}
