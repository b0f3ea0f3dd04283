import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs, sessionsOf } from '../crash/caller.ts';
import { projectRoot, serverArgv } from '../support/server.ts';
import { tempDir } from '../support/tempdir.ts';

/**
 * Opens a testbed on a pseudo-terminal of expect(1) and a shell in it: a terminal, its size and the
 * changes of that, Ctrl-C, the variables. Fails with all that was seen.
 * @param args the server's, with the regime
 * @param name what tty(1) says there, a regular expression
 */
export async function expectTerminal(
  args: readonly string[],
  variables: NodeJS.ProcessEnv = {},
  name = '',
): Promise<void> {
  const work = tempDir();
  const caller = selfAs(work);
  spawnSync('mkfifo', [`${work}/to`, `${work}/from`]);
  const files = { TO: `${work}/to`, FROM: `${work}/from`, ERR: `${work}/err` };
  const env = { ...caller.env, ...variables, ...files, TERM: 'dumb', TTY: name, SHELL: '/bin/sh' };
  const script = `${projectRoot}/test/session/shell.exp`;
  const child = spawn('expect', [script, ...serverArgv(...args)], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let seen = '';
  child.stdout.on('data', (data: Buffer) => (seen += data.toString('latin1')));
  child.stderr.on('data', (data: Buffer) => (seen += data.toString('latin1')));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(status, seen + readFileSync(`${work}/err`, 'latin1')).to.equal(0);
  // Another test may have this host reserved.
  const said = readFileSync(`${work}/err`, 'latin1').replace(/^regime: waiting for .*\n/gm, '');
  expect(said).to.equal('');
  expect(sessionsOf(caller)).to.deep.equal([]);
}
