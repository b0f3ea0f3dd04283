import { expect } from 'chai';

import { makeAccount } from '../support/account.ts';
import { serverArgv } from '../support/server.ts';
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
    const soak = process.env['REGIME_SOAK'] !== undefined;
    const only = soak ? [] : rules.flatMap((rule) => ['--only', rule]);
    const { status, output, errors, results } = await runConform(
      [...only, '--', ...serverArgv(...argv)],
      serverArgv('conform'),
    );
    const failed = results.filter((result) => !result.passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n')).to.equal('');
    expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
    expect(results.length).to.be.at.least(soak ? 100 : rules.length);
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

  it('with dropbear', async function () {
    const user = makeAccount();
    const dropbear = await startDropbear(this, [user]);
    this.timeout(3_600_000);
    await conform(sshWords(dropbear, user.name), ['AUXVERB-5', 'COPY-1']);
  });
});
