import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

import { expect } from 'chai';

import { prefixOf, reapAs, selfAs, sessionsOf, startThrough } from '../../crash/caller.ts';
import { makeAccount } from '../../support/account.ts';
import { debianTarball } from '../../support/fixtures.ts';
import { SOAK } from '../../support/soak.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { sshWords } from './support.ts';

const REVERTS = SOAK ? 100 : 3;

describe('a regime inside a machine behind ssh', function () {
  this.timeout(180_000);
  let sshd: TestSshd;

  before(async function () {
    needRoot(this);
    sshd = await startSshd(this);
  });

  it('reverts the machine itself, for root', async () => {
    const root = makeAccount({ root: true, shell: '/bin/sh' });
    const words = [...sshWords(sshd, root.name), '+', 'chroot', '/'];
    const bed = await openSession(selfAs(tempDir()), ['--share', ...words]);
    expect(await bed.capabilities()).to.include.members(['revert-full-system', 'root-on-testbed']);
    await bed.sh('echo shared >"$REGIME_SESSION_SHARE/file"');
    for (let round = 0; round < REVERTS; round += 1) {
      await bed.sh('touch /new');
      await bed.revert();
      expect(await bed.sh('test -e /new || id -u')).to.equal('0');
      expect(await bed.sh('cat "$REGIME_SESSION_SHARE/file"')).to.equal('shared');
    }
    await bed.quit();
  });

  it('reverts a tarball, for a plain user', async () => {
    const user = makeAccount({ shell: '/bin/sh' });
    const words = [...sshWords(sshd, user.name), '+', 'chroot', debianTarball()];
    const bed = await openSession(selfAs(tempDir()), words);
    await bed.sh('touch /new; test "$(id -u)" = 0');
    await bed.revert();
    expect(await bed.sh('test -e /new || echo gone')).to.equal('gone');
    await bed.quit();
  });

  it('leaves nothing there when the server is killed', async () => {
    const root = makeAccount({ root: true, shell: '/bin/sh' });
    const caller = selfAs(tempDir());
    const bed = await openSession(caller, [...sshWords(sshd, root.name), '+', 'chroot', '/']);
    const prefix = prefixOf(await bed.server.command('print-execute-command'));
    const auxverb = startThrough(prefix, ['sleep', '982']);
    const ended = new Promise((resolve) => auxverb.once('close', resolve));
    await until(() => spawnSync('pgrep', ['-f', '^sleep 982']).status === 0, 'it runs');
    bed.server.child.kill('SIGKILL');
    expect(await ended).to.equal(255);
    await until(() => spawnSync('pgrep', ['-f', '^sleep 982']).status === 1, 'it has gone');
    expect(reapAs(caller)).to.not.include('failed');
    expect(sessionsOf(caller)).to.deep.equal([]);
    const testbeds = `${root.home}/.local/state/regime/testbeds`;
    await until(() => readdirSync(testbeds).length === 0, 'its changes have gone');
  });
});
