import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, reapAs, selfAs, serverOf, sessionsOf, type Caller } from '../../crash/caller.ts';
import {
  allProcesses,
  familyOf,
  killIfThere,
  stillRunning,
  untilNone,
} from '../../crash/processes.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { debianTarball, hasFixtures } from '../../support/fixtures.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { withPrograms, writeProgram } from '../support/programs.ts';

/** Milliseconds until an unpacking must have begun, or ended with what there is of the tree, on a busy machine. */
const LIMIT = 20_000;

const selfUnpacking = () => {
  const directory = tempDir();
  const caller = selfAs(directory);
  caller.env = { ...caller.env, XDG_CACHE_HOME: `${directory}/cache` };
  return { caller, trees: `${directory}/cache/regime/trees` };
};
const plainUnpacking = () => ({
  caller: plainAs(),
  trees: `${plainUser().home}/cache/regime/trees`,
});

for (const [who, unpacker] of [
  ['root', selfUnpacking],
  ['a plain user', plainUnpacking],
] as const) {
  describe(`a server that is killed while a tarball is unpacked, as ${who}`, function () {
    this.timeout(60_000);
    let caller: Caller;
    let trees: string;

    before(function () {
      if (who === 'root' && process.getuid?.() !== 0) skip(this, 'only root can do this');
      if (who !== 'root' && !hasPlainUser()) skip(this, 'there is no plain user');
      if (!hasFixtures()) skip(this, 'there is no Debian tarball');
    });

    beforeEach(() => {
      ({ caller, trees } = unpacker());
    });

    const killOnce = async (until: () => boolean, victim: 'server' | 'all') => {
      const server = serverOf(caller, ['chroot', debianTarball()]);
      expect(await server.reply()).to.equal('ok');
      server.send('open\n');
      const early = await untilNone(() => (until() ? [] : ['too early']), LIMIT);
      expect(early, server.stderr()).to.deep.equal([]);
      const family = familyOf(server.child.pid ?? 0);
      expect(family.length).to.be.above(1);
      const killed = victim === 'server' ? family.slice(0, 1) : family;
      for (const { pid } of killed) killIfThere(pid);
      await server.ended;
      const unpacking = () =>
        allProcesses().filter(({ command }) => command.includes(`--directory=${trees}/`));
      const left = await untilNone(() => [...stillRunning(family), ...unpacking()], LIMIT);
      expect(left.map(({ command }) => command)).to.deep.equal([]);
    };
    const halfTrees = () => namesIn(trees).filter((name) => name.endsWith('.unpacking'));

    it('leaves neither process nor half a tree', async () => {
      await killOnce(() => halfTrees().length > 0, 'server');
      expect(namesIn(trees).filter((name) => /^[0-9a-f]{64}/.test(name))).to.deep.equal([]);
      reapAs(caller);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });

    it('leaves nothing after a reap where all its processes were killed too', async () => {
      await killOnce(() => halfTrees().length > 0, 'all');
      reapAs(caller);
      expect(sessionsOf(caller)).to.deep.equal([]);
      expect(halfTrees()).to.deep.equal([]);
    });

    it('leaves nothing that waits where another server unpacks one', async () => {
      mkdirSync(trees, { recursive: true });
      const other = spawn('flock', [`${trees}/lock`, 'sh', '-c', 'echo held; read word']);
      cleanUpAfterTest(() => void other.kill('SIGKILL'));
      await new Promise((resolve) => other.stdout.once('data', resolve));
      // The second is the one that unpacks.
      await killOnce(() => monitorsOf(caller).length > 1, 'server');
      other.stdin.end();
      reapAs(caller);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });

    it('leaves nothing that was only about to unpack', async () => {
      const programs = fileTempDir();
      chmodSync(programs, 0o755);
      writeProgram(`${programs}/perl`, 'sleep 1; exec /usr/bin/perl "$@"');
      writeProgram(`${programs}/tar`, 'sleep 1000');
      const plainly = caller;
      caller = withPrograms(caller, programs);
      const started = () => allProcesses().some(({ command }) => command.includes(programs));
      // The monitor finds the request, and that the server has gone.
      await killOnce(started, 'server');
      reapAs(plainly);
      expect(sessionsOf(caller)).to.deep.equal([]);
      expect(halfTrees()).to.deep.equal([]);
    });
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The monitors that have got as far as to know whose they are. */
function monitorsOf(caller: Caller): number[] {
  const ids = sessionsOf(caller).map((name) => name.replace(/\.session$/, ''));
  return allProcesses()
    .filter(({ command }) => ids.some((id) => command === `regime: monitor of ${id}`))
    .map(({ pid }) => pid);
}
