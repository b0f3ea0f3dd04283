import { expect } from 'chai';

import { makeAccount } from '../support/account.ts';
import { serverArgv } from '../support/server.ts';
import { debianTarball } from '../support/fixtures.ts';
import { SOAK } from '../support/soak.ts';
import { startDropbear, startSshd, type TestSshd } from '../support/sshd.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { passwordFile, sshWords } from '../regimes/ssh/support.ts';
import { runConform } from './run-conform.ts';

/** In what differs for another way in; all of them take minutes. */
const LEAN = ['AUXVERB-1', 'AUXVERB-5', 'AUXVERB-12', 'ENV-1', 'COPY-1', 'COPY-4', 'CAP'];

describe('the ssh regime keeps the rules of regime-protocol(7)', function () {
  this.timeout(3_600_000);
  let sshd: TestSshd;

  before(async function () {
    sshd = await startSshd(this);
  });

  async function conform(argv: readonly string[], rules: readonly string[]): Promise<void> {
    const only = SOAK ? [] : rules.flatMap((rule) => ['--only', rule]);
    const { status, output, errors, results } = await runConform(
      [...only, '--', ...serverArgv(...argv)],
      serverArgv('conform'),
    );
    const failed = results.filter((result) => !result.passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n')).to.equal('');
    expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
    expect(results.length).to.be.at.least(SOAK ? 100 : rules.length);
  }

  it('as root', async () => {
    await conform(sshWords(sshd, 'root'), ['AUXVERB', 'ENV', 'COPY-1', 'CAP']);
  });

  it('as a user who becomes root with a password', async () => {
    const user = makeAccount({ sudo: 'password' });
    const password = passwordFile(fileTempDir(), user);
    await conform(sshWords(sshd, user.name, '-P', password), LEAN);
  });

  it('as a plain user', async () => {
    await conform(sshWords(sshd, makeAccount().name), LEAN);
  });

  if (SOAK) {
    it('as a user who becomes root without a password', async () => {
      await conform(sshWords(sshd, makeAccount({ sudo: 'free' }).name), []);
    });

    it('with a testbed of the machine itself inside', async () => {
      const root = makeAccount({ root: true, shell: '/bin/sh' });
      await conform([...sshWords(sshd, root.name), '+', 'chroot', '/'], []);
    });

    it('with a tarball inside, as a plain user', async () => {
      const user = makeAccount({ shell: '/bin/sh' });
      await conform([...sshWords(sshd, user.name), '+', 'chroot', debianTarball()], []);
    });
  }

  it('with dropbear', async function () {
    const user = makeAccount();
    const dropbear = await startDropbear(this, [user]);
    this.timeout(3_600_000);
    await conform(sshWords(dropbear, user.name), ['AUXVERB-5', 'COPY-1']);
  });
});
