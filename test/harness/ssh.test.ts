import { expect } from 'chai';
import { rmSync } from 'node:fs';

import { passwordFile, sshWords } from '../regimes/ssh/support.ts';
import { makeAccount, type TestAccount } from '../support/account.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { startSshd, type TestSshd } from '../support/sshd.ts';
import { expectSame } from './compare.ts';
import { stdoutOf } from './read-output.ts';
import { fixturePackage, hasHarness, openDirectory, runHarness } from './run-harness.ts';
import { runVerdictsHere } from './run-verdicts.ts';

// One after the other, never two at once, so `here`: the harness' wrapper keeps a file of a fixed name in /tmp.

describe('autopkgtest with the regime ssh', function () {
  this.timeout(300_000);
  let sshd: TestSshd;

  before(async function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    sshd = await startSshd(this);
  });

  const ours = (account: TestAccount, ...more: string[]) => [
    serverPath(),
    ...sshWords(sshd, account.name, ...more),
  ];
  const theirs = (account: TestAccount, ...more: string[]) => {
    const { host, port, identity } = sshd;
    return ['ssh', '-H', host, '-p', `${port}`, '-l', account.name, '-i', identity, ...more];
  };
  /** The incumbent keeps a file of this name on each machine, and can't replace another user's. */
  const makeRoom = () => rmSync('/tmp/autopkgtest-run-wrapper', { force: true });
  beforeEach(makeRoom);
  after(makeRoom);
  const machine = ['--capability=isolation-machine'];

  it("comes to the same end as with the incumbent's server, by sudo", async () => {
    const account = makeAccount({ sudo: 'free' });
    const other = await runVerdictsHere(theirs(account, ...machine), [], account);
    const mine = await runVerdictsHere(ours(account, ...machine), [], account);
    expectSame(mine, other);
    expect(mine.verdicts).to.include({ passes: 'PASS', 'needs-root': 'PASS', tmp: 'PASS' });
    expect(mine.verdicts['fails']).to.equal('FAIL non-zero exit status 3');
    expect(stdoutOf(mine.output, 'whoami')).to.equal(`${account.name}\n`);
  });

  it('comes to the same end where nothing gives root', async () => {
    const account = makeAccount();
    const tests = ['passes', 'fails', 'skips', 'needs-root', 'whoami', 'artifacts-one'];
    const options = tests.map((test) => `--test-name=${test}`);
    const subject = fixturePackage('verdicts');
    const other = await runHarness({ server: theirs(account), subject, here: true, options });
    const mine = await runHarness({ server: ours(account), subject, here: true, options });
    expectSame(mine, other);
    expect(mine.verdicts['needs-root']).to.match(/^SKIP .*"root-on-testbed"/);
  });

  it('has a password for sudo', async () => {
    const account = makeAccount({ sudo: 'password' });
    const file = passwordFile(openDirectory(), account);
    const options = ['--test-name=needs-root', '--test-name=whoami'];
    const subject = fixturePackage('verdicts');
    const mine = await runHarness({
      server: ours(account, '-P', file),
      subject,
      here: true,
      options,
    });
    expect(mine.verdicts, mine.log).to.include({ 'needs-root': 'PASS', whoami: 'PASS' });
    expect(mine.log).to.not.include(account.password);
  });
});
