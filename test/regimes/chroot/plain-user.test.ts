import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, type Caller } from '../../crash/caller.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { openSession, refusedOpen } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';

describe('a chroot testbed of a plain user', function () {
  this.timeout(60_000);
  let caller: Caller;
  let tree: string;
  let archive: string;

  before(function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const work = fileTempDir();
    chmodSync(work, 0o755);
    tree = makeSmallTree(`${work}/tree`);
    archive = `${work}/tree.tar`;
    spawnSync('tar', ['-c', '-f', archive, '-C', tree, '.']);
    caller = plainAs();
  });

  describe('from a tarball', () => {
    it('has a root that can do what root does, and a normal user', async () => {
      const bed = await openSession(caller, ['chroot', archive]);
      const words = await bed.capabilities();
      expect(words).to.include.members(['revert-full-system', 'root-on-testbed']);
      expect(words.join(' ')).to.match(/suggested-normal-user=\w+/);
      expect(await bed.sh('id -u; touch /a && chown 1000:1000 /a && stat -c %u:%g /a')).to.equal(
        '0\n1000:1000',
      );
      expect(bed.server.stderr()).to.equal('');
      await bed.quit();
    });

    it('has no rights on the host', async () => {
      const bed = await openSession(caller, ['chroot', `--bind=/etc:/srv`, archive]);
      expect(await bed.sh('head -c5 /srv/passwd')).to.equal('root:');
      for (const script of ['echo x >>/srv/passwd', 'cat /srv/shadow', 'mknod /null c 1 3']) {
        expect((await bed.run('sh', '-c', script)).status, script).to.not.equal(0);
      }
      await bed.quit();
    });

    it('has devices, a /proc of its own and a read-only /sys', async () => {
      const bed = await openSession(caller, ['chroot', archive]);
      expect(await bed.sh('head -c3 /dev/zero | wc -c; echo x >/dev/null; ls /dev/pts')).to.equal(
        '3\nptmx',
      );
      expect(await bed.sh('cat /proc/1/comm')).to.include('regime');
      expect((await bed.run('sh', '-c', 'echo x >/sys/kernel/x')).status).to.not.equal(0);
      expect(await bed.sh('ls /sys | head -n1')).to.not.equal('');
      await bed.quit();
    });

    for (const option of [
      '--net=none',
      '--keep-home',
      '--size=30M',
      '--privileged',
      '--arch=i386',
    ]) {
      it(`works with ${option}, over a revert`, async function () {
        if (option.startsWith('--arch') && process.arch !== 'x64')
          skip(this, 'not on this machine');
        const bed = await openSession(caller, ['chroot', option, archive]);
        await bed.sh('echo new >/home/new; touch /etc/new');
        await bed.revert();
        const kept = await bed.sh('ls /etc/ne[w] /home/ne[w] 2>/dev/null || :');
        expect(kept).to.equal(option === '--keep-home' ? '/home/new' : '');
        if (option === '--net=none')
          expect(await bed.sh('sed -n "s/:.*//p" /proc/net/dev')).to.match(/^ *lo$/);
        if (option === '--arch=i386') expect(await bed.sh('uname -m')).to.equal('i686');
        await bed.quit();
      });
    }

    it('limits processes, if not exactly', async () => {
      const bed = await openSession(caller, ['chroot', '--pids=40', archive]);
      expect(await bed.sh('echo alive')).to.equal('alive');
      expect(Number(await bed.sh('cat /proc/sys/kernel/pid_max'))).to.be.lessThan(400);
      await bed.quit();
    });

    it('says in one line that it can not limit memory where it has no control group', async () => {
      const refusal = await refusedOpen(caller, ['chroot', '--memory=100M', archive]);
      expect(refusal).to.include({ status: 12, replies: '' });
      expect(refusal.lines).to.have.length(1);
      expect(refusal.lines[0]).to.match(
        /failure: open: cannot limit memory: no control group .*delegated/,
      );
    });

    it('writes into a tree of its own with --in-place', async function () {
      const { home, uid, gid } = plainUser();
      const own = makeSmallTree(`${home}/own-tree`);
      spawnSync('chown', ['-R', `${uid}:${gid}`, own]);
      const bed = await openSession(caller, ['chroot', '--in-place', own]);
      await bed.sh('echo new >/srv/new');
      expect(await bed.capabilities()).to.not.include('revert');
      await bed.quit();
      expect(readFileSync(`${own}/srv/new`, 'utf8')).to.equal('new\n');
    });
  });

  describe('over a directory of its own', () => {
    it('has root, as its files are all mapped', async () => {
      const { home, uid, gid } = plainUser();
      const own = makeSmallTree(`${home}/dir-tree`);
      spawnSync('chown', ['-R', `${uid}:${gid}`, own]);
      const bed = await openSession(caller, ['chroot', own]);
      expect(await bed.capabilities()).to.include('root-on-testbed');
      await bed.sh('rm -rf /usr/sbin /srv; touch /new');
      await bed.revert();
      expect(await bed.sh('ls -d /ne[w] /srv 2>/dev/null || :')).to.equal('/srv');
      await bed.quit();
    });
  });

  describe("over root's directory", () => {
    before(function () {
      if (process.getuid?.() !== 0) skip(this, 'only root can make it');
      writeFileSync(`${tree}/srv/secret`, 'x', { mode: 0o600 });
      chownSync(`${tree}/srv/secret`, 0, 0);
    });

    it('says why root-on-testbed is not advertised, and reverts', async () => {
      const bed = await openSession(caller, ['chroot', tree]);
      const words = await bed.capabilities();
      expect(words).to.include('revert').and.not.include('root-on-testbed');
      expect(words.filter((word) => word.startsWith('suggested'))).to.deep.equal([]);
      expect(bed.server.stderr()).to.match(
        /^regime: root-on-testbed is not advertised: .*tarball.*\n$/,
      );
      expect((await bed.run('cat', '/srv/secret')).status).to.not.equal(0);
      expect((await bed.run('sh', '-c', 'echo x >/etc/passwd')).status).to.not.equal(0);
      await bed.sh(`touch ${bed.scratch}/file`);
      await bed.revert();
      expect(await bed.sh(`ls -A ${bed.scratch}`)).to.equal('');
      await bed.quit();
    });

    it('shows the host itself as /', async function () {
      const bed = await openSession(caller, ['chroot', '/']);
      expect(await bed.capabilities())
        .to.include('revert')
        .and.not.include('root-on-testbed');
      expect(bed.server.stderr()).to.match(/^regime: root-on-testbed is not advertised: .*\n$/);
      expect(await bed.sh('head -n1 /etc/passwd')).to.match(/^root:/);
      expect((await bed.run('cat', '/etc/shadow')).status).to.not.equal(0);
      await bed.sh('echo x >/tmp/x && cat /tmp/x >/dev/null');
      await bed.revert();
      expect(await bed.sh('ls /tmp | grep -vc ^regime || :')).to.equal('0');
      await bed.quit();
    });
  });
});
