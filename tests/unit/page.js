/*
 * The scripts of the report's page, without a browser: what they make of data
 * and numbers. Says what the unit tests in C say, so that tests/summary counts
 * both. `node tests/unit/page.js`, at the top of the tree.
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const vm = require('vm');

const FILES = ['data', 'scales', 'filter', 'timeline', 'pointer', 'tables', 'main'];

function text(name) {
  return fs.readFileSync(`src/cli/page/${name}.js`, 'utf8');
}

/* Four jobs: 1 succeeded, 2 failed and then succeeded, 3 runs, 4 is left. */
function data() {
  return {
    version: '0', state: 'running', journal: '/l.journal', list: '/l', now: 100,
    runs: [{ begin: 10, from: 0, length: 5e6, slots: 2, host: 'n1' },
      { begin: 50, from: 5e6, length: 4e6, slots: 2, host: 'n1' }],
    rows: [['n1', 1, 1], ['n1', 1, 2]],
    jobs: { standing: [1, 1, 0, 0], gone: [0, 0, 0, 0],
      name: ['a', null, null, 'Last'], args: ['', 'n=4 f=x', '', ''],
      command: ['true', 'x\u0007', null, 'false'] },
    attempts: { job: [1, 2, 2, 3], row: [0, 1, 0, 0], run: [0, 0, 1, 1],
      start: [0, 0, 5e6, 7e6], drawn: [1e6, 2e6, 1e6, 2e6], time: [1e6, 2e6, 1e6, 2e6],
      kind: [0, 2, 0, 4], n: [1, 1, 2, 1], cores: [1, 1, 2, 1],
      user: [5e5, 0, 1e6, 0], sys: [0, 0, 0, 0], rss: [1, 1, 1, 0],
      ends: [{ at: 1, end: 'exit 3' }] },
    chain: [], slots: [],
  };
}

/* Runs the files as one script would be; returns a function that says what an
 * expression is in there. */
function load(names, given) {
  const context = vm.createContext({
    document: { getElementById: () => ({ textContent: JSON.stringify(given) }) },
  });
  for (const name of names) {
    vm.runInContext(text(name), context, { filename: `${name}.js` });
  }
  return (expression) => vm.runInContext(expression, context);
}

const page = load(['data', 'scales', 'filter'], data());
const equal = (expression, wanted) =>
  assert.strictEqual(page(expression), wanted, expression);
const same = (expression, wanted) =>
  assert.strictEqual(page(`JSON.stringify(${expression})`), JSON.stringify(wanted), expression);

const tests = {
  'the files are one function'() {
    new vm.Script(`(function () {'use strict';${FILES.map(text).join('')}}())`);
  },
  'each file of the folder is in the page'() {
    const built = [...fs.readFileSync('src/cli/report.c', 'utf8')
      .matchAll(/PAGE\("(\w+)\.js"\)/g)].map((match) => match[1]);
    assert.deepStrictEqual(built, FILES);
    assert.deepStrictEqual(fs.readdirSync('src/cli/page')
      .filter((name) => name.endsWith('.js')).sort(), FILES.map((name) => `${name}.js`).sort());
  },
  'scales know neither data nor page'() {
    assert.strictEqual(vm.runInNewContext(`${text('scales')}; percent(0.5)`), '50\u202f%');
  },
  'durations'() {
    equal('durationWords(999)', '999 \u00b5s');
    equal('durationWords(1e3)', '1 ms');
    equal('durationWords(1.5e6)', '1.5 s');
    equal('durationWords(99.94e6)', '99.9 s');
    equal('durationWords(99.95e6)', '1 min 40 s');
    equal('durationWords(3599.4e6)', '59 min 59 s');
    equal('durationWords(3599.6e6)', '1 h 00 min');
    equal('durationWords(90061e6)', '25 h 01 min');
    equal('duration(1e6)', '1.0\u00a0s');
  },
  'sizes'() {
    equal('size(1023)', '1023 KiB');
    equal('size(1024)', '1.0 MiB');
    equal('size(10240)', '10 MiB');
    equal('size(1048576)', '1.0 GiB');
  },
  'counts'() {
    equal('count(1234567)', '1\u202f234\u202f567');
    equal('plural(1, "job")', '1 job');
    equal('plural(0, "job")', '0 jobs');
  },
  'control characters are shown'() {
    equal('plain("a\\u0000\\u001b\\u007f\\n\\t")', 'a\u2400\u241b\u2421\n\t');
  },
  'steps of the axis'() {
    equal('stepFor(10e6, 900)', 1e6);
    equal('stepFor(10e6, 10)', 5e6);
    equal('stepFor(86400e6 * 50, 180)', 25 * 86400e6);
    equal('tickText(0, 1, 1)', '0');
    equal('tickText(5, 1, 1e6)', '5 \u00b5s');
    equal('tickText(2500, 1e3, 1e6)', '0.003 s');
    equal('tickText(90e6, 30e6, 100e6)', '90 s');
    equal('tickText(90e6, 30e6, 600e6)', '1:30 min');
    equal('tickText(3690e6, 30e6, 7200e6)', '1:01:30');
  },
  'bins'() {
    equal('binsOf([1, 2, 3, 4]).number', 4);
    equal('binsOf(new Array(1e4).fill(0.5), [0, 1]).number', 20);
    equal('binsOf([0.2], [0, 1]).edge(4)', 1);
    equal('binsOf([0, 10]).edge(0)', 0);
    equal('binsOf([0, 10]).of(10)', 3);
    /* Far apart: each edge is a multiple of the one before. */
    same('(({ edge }) => [edge(1) / edge(0), edge(3) / edge(2)].map(Math.round))(binsOf([1, 1e4]))',
      [10, 10]);
    equal('binsOf([5, 5]).of(5)', 0);
    equal('quantile([1, 2, 3, 4], 0.5)', 3);
    equal('quantile([1], 0.9)', 1);
  },
  'states of jobs'() {
    same('ids.map(stateOf)', [1, 1, 4, 0]);
    same('Array.from(latest)', [-1, 0, 2, 3, -1]);
    same('Array.from(earlier)', [-1, -1, 1, -1]);
    equal('titleOf(1)', '1 a');
    equal('titleOf(2)', '2');
    equal('commandOf(2)', 'x\u2407');
    equal('commandOf(3)', '');
    equal('endOf(0)', 'exit 0');
    equal('endOf(1)', 'exit 3');
    equal('endOf(3)', '');
    equal('cpuShare(2)', 0.5);
    equal('length', 9e6);
    equal('whenAt(1, 6e6)', 51);
  },
  'a job that is gone is no job of the list'() {
    const given = data();
    given.jobs.gone[1] = 1;
    assert.strictEqual(load(['data', 'scales'], given)('ids.join()'), '1,3,4');
  },
  'what ran when the run broke off'() {
    const given = data();
    given.state = 'broken';
    assert.strictEqual(load(['data', 'scales'], given)('STATES[RUNNING].label'),
      'ran when the run broke off');
  },
  'the search finds ids, names, values and commands'() {
    page('search(" LAST ")');
    same('[wanted.count, wanted.jobs.indexOf(1)]', [1, 4]);
    page('search("3")');
    same('[wanted.count, wanted.jobs.indexOf(1)]', [1, 3]);
    page('search("e")');
    equal('wanted.count', 2);
    equal('Boolean(isWanted(0))', true);
    equal('Boolean(isWanted(1))', false);
    page('search("N=4")');
    same('[wanted.count, wanted.jobs.indexOf(1)]', [1, 2]);
    page('search("")');
    equal('wanted.jobs', null);
    page('wanted.kinds[0] = 0');
    equal('Boolean(isWanted(0))', false);
    page('wanted.kinds[0] = 1');
  },
};

let failed = 0;
console.log('Suite: page');
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`  Test: ${name} ...passed`);
  } catch (error) {
    failed++;
    console.log(`  Test: ${name} ...FAILED\n    ${error.message}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
