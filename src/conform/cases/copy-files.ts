import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { encode } from '../../client/codec.ts';
import { has } from '../facts.ts';
import type { Trial } from '../trial.ts';
import { DIRECTIONS, openSides, type Direction } from './sides.ts';
import { expectAlive, expectProtocolError } from './support.ts';

/** Sources that are not what the copy asks for: what to make, and the paths of the command. */
const WRONG_SOURCES = [
  { what: 'a file that is not there', make: ':', from: 'missing', to: 'copy' },
  { what: 'a directory that is not there', make: ':', from: 'missing/', to: 'copy/' },
  { what: 'a directory that is a file', make: 'echo data >thing', from: 'thing/', to: 'copy/' },
  { what: 'a file that is a directory', make: 'mkdir thing', from: 'thing', to: 'copy' },
];

function eachWay(
  rule: string,
  name: string,
  run: (t: Trial, way: Direction) => Promise<void>,
): Case[] {
  return DIRECTIONS.map((way) => ({ rule, name: `copy${way} ${name}`, run: (t) => run(t, way) }));
}

export const copyFileCases: readonly Case[] = [
  ...eachWay(
    'COPY-1',
    'of a file to a directory, or the other way round, is a protocol error',
    async (t, way) => {
      for (const [from, to] of [
        ['x', 'y/'],
        ['x/', 'y'],
      ] as const) {
        const { bed, source, destination } = await openSides(t, way);
        await source.sh('mkdir x');
        const words = [`${source.path}/${from}`, `${destination.path}/${to}`].map(encode);
        await expectProtocolError(bed.client, `copy${way} ${words.join(' ')}`);
      }
    },
  ),
  ...WRONG_SOURCES.flatMap(({ what, make, from, to }) =>
    eachWay('COPY-2', `of ${what} is copy-failed, and the session goes on`, async (t, way) => {
      const { bed, source, copy, destination } = await openSides(t, way);
      await source.sh(make);
      const said = bed.client.stderr.length;
      checkEqual(await copy(from, to), 'copy-failed', 'the reply');
      await expectAlive(bed.client);
      check(bed.client.stderr.slice(said).trim() !== '', 'the server says nothing on stderr');
      if (!to.endsWith('/')) check(!(await destination.test('-s', to)), 'something was copied');
    }),
  ),
  ...eachWay('COPY-13', 'of files brings their data', async (t, way) => {
    const { source, destination, copy } = await openSides(t, way);
    await source.sh('head -c 3000000 /dev/urandom >big; : >none; printf "no newline" >text');
    for (const name of ['big', 'none', 'text']) {
      checkEqual(await copy(name, `${name}.copy`), 'ok', 'the reply');
      const wanted = await source.sh('cksum <"$1"', name);
      checkEqual(
        await destination.sh('cksum <"$1"', `${name}.copy`),
        wanted,
        `the data of ${name}`,
      );
    }
  }),
  ...eachWay(
    'COPY-13',
    'onto an existing file replaces its data and keeps its mode',
    async (t, way) => {
      const { source, destination, copy } = await openSides(t, way);
      await source.sh('echo new >file; chmod 600 file');
      await destination.sh('echo a longer line of old data >copy; chmod 646 copy');
      checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
      checkEqual(
        await destination.sh('cat copy; stat -c %a copy'),
        'new\n646\n',
        'the destination',
      );
    },
  ),
  ...eachWay('COPY-13', 'onto an existing file keeps its owner', async (t, way) => {
    const { source, destination, copy } = await openSides(t, way);
    const root = way === 'up' ? t.facts.hostRoot : has(t.facts, 'root-on-testbed');
    if (!root) skip('the side of the destination is not root');
    await source.sh('echo new >file');
    await destination.sh('echo old >copy; chown 1:1 copy; chmod 666 copy');
    checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
    checkEqual(await destination.sh('cat copy; stat -c %u:%g copy'), 'new\n1:1\n', 'it');
  }),
  {
    rule: 'COPY-13',
    name: 'a file that copyup makes gets the umask of the server',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'up', { umask: '027' });
      await source.sh('echo new >file; chmod 666 file');
      checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
      checkEqual(await destination.sh('stat -c %a copy'), '640\n', 'its mode');
    },
  },
  ...(['a new', 'an existing'] as const).map((which): Case => ({
    rule: 'COPY-14',
    name: `copydown of a file with an x bit makes ${which} destination executable`,
    async run(t) {
      const { bed, source, destination, copy } = await openSides(t, 'down');
      await source.sh('printf "#!/bin/sh\\necho ran\\n" >file; chmod 755 file');
      if (which === 'an existing') await destination.sh('echo old >copy; chmod 644 copy');
      checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
      const { stdout } = await bed.run([`${destination.path}/copy`]);
      checkEqual(stdout, 'ran\n', 'its output');
    },
  })),
  {
    rule: 'COPY-14',
    name: 'copydown of a file without an x bit does not make it executable',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'down');
      await source.sh('echo data >file; chmod 644 file');
      checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
      const mode = (await destination.sh('stat -c %a copy')).trim();
      check((parseInt(mode, 8) & 0o111) === 0, `the mode is ${mode}`);
    },
  },
  {
    rule: 'COPY-15',
    name: 'a copyup that fails makes no file',
    async run(t) {
      const { destination, copy } = await openSides(t, 'up');
      // How it is answered is the business of another case.
      await copy('missing', 'copy').catch(() => undefined);
      checkEqual(await destination.sh('ls -A'), '', 'the directory of the destination');
    },
  },
  {
    rule: 'COPY-3',
    name: 'a copy that has no end fails in its time, and the session goes on',
    async run(t) {
      const env = { ...process.env, AUTOPKGTEST_VIRT_COPY_TIMEOUT: '1' };
      const { bed, source, copy } = await openSides(t, 'up', { env });
      // Nobody writes to this FIFO, and whether it is a file of the wrong kind is not settled.
      await source.sh('mkfifo fifo');
      const reply = await copy('fifo', 'copy');
      check(reply === 'timeout' || reply === 'copy-failed', `the reply is ${reply}`);
      await expectAlive(bed.client);
    },
  },
  {
    rule: 'COPY-6',
    name: '8 MiB go down and up again unharmed inside a directory',
    async run(t) {
      const { bed, source, destination } = await openSides(t, 'down');
      await source.sh('mkdir t');
      writeFileSync(`${source.path}/t/data`, randomBytes(8 << 20));
      await bed.client.ask('copydown', `${source.path}/t/`, `${destination.path}/t/`);
      await bed.client.ask('copyup', `${destination.path}/t/`, `${source.path}/u/`);
      check(await source.test('!', '-e', 't/none'), 'the source has changed');
      await source.sh('cmp t/data u/data');
    },
  },
];
