// The caller's side of the protocol, as short as it can be: what a test harness does.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { DIST } from './set-up.mjs';

export function startCaller(words, env) {
  const argv = [join(DIST, 'main.js'), ...words];
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env } });
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  child.stdin.on('error', () => {});
  const ended = new Promise((resolve) => child.once('close', resolve));

  const reply = async () => {
    const { value, done } = await replies.next();
    if (done) await ended;
    if (done || !/^ok\b/.test(value)) throw new Error(explain(value, errors));
    return value.split(' ').slice(1);
  };
  const send = (...line) => child.stdin.write(`${line.map(encodePath).join(' ')}\n`);

  const caller = {
    scratch: '',
    ready: reply,
    async command(...line) {
      send(...line);
      const [result] = await reply();
      if (line[0] !== 'open' && line[0] !== 'revert') return;
      caller.scratch = decodeURIComponent(result);
    },
    /** Runs a script on the testbed: the auxverb is an argv to which a command is appended. */
    async run(script, ...args) {
      send('print-execute-command');
      const [auxverb] = await reply();
      const [program, ...rest] = auxverb.split(',').map(decodeURIComponent);
      return collect(spawn(program, [...rest, 'sh', '-c', script, 'sh', ...args]));
    },
    kill: () => void child.kill('SIGKILL'),
    async quit() {
      send('quit');
      await reply();
      await ended;
    },
  };
  return caller;
}

function explain(line, errors) {
  const said = errors.trim().split('\n').slice(0, 4).join('\n  ');
  return said || `the server said: ${line ?? 'nothing'}`;
}

function encodePath(word) {
  return word.split('/').map(encodeURIComponent).join('/');
}

function collect(child) {
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status: status ?? signal, output }));
  });
}
