import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { reapAs, selfAs, sessionsOf, type Caller } from '../../crash/caller.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession, refusedStart } from '../support/session.ts';
import { until } from '../support/until.ts';

describe('limits of a chroot testbed', function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    tree = needRoot(this);
  });

  describe('--size', () => {
    it('leaves a testbed that is full, which the server outlives and a revert empties', async () => {
      const bed = await openSession(selfAs(tempDir()), ['chroot', '--size=20M', tree]);
      const full = await bed.run('dd', 'if=/dev/zero', 'of=/srv/big', 'bs=1M', 'count=100');
      expect(full.status).to.equal(1);
      expect(full.stderr).to.include('No space left on device');
      expect((await bed.run('true')).status).to.equal(0);
      await bed.revert();
      expect(await bed.sh('ls -A /srv; df -k --output=size / | tail -n1')).to.match(/^\s*20480$/);
      await bed.quit();
    });

    it('fills up in a copy, which fails, and the session lives on', async () => {
      const work = tempDir();
      spawnSync('dd', ['if=/dev/zero', `of=${work}/big`, 'bs=1M', 'count=30', 'status=none']);
      const bed = await openSession(selfAs(work), ['chroot', '--size=20M', tree]);
      const reply = await bed.server.command(`copydown ${work}/big ${bed.scratch}/big`);
      expect(reply).to.equal('copy-failed');
      expect(bed.server.stderr()).to.match(/No space left on device/);
      await bed.quit();
    });

    for (const size of ['0', 'much', '-1', '1T', '2Gi', '']) {
      it(`is refused as "${size}"`, async () => {
        const refusal = await refusedStart(selfAs(tempDir()), ['chroot', `--size=${size}`, tree]);
        expect(refusal).to.include({ status: 2, replies: '' });
        expect(refusal.lines).to.have.length(1);
      });
    }
  });

  describe('--pids', () => {
    /** Starts more sleeping processes than there may be, and says how many came to be. */
    const swarm =
      'for (1 .. 80) { my $child = fork // last; if (!$child) { sleep 60; exit } $count++ } print $count';

    it('lets no more processes be than so many, and the server can still revert', async () => {
      const bed = await openSession(selfAs(tempDir()), ['chroot', '--pids=30', tree]);
      const { stdout } = await bed.run('perl', '-e', swarm);
      expect(Number(stdout)).to.be.greaterThan(15).and.lessThan(30);
      const full = await bed.run('perl', '-e', 'for (1 .. 80) { fork // last } sleep 1');
      expect([0, 255]).to.include(full.status);
      await bed.revert();
      expect(Number(await bed.sh('ls -d /proc/[0-9]* | wc -l'))).to.be.lessThan(8);
      await bed.quit();
    });

    it('limits a testbed that nobody asked to be limited', async () => {
      const bed = await openSession(selfAs(tempDir()), ['chroot', tree]);
      const limit = Number(await bed.sh('cat /proc/sys/kernel/pid_max'));
      expect(limit).to.be.greaterThan(0).and.lessThan(20_000);
      await bed.quit();
    });

    for (const pids of ['0', 'x', '-3', '1.5']) {
      it(`is refused as ${pids}`, async () => {
        const refusal = await refusedStart(selfAs(tempDir()), ['chroot', `--pids=${pids}`, tree]);
        expect(refusal).to.include({ status: 2, replies: '' });
        expect(refusal.lines[0]).to.include('--pids');
      });
    }
  });

  describe('--memory', function () {
    before(function () {
      if (!memoryControl()) skip(this, 'this machine has no control group for memory to be used');
    });

    /** Holds 100 MB in one process; the last word is said by who got there. */
    const eat =
      'head -c100000000 /dev/zero | tail -c1 >/dev/null; x=$(head -c 60000000 /dev/zero | tr "\\0" x); echo ${#x}';

    it('kills a process that takes more, and only that', async () => {
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, ['chroot', '--memory=30M', tree]);
      const name = nameOf(caller);
      const { status, stdout } = await bed.run('sh', '-c', eat);
      expect(stdout).to.not.include('60000000');
      expect(status).to.not.equal(0);
      expect(await bed.sh('echo alive')).to.equal('alive');
      await bed.revert();
      expect(await bed.sh('echo alive')).to.equal('alive');
      await bed.quit();
      expect(groupsOf(name), 'control groups that are left').to.deep.equal([]);
    });

    it('is not in the way of who takes less', async () => {
      const bed = await openSession(selfAs(tempDir()), ['chroot', '--memory=1G', tree]);
      expect(await bed.sh(eat)).to.equal('60000000');
      await bed.quit();
    });

    it('leaves no control group when the server is killed', async () => {
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, ['chroot', '--memory=200M', tree]);
      const name = nameOf(caller);
      expect(groupsOf(name)).to.have.length(1);
      bed.server.child.kill('SIGKILL');
      await until(() => groupsOf(name).length === 0, 'the control group went');
      reapAs(caller);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });

    for (const memory of ['0', 'all', '1P', '-5M']) {
      it(`is refused as ${memory}`, async () => {
        const args = ['chroot', `--memory=${memory}`, tree];
        const refusal = await refusedStart(selfAs(tempDir()), args);
        expect(refusal).to.include({ status: 2, replies: '' });
        expect(refusal.lines[0]).to.include('--memory');
      });
    }
  });
});

function memoryControl(): boolean {
  return (
    spawnSync('test', ['-w', '/sys/fs/cgroup/memory', '-o', '-e', '/sys/fs/cgroup/memory.max'])
      .status === 0
  );
}

/** What a testbed of the caller's only session is called. */
function nameOf(caller: Caller): string {
  return (sessionsOf(caller)[0] ?? '').replace(/\.session$/, '');
}

/** The control groups of a testbed, by its name. */
function groupsOf(name: string): string[] {
  const args = ['/sys/fs/cgroup', '-maxdepth', '6', '-type', 'd', '-name', name];
  return spawnSync('find', args, { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
}
