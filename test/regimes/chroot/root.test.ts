import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, selfAs, sessionsOf, type Caller } from '../../crash/caller.ts';
import { withoutTestAccounts } from '../../hostile/host.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { hasPlainUser } from '../../support/user.ts';
import { openSession } from '../support/session.ts';

describe('a testbed of the machine itself', function () {
  this.timeout(60_000);

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can do this');
  });

  it('has all that the machine has, and can be wrecked', async () => {
    const mark = `regime-test-${process.pid}`;
    const bed = await openSession(selfAs(tempDir()), ['chroot', '/']);
    const accounts = withoutTestAccounts(`${await bed.sh('cat /etc/passwd')}\n`);
    expect(accounts).to.equal(withoutTestAccounts(readFileSync('/etc/passwd', 'latin1')));
    await bed.sh(`touch /etc/${mark} /usr/${mark}; rm -rf /etc/default /var/lib/dpkg /srv`);
    await bed.revert();
    expect(await bed.sh(`ls -d /etc/default /etc/${mark} 2>/dev/null || :`)).to.equal(
      '/etc/default',
    );
    await bed.quit();
    expect(existsSync(`/etc/${mark}`)).to.equal(false);
    expect(existsSync(`/usr/${mark}`)).to.equal(false);
    expect(existsSync('/etc/default')).to.equal(true);
  });

  it('does not show our records, nor the temporary files of others', async () => {
    const work = tempDir();
    const caller = selfAs(work);
    // Somewhere that is not below /tmp, which the testbed has of its own.
    const state = `/var/tmp/regime-test-state-${process.pid}`;
    mkdirSync(state);
    try {
      const elsewhere: Caller = {
        ...caller,
        env: { ...process.env, XDG_STATE_HOME: state },
        state,
      };
      const bed = await openSession(elsewhere, ['chroot', '/']);
      expect(sessionsOf(elsewhere)).to.have.length(1);
      expect(await bed.sh(`ls -A ${state}/regime/sessions`)).to.equal('');
      expect((await bed.run('touch', `${state}/regime/sessions/x`)).status).to.not.equal(0);
      expect(await bed.sh(`ls -d ${work} 2>/dev/null || echo unseen`)).to.equal('unseen');
      await bed.revert();
      expect(await bed.sh(`ls -A ${state}/regime/sessions`)).to.equal('');
      await bed.quit();
    } finally {
      spawnSync('rm', ['-rf', '--one-file-system', state]);
    }
  });

  it('shows a path that --bind names though it lies where nothing is shown', async () => {
    const work = tempDir();
    writeFileSync(`${work}/file`, 'shown\n');
    const bed = await openSession(selfAs(work), ['chroot', `--bind=${work}:${work}`, '/']);
    expect(await bed.sh(`cat ${work}/file`)).to.equal('shown');
    await bed.quit();
  });

  describe('with parts on file systems of their own', () => {
    /** Runs the program where some of the machine's directories are separate mounts. */
    const within = (caller: Caller, script: string): Caller => ({
      ...caller,
      argv: (...args) => [
        ...[
          'unshare',
          '--mount',
          '--propagation=private',
          'sh',
          '-ec',
          `${script}\nexec "$@"`,
          'sh',
        ],
        ...caller.argv(...args),
      ],
    });
    const mounts = `
      mount --bind /usr /usr
      mount -t tmpfs -o mode=755 none /srv
      mkdir "/srv/a b" && mount -t tmpfs -o size=1M none "/srv/a b"
      echo outer >"/srv/a b/file"; echo outer >/srv/file; chown 33:34 /srv/file
      mount -t tmpfs none /home && mkdir -m 700 /home/joe && echo outer >/home/joe/file
      chown -R 1000:1000 /home/joe
      mount -t tmpfs -o ro none /mnt
      echo single >/srv/over && mount --bind /srv/over /etc/hostname`;

    it('shows what is in them, and leaves them as they are', async () => {
      const caller = within(selfAs(tempDir()), mounts);
      const bed = await openSession(caller, ['chroot', '/']);
      const read = 'cat "/srv/a b/file" /srv/file /home/joe/file /etc/hostname; ls /usr/bin/env';
      const whole = 'outer\nouter\nouter\nsingle\n/usr/bin/env';
      expect(await bed.sh(read)).to.equal(whole);
      expect(await bed.sh('stat -c "%a %u:%g" /srv/file /home/joe')).to.equal(
        '644 33:34\n700 1000:1000',
      );
      await bed.sh(
        'rm -rf /srv/*/* /home/* /usr/share/doc; touch /mnt/new /usr/new; echo x >/etc/hostname',
      );
      await bed.revert();
      expect(await bed.sh(read)).to.equal(whole);
      expect(await bed.sh('ls -d /mnt/ne[w] /usr/ne[w] 2>/dev/null || echo reverted')).to.equal(
        'reverted',
      );
      expect(await bed.capabilities()).to.include('revert-full-system');
      await bed.quit();
      expect(existsSync('/usr/share/doc')).to.equal(true);
    });

    it('keeps /home, where that is one of them', async () => {
      const caller = within(selfAs(tempDir()), mounts);
      const bed = await openSession(caller, ['chroot', '--keep-home', '/']);
      expect(await bed.sh('cat /home/joe/file')).to.equal('outer');
      await bed.sh('echo changed >/home/joe/file; touch /srv/new');
      await bed.revert();
      expect(await bed.sh('cat /home/joe/file; ls /srv/ne[w] 2>/dev/null || :')).to.equal(
        'changed',
      );
      await bed.quit();
    });

    it('shows them to a plain user, too', async function () {
      if (!hasPlainUser()) skip(this, 'there is no plain user');
      const bed = await openSession(within(plainAs(), mounts), ['chroot', '/']);
      expect(await bed.sh('cat "/srv/a b/file" /srv/file; ls /usr/bin/env')).to.equal(
        'outer\nouter\n/usr/bin/env',
      );
      await bed.revert();
      await bed.quit();
    });
  });
});
