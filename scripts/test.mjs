// `npm test`: sets the machine up, runs every test file in a process of its own, two side by side,
// and shows at the end that nothing of ours was left behind.
// `npm test -- FILE...` runs only those; `--quick` leaves the packages and fixtures as they are.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { findLeaks, takeSnapshot } from './leaks.mjs';
import { installPackages } from './packages.mjs';
import { runFile } from './run-file.mjs';
import { ROOT, ensureBuilt, ensureInstalled, note } from './set-up.mjs';
import { describeSkips, unexpectedSkips } from './skips.mjs';

/** Folders whose files take longest, so that none of them is left running alone at the end. */
const LONGEST_FIRST = ['test/harness', 'test/house', 'test/conform', 'test/crash', 'test/fuzz'];
const JOBS = 2;

const words = process.argv.slice(2);
const chosen = words.filter((word) => !word.startsWith('-'));

runBelowSubreaper();
ensureInstalled();
if (!words.includes('--quick')) {
  installPackages();
  makeFixtures();
}
ensureBuilt();

const files = chosen.length > 0 ? chosen : findTests();
const scratch = mkdtempSync(join(tmpdir(), 'regime-run-'));
const state = join(scratch, 'state');
const before = takeSnapshot(state);
const results = await runAll(files);
const leaks = (await findLeaks(before, state)).filter((item) => !item.endsWith(` ${scratch}`));
// Unpacked tarballs hold names of any bytes, which Node's rm does not take.
spawnSync('rm', ['-rf', '--one-file-system', '--', scratch]);
process.exitCode = report(results, leaks);

/** Starts this program again, so that what the tests leave running can be told from all else. */
function runBelowSubreaper() {
  if (process.env.REGIME_TEST_REAPER !== undefined) return;
  const argv = [join(ROOT, 'scripts/subreaper.pl'), process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, REGIME_TEST_REAPER: '' };
  const { status, error } = spawnSync('perl', argv, { stdio: 'inherit', env });
  // No perl yet: the packages are still to be installed. The check then goes by names.
  if (!error) process.exit(status ?? 1);
}

/** The sessions and caches of the tests are kept apart from those of the user who runs them. */
function environment() {
  const directories = {
    XDG_STATE_HOME: state,
    XDG_CACHE_HOME: join(scratch, 'cache'),
  };
  for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true });
  return { ...process.env, ...directories };
}

function makeFixtures() {
  const script = join(ROOT, 'scripts/fixtures.mjs');
  const { status } = spawnSync(process.execPath, [script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) note('tests that need a Debian root file system will be skipped or fail');
}

function findTests() {
  const rank = (file) => {
    const index = LONGEST_FIRST.findIndex((folder) => file.startsWith(`${folder}/`));
    return index < 0 ? LONGEST_FIRST.length : index;
  };
  return readdirSync(join(ROOT, 'test'), { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file}`)
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

async function runAll(files) {
  const env = environment();
  const waiting = [...files];
  const results = [];
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const result = await runFile(file, { env, scratch });
      show(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return results;
}

/** One line for a file; of one that failed all that it said. */
function show({ file, passed, failed, skipped, seconds, output }) {
  const counts = [
    `${passed} passed`,
    failed.length > 0 && `${failed.length} failed`,
    skipped.length > 0 && `${skipped.length} skipped`,
  ];
  const mark = failed.length > 0 ? 'FAILED' : 'ok';
  const name = relative(ROOT, join(ROOT, file));
  console.log(`${mark.padEnd(6)} ${name}: ${counts.filter(Boolean).join(', ')} (${seconds} s)`);
  if (failed.length > 0) console.log(output.trimEnd());
}

function report(results, leaks) {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failures = results.flatMap(({ file, failed }) =>
    failed.map((title) => `${file}: ${title}`),
  );
  const skipped = results.flatMap((result) => result.skipped);
  section('Failed', failures);
  section('Skipped', describeSkips(skipped));
  section('Left behind by the tests', leaks);
  const refused = process.env.CI === 'true' ? unexpectedSkips(skipped) : [];
  section('Skips that test/allowed-skips.txt does not allow', refused);
  if (passed === 0) console.log('\nNo test passed: that is a failure too.');
  console.log(`\n${passed} passed, ${failures.length} failed, ${skipped.length} skipped`);
  return failures.length + leaks.length + refused.length > 0 || passed === 0 ? 1 : 0;
}

function section(title, lines) {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
