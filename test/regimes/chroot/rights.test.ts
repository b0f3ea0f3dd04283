import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession, type OpenSession } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';

/** Docker's default set, as /proc/PID/status shows it. */
const DOCKER = '00000000a80425fb';

const effective = (bed: OpenSession) =>
  bed.sh(
    'while read -r key value; do [ "$key" = CapEff: ] && echo "$value"; done </proc/self/status; :',
  );

describe('what root can do in a chroot testbed', function () {
  this.timeout(60_000);

  describe('as it is without an option', () => {
    let bed: OpenSession;

    before(async function () {
      const tree = needRoot(this);
      bed = await openSession(selfAs(fileTempDir()), ['chroot', tree], { untilFileEnds: true });
    });

    it('has the capabilities of a Docker container, in each of its sets', async () => {
      const sets = await bed.sh(
        'grep -E "^Cap(Prm|Eff|Bnd)" /proc/self/status | cut -f2 | sort -u',
      );
      expect(sets).to.equal(DOCKER);
      expect(await bed.sh('grep CapEff /proc/1/status | cut -f2'), 'of process 1').to.equal(DOCKER);
    });

    it('sees no process of the host, only its own', async () => {
      const names = await bed.sh('cat /proc/[0-9]*/comm 2>/dev/null | sort -u');
      expect(names).to.include('cat').and.not.include('mocha').and.not.include('node');
      expect(await bed.sh('echo $$')).to.match(/^\d{1,4}$/);
    });

    for (const [what, script, words] of [
      ['mount a file system', 'mount -t tmpfs none /mnt', /permission denied|not permitted/i],
      ['make namespaces', 'unshare -m true', /not permitted/],
      ['write a setting of the kernel', 'echo 1 >/proc/sys/kernel/panic', /Read-only/],
      ['pull the trigger of SysRq', 'echo h >/proc/sysrq-trigger', /Read-only|cannot create/],
      ['write to /sys', 'echo x >/sys/kernel/uevent_helper', /Read-only|No such/],
      ['set the clock', 'date -s @1', /not permitted/],
      ['read the memory of the kernel', 'grep -q . /proc/kcore /dev/mem', /^(?!.*matches)/],
      ['make a disk and open it', 'mknod /srv/disk b 7 0 && : </srv/disk', /Permission denied/],
      ['set the name of the machine', 'echo x >/proc/sys/kernel/hostname', /Read-only/],
    ] as const) {
      it(`can not ${what}`, async () => {
        const { status, stderr } = await bed.run('sh', '-c', script);
        expect(status).to.not.equal(0);
        expect(stderr).to.match(words);
      });
    }

    it('can do what installing a package takes', async () => {
      await bed.sh(`
        set -e
        cd /srv && mkdir -p a && chown 1000:1000 a && chmod 2775 a
        mknod fifo p && mknod null c 1 3
        setpriv --reuid=1000 --regid=1000 --clear-groups touch a/of-user
        ln a/of-user b && chmod u+s b`);
      expect(await bed.sh('stat -c "%a %u:%g" /srv/a /srv/b')).to.equal(
        '2775 1000:1000\n4644 1000:1000',
      );
    });

    it('shows the parts of /proc that steer the host empty or read-only', async () => {
      const masked = '/proc/acpi /proc/scsi /sys/firmware /proc/asound';
      expect(await bed.sh(`find ${masked} -mindepth 1 2>/dev/null | head -n1; :`)).to.equal('');
      for (const file of ['kcore', 'keys', 'timer_list', 'sched_debug', 'latency_stats']) {
        expect(await bed.sh(`cat /proc/${file} 2>/dev/null | head -c1; :`), file).to.equal('');
      }
      const mounts = await bed.sh(
        'grep -E " /(proc/(sys|bus|fs|irq|sysrq-trigger)|sys) " /proc/self/mountinfo',
      );
      for (const line of mounts.split('\n')) expect(line.split(' ')[5]).to.match(/^ro,/);
    });

    it('has the devices that programs expect, and no others', async () => {
      const names = 'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero';
      expect(await bed.sh('cd /dev; echo *')).to.equal(names);
      expect(
        await bed.sh(
          'echo lost >/dev/null; head -c3 /dev/zero | wc -c; head -c4 /dev/urandom | wc -c',
        ),
      ).to.equal('3\n4');
      expect((await bed.run('cp', '/etc/passwd', '/dev/full')).stderr).to.include('No space');
      expect(
        await bed.sh('echo a | cat /dev/stdin /dev/fd/0; { echo b >/dev/stdout; } | cat'),
      ).to.equal('a\nb');
      expect(await bed.sh('stat -c "%a %t:%T" /dev/null; stat -c %a /dev/shm')).to.equal(
        '666 1:3\n1777',
      );
      expect(await bed.sh('script -qec "tty" /dev/null </dev/null')).to.match(/^\/dev\/pts\/0/);
    });

    it('starts with /run and /tmp of its own', async () => {
      expect(
        await bed.sh('find /run -mindepth 1 ! -name mount; stat -c "%a %U" /run /run/lock /tmp'),
      ).to.equal('/run/lock\n755 root\n1777 root\n1777 root');
    });

    it('resolves names as the host does, and starts no daemons', async () => {
      expect(await bed.sh('cat /etc/resolv.conf')).to.equal(
        readFileSync('/etc/resolv.conf', 'utf8').trimEnd(),
      );
      expect(await bed.sh('/usr/sbin/policy-rc.d ssh start; echo $?')).to.equal('101');
    });

    it('gives commands umask 022, no terminal and the directory /', async () => {
      expect(await bed.sh('umask; pwd; tty || :')).to.equal('0022\n/\nnot a tty');
    });
  });

  it('is all that root can do on the host with --privileged', async function () {
    const tree = needRoot(this);
    const bed = await openSession(selfAs(fileTempDir()), ['chroot', '--privileged', tree]);
    const own = /^CapEff:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    expect(await effective(bed)).to.equal(own);
    await bed.sh('mount -t tmpfs none /mnt && touch /mnt/file && unshare -m true');
    expect(await bed.sh('mknod /srv/null c 1 3 && echo x >/srv/null && echo opened')).to.equal(
      'opened',
    );
    await bed.revert();
    expect(await effective(bed), 'after a revert').to.equal(own);
    expect(await bed.sh('ls -A /mnt')).to.equal('');
    const words = await bed.capabilities();
    expect(words).to.include('revert').and.not.include('revert-full-system');
    expect(words).to.include('root-on-testbed');
    await bed.quit();
  });

  it('leaves a policy-rc.d that the tree brings as it is', async function () {
    needRoot(this);
    const tree = makeSmallTree(`${fileTempDir()}/tree`);
    writeFileSync(`${tree}/usr/sbin/policy-rc.d`, '#!/bin/sh\nexit 7\n', { mode: 0o755 });
    symlinkSync('../run/nowhere/resolv.conf', `${tree}/etc/resolv.conf`);
    const bed = await openSession(selfAs(fileTempDir()), ['chroot', tree]);
    expect(await bed.sh('/usr/sbin/policy-rc.d; echo $?')).to.equal('7');
    expect(await bed.sh('cat /etc/resolv.conf'), 'a dangling link gives way').to.equal(
      readFileSync('/etc/resolv.conf', 'utf8').trimEnd(),
    );
    await bed.quit();
  });

  for (const [arch, machine] of [
    ['i386', /^i686$/],
    ['amd64', /^x86_64$/],
  ] as const) {
    it(`says ${arch} where --arch does`, async function () {
      const tree = needRoot(this);
      if (process.arch !== 'x64') skip(this, 'this machine is none that i386 runs on');
      const bed = await openSession(selfAs(fileTempDir()), ['chroot', `--arch=${arch}`, tree]);
      expect(await bed.sh('uname -m')).to.match(machine);
      await bed.revert();
      expect(await bed.sh('uname -m')).to.match(machine);
      await bed.quit();
    });
  }
});
