// Runs one test file in a process of its own and says how each of its tests ended.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { ROOT } from './set-up.mjs';

/** Milliseconds for a whole file; the soak has as long as it takes. */
const FILE_LIMIT = process.env.REGIME_SOAK ? 12 * 3_600_000 : 12 * 60_000;
/** Milliseconds for the process to end after its last test: what keeps it is a leak in a test. */
const END_LIMIT = 20_000;
/** Characters kept of what a file prints. */
const MAX_OUTPUT = 200_000;

let counter = 0;

/** @returns {Promise<{file: string, passed: number, failed: string[], skipped: {title: string, reason: string}[], seconds: string, output: string}>} */
export async function runFile(file, { env, scratch }) {
  const id = `${(counter += 1)}-${basename(file)}`;
  const events = join(scratch, `${id}.events`);
  const skips = join(scratch, `${id}.skips`);
  const started = Date.now();
  const { output, problem } = await runMocha(file, events, {
    ...env,
    REGIME_TEST_EVENTS: events,
    REGIME_TEST_SKIPS: skips,
  });
  const result = judge(readEvents(events), readEvents(skips), problem);
  return { file, output, seconds: ((Date.now() - started) / 1000).toFixed(1), ...result };
}

function runMocha(file, events, env) {
  const args = [
    ...['--import', 'tsx/esm', join(ROOT, 'node_modules/mocha/bin/mocha.js')],
    ...['--reporter', join(ROOT, 'test/support/reporter.cjs'), file],
  ];
  return new Promise((resolve) => {
    // In a process group of its own, so that a file that hangs is ended with what it started.
    const options = { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true };
    const child = spawn(process.execPath, args, options);
    let output = '';
    let problem;
    const collect = (data) => {
      output = (output + data).slice(-MAX_OUTPUT);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const end = (why) => {
      problem = why;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended in this moment.
      }
    };
    const limit = setTimeout(() => end(`no end after ${FILE_LIMIT / 60_000} minutes`), FILE_LIMIT);
    let seen = 0;
    const watch = setInterval(() => {
      if (!readEvents(events).some(({ event }) => event === 'end')) return;
      seen ||= Date.now();
      if (Date.now() - seen > END_LIMIT) end('the process did not end after its last test');
    }, 1000);
    child.on('exit', () => {
      // What a test left running may still hold our pipes: the leak check finds it, we do not wait.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 500).unref();
    });
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      clearInterval(watch);
      if (status !== 0) problem ??= signal ? `ended by ${signal}` : `exit status ${status}`;
      resolve({ output, problem });
    });
  });
}

function judge(events, reasons, problem) {
  const of = (kind) => events.filter(({ event }) => event === kind);
  const failed = of('fail').map(({ title }) => title);
  const begun = of('start').at(-1)?.title;
  // It failed, but no test said so: it could not be loaded, or was ended.
  if (problem && failed.length === 0) failed.push(begun ? `${problem} (in: ${begun})` : problem);
  const skipped = of('pending').map(({ title }) => {
    const found = reasons.find((entry) => title.startsWith(entry.title ?? '\0'));
    return { title, reason: found?.reason ?? 'no reason given' };
  });
  return { passed: of('pass').length, failed, skipped };
}

function readEvents(path) {
  if (!existsSync(path)) return [];
  // The last line may be half written while the file runs.
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}
