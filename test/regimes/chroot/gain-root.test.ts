import {
  chmodSync,
  chownSync,
  copyFileSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import { plainAs, reapAs, selfAs, sessionsOf } from '../../crash/caller.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';

describe('chroot --gain-root', function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    tree = needRoot(this);
  });

  /** A command as sudo is one: takes a command line, and writes down that it was asked. */
  const makeSudo = (directory: string): string => {
    const sudo = `${directory}/sudo`;
    writeFileSync(sudo, `#!/bin/sh\nprintf '%s\\n' "$1" >>${directory}/log\nshift\nexec "$@"\n`, {
      mode: 0o755,
    });
    return sudo;
  };

  it('lets a plain user have what only root can make', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    // What sudo(8) does for those who may, this does for everybody, until the test ends.
    const directory = tempDir();
    chmodSync(directory, 0o755);
    copyFileSync('/usr/bin/setpriv', `${directory}/sudo`);
    chmodSync(`${directory}/sudo`, 0o4755);
    const { gid, uid } = plainUser();
    chownSync(`${directory}/sudo`, 0, gid);
    chmodSync(`${directory}/sudo`, 0o4750);
    const sudo = `${directory}/sudo --reuid=0 --regid=0 --clear-groups`;
    const caller = plainAs();
    const bed = await openSession(caller, ['chroot', `--gain-root=${sudo}`, tree]);
    expect(await bed.capabilities()).to.include.members(['root-on-testbed', 'revert-full-system']);
    expect(
      await bed.sh('id -u; chown 5:6 /srv; stat -c %u /srv; cut -c1-22 /proc/self/uid_map'),
    ).to.match(/^0\n5\n +0 +0$/);
    await bed.revert();
    expect(await bed.sh('stat -c %u /srv')).to.equal('0');
    const host = `${caller.work}/from-root`;
    expect(await bed.server.command(`copyup /etc/passwd ${host}`)).to.equal('ok');
    expect(statSync(host).uid).to.equal(uid);
    rmSync(host);
    await bed.quit();
  });

  for (const option of ['--gain-root=', '-r']) {
    it(`${option} runs what needs root through the command, with its arguments`, async () => {
      const work = tempDir();
      const word = `${option}${makeSudo(work)} -n`;
      const bed = await openSession(selfAs(work), ['chroot', word, tree]);
      expect(await bed.sh('id -u')).to.equal('0');
      await bed.revert();
      await bed.quit();
      expect(readFileSync(`${work}/log`, 'utf8')).to.match(/^(-n\n)+$/);
    });
  }

  it('is asked again by who reaps what a killed server left', async () => {
    const work = tempDir();
    const caller = selfAs(work);
    const bed = await openSession(caller, ['chroot', `--gain-root=${makeSudo(work)} -n`, tree]);
    bed.server.child.kill('SIGKILL');
    await bed.server.ended;
    const before = readFileSync(`${work}/log`, 'utf8');
    reapAs(caller);
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(readFileSync(`${work}/log`, 'utf8')).to.equal(`${before}-n\n`);
  });
});
