import { existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  idOf,
  idsOf,
  plainAs,
  reapAs,
  reapKept,
  runAs,
  selfAs,
  serverOf,
  sessionsOf,
  type Caller,
} from '../crash/caller.ts';
import { allProcesses, mountsBelow, untilNone } from '../crash/processes.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { openSession } from '../regimes/support/session.ts';
import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { debianTarball, hasFixtures } from '../support/fixtures.ts';
import type { TestServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';

/** Milliseconds until a process that was told to end must have done so, on a busy machine. */
const PATIENCE = 20_000;

describe('a session that is kept', function () {
  this.timeout(120_000);
  let tree: string;
  let caller: Caller;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  const run = (...args: string[]) => runAs(caller, args, 'input');
  const reapAll = () => reapKept(caller);
  const openWith = (...args: string[]) => {
    cleanUpAfterTest(reapAll);
    return openSession(caller, args);
  };
  const keptId = (server: TestServer) =>
    /session (\S+) is kept: 'regime shell/.exec(server.stderr())?.[1] ?? '';
  const nothingLeft = () => {
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(mountsBelow(caller.state)).to.deep.equal([]);
  };

  const regimes: { title: string; args: () => string[]; as?: () => Caller }[] = [
    { title: 'the host itself', args: () => ['null'] },
    { title: 'an overlay', args: () => ['chroot', tree] },
    { title: 'a tree that is worked in', args: () => ['chroot', '--in-place', tree] },
    { title: "a plain user's tarball", args: () => ['chroot', debianTarball()], as: plainAs },
    { title: 'what auto takes', args: () => ['auto', tree] },
    { title: 'one inside the host', args: () => ['null', '+', 'chroot', tree] },
  ];
  for (const { title, args, as } of regimes) {
    it(`lets its user in, and goes when it is reaped: ${title}`, async function () {
      if (as && !hasPlainUser()) skip(this, 'there is no plain user');
      if (as && !hasFixtures()) skip(this, 'there is no Debian tarball');
      if (as) caller = as();
      const { server, scratch } = await openWith('--keep=always', ...args());
      const write = `sh,-c,${encodeURIComponent(`echo found >${scratch}/file; umask`)}`;
      expect(
        await server.command(`execute ${write} /dev/null ${scratch}/out /dev/null /`),
      ).to.equal('ok 0');
      expect(await server.command('quit')).to.equal('ok');
      expect(await server.ended).to.include({ status: 0 });
      const id = keptId(server);
      expect(run('sessions').stdout).to.match(new RegExp(`^${id} .* kept `, 'm'));
      expect(reapAs(caller)).to.equal(`left ${id}: kept\n`);
      const inside = `cat ${scratch}/file; cat; exit 7`;
      expect(run('shell', id, 'sh', '-c', inside)).to.deep.equal({
        status: 7,
        stdout: 'found\ninput',
        stderr: '',
      });
      expect(run('shell', id.slice(0, 8), 'no-such-command').status).to.equal(127);
      expect(run('reap', id), 'reap').to.include({ status: 0, stderr: '' });
      nothingLeft();
      const monitors = () => allProcesses().filter(({ command }) => command.includes(id));
      expect(await untilNone(monitors, PATIENCE)).to.deep.equal([]);
      if (scratch.startsWith('/tmp') && title === 'the host itself') {
        expect(existsSync(scratch)).to.equal(false);
      }
    });
  }

  it('is one of many of a server, which goes on', async () => {
    const { server } = await openWith('--keep=always', 'chroot', tree);
    expect(await server.command('close')).to.equal('ok');
    const first = keptId(server);
    expect(await server.command('open')).to.match(/^ok /);
    expect(run('shell', first, 'true').status).to.equal(0);
    const living = idsOf(caller).find((id) => id !== first) ?? '';
    const refused = run('shell', living, 'true');
    expect(refused).to.include({ status: 1, stdout: '' });
    expect(refused.stderr).to.match(/^regime: failure: session \S+ is still its server's/);
    expect(run('reap', first).status).to.equal(0);
    expect(await server.command('quit')).to.equal('ok');
    expect(sessionsOf(caller)).to.have.length(1);
    reapAll();
    nothingLeft();
  });

  it('is one that failed, with --keep=on-failure, and no other', async () => {
    const orderly = await openWith('--keep=on-failure', 'chroot', tree);
    expect(await orderly.server.command('quit')).to.equal('ok');
    expect(await orderly.server.ended).to.include({ status: 0 });
    nothingLeft();
    const interrupted = await openWith('--keep=on-failure', 'chroot', tree);
    interrupted.server.child.kill('SIGTERM');
    await interrupted.server.ended;
    nothingLeft();
    const broken = await openWith('--keep=on-failure', 'chroot', tree);
    broken.server.send('frob\n');
    expect(await broken.server.ended).to.include({ status: 12 });
    expect(run('shell', keptId(broken.server), 'true').status).to.equal(0);
    reapAll();
    nothingLeft();
  });

  it('is one whose set-up failed, with --keep=on-failure', async () => {
    cleanUpAfterTest(reapAll);
    const setup = ['--keep=on-failure', '--setup', 'echo half >/srv/half; false'];
    const server = serverOf(caller, [...setup, 'chroot', tree]);
    server.send('open\n');
    expect(await server.ended).to.include({ status: 12 });
    expect(run('shell', keptId(server), 'cat', '/srv/half').stdout).to.equal('half\n');
    reapAll();
    nothingLeft();
  });

  it("is one that its user asked for with 'regime sessions keep' while it lived", async () => {
    const { server } = await openWith('chroot', tree);
    const id = idOf(caller);
    expect(run('sessions', 'keep', id).stdout).to.match(/ will be kept when its server, process/);
    expect(run('sessions').stdout).to.match(/ open, to be kept /);
    expect(await server.command('quit')).to.equal('ok');
    expect(run('shell', id, 'true').status).to.equal(0);
    reapAll();
    nothingLeft();
  });

  it('keeps the tree of --in-place to itself', async () => {
    const { server } = await openWith('--keep=always', 'chroot', '--in-place', tree);
    expect(await server.command('quit')).to.equal('ok');
    const other = serverOf(caller, ['--wait=0', 'chroot', '--in-place', tree]);
    other.send('open\n');
    expect(await other.ended).to.include({ status: 12 });
    expect(other.stderr()).to.match(/is used by process \d+ \(regime: monitor of/);
    reapAll();
    nothingLeft();
  });

  it('says so where its monitor was killed, and can still be reaped', async () => {
    const { server } = await openWith('--keep=always', 'chroot', tree);
    expect(await server.command('quit')).to.equal('ok');
    const id = keptId(server);
    const record = JSON.parse(
      readFileSync(`${caller.state}/regime/sessions/regime-${id}.session/session`, 'utf8'),
    ) as { regimes: [{ state: { kept: { pid: number } } }] };
    process.kill(record.regimes[0].state.kept.pid, 'SIGKILL');
    expect(run('shell', id, 'true')).to.include({ status: 1, stdout: '' });
    expect(run('reap', id).status).to.equal(0);
    nothingLeft();
  });
});
