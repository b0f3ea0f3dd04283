import { expect } from 'chai';
import { chmodSync } from 'node:fs';

import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { expectSame } from './compare.ts';
import { copyPackage, makeInputs, ODD_VALUE } from './inputs.ts';
import { stdoutOf } from './read-output.ts';
import {
  fixturePackage,
  hasHarness,
  openDirectory,
  runHarness,
  serverOf,
  type HarnessResult,
} from './run-harness.ts';
import { runVerdictsHere } from './run-verdicts.ts';

// One after the other, never two at once, so `here`: the harness' wrapper keeps a file of a fixed name in /tmp.

describe('autopkgtest with the regime null', function () {
  this.timeout(240_000);
  let ours: HarnessResult;
  let theirs: HarnessResult;

  before(async function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    // Ours suggests an account for tests that need no root, so both are told the same one. The
    // harness has it write into the scratch space, which ours does not open to everybody on the host.
    const isRoot = process.getuid?.() === 0;
    const user = isRoot && hasPlainUser() ? [`--user=${plainUser().name}`] : [];
    theirs = await runVerdictsHere(['null'], user);
    const words = ['null', '--capability=isolation-machine', '--scratch-mode=1777'];
    ours = await runVerdictsHere([serverPath(), ...words], user);
  });

  it("comes to the same end as with the incumbent's server", () => {
    expectSame(ours, theirs);
  });

  it('passes, fails and skips what it should', () => {
    expect(ours.verdicts).to.include({
      passes: 'PASS',
      fails: 'FAIL non-zero exit status 3',
      'leaves-without-leave': 'FAIL non-zero exit status 77',
      'dies-by-signal': 'FAIL non-zero exit status 137',
      skips: 'SKIP exit status 77 and marked as skippable',
      'writes-stderr': 'FAIL stderr: a complaint',
      'writes-stderr-allowed': 'PASS',
      'leaves-processes': 'PASS',
      tmp: 'PASS',
      copied: 'PASS',
      command: 'PASS',
      'in-machine': 'PASS',
    });
    expect(ours.verdicts['reboots']).to.match(/^SKIP .*"needs-reboot"/);
  });

  it('gives the environment and runs the setup commands', () => {
    expect(stdoutOf(ours.output, 'environment').split('\n')[0]).to.equal(ODD_VALUE);
    const uid = process.getuid?.() ?? 0;
    expect(stdoutOf(ours.output, 'set-up')).to.equal(`${uid}\n1\n`);
  });

  it('has the artifacts of both tests', () => {
    expect(ours.output).to.include({
      'artifacts/one': 'file one\n',
      'artifacts/two': 'file two\n',
      'artifacts/shared/from-one': 'file one\n',
      'artifacts/shared/from-two': 'file two\n',
      'artifacts/shared/deep/both': 'file two\n',
      'artifacts/odd/not-utf8-\xff\xfe': 'file 6\n',
      'artifacts/odd/line\nfeed': 'file 5\n',
      'artifacts/odd/dangling': 'link to nowhere',
      'artifacts/odd/empty': 'directory',
    });
  });

  it('skips tests that need isolation where nobody vouches for it', async () => {
    const options = ['--test-name=in-machine', '--test-name=in-container', '--test-name=passes'];
    const subject = fixturePackage('verdicts');
    const run = await runHarness({ server: [serverPath(), 'null'], subject, here: true, options });
    expect(run.verdicts['in-machine'], run.log).to.match(/^SKIP .*"isolation-machine"/);
    expect(run.verdicts['in-container']).to.match(/^SKIP .*"isolation-container"/);
    expect(run.verdicts['passes']).to.equal('PASS');
    expect(run.status).to.equal(2);
  });

  it('merges what --copy brings into a directory that was there', async () => {
    const directory = openDirectory();
    const { options } = makeInputs(directory, {
      copied: directory,
      kept: 'to-copy',
      setUp: `${directory}/set-up`,
    });
    const subject = fixturePackage('verdicts');
    const server = [serverPath(), 'null'];
    const names = [...options, '--test-name=copied'];
    const run = await runHarness({ server, subject, here: true, options: names });
    expect(run.verdicts, run.log).to.include({ copied: 'PASS' });
  });

  it('does as the incumbent for a plain user', async function () {
    if (process.getuid?.() !== 0) skip(this, 'the runs above were by a plain user');
    if (!hasPlainUser()) skip(this, 'there is no user to run it as');
    const user = plainUser();
    const subject = copyPackage(fixturePackage('verdicts'), user.home);
    chmodSync(subject, 0o755);
    const tests = ['passes', 'skips', 'needs-root', 'whoami', 'artifacts-one', 'artifacts-two'];
    const run = (server: string[]) =>
      runHarness({
        ...{ server, subject, here: true },
        ...{ directory: `${user.home}/tmp`, state: `${user.home}/state` },
        options: tests.map((test) => `--test-name=${test}`),
        as: (argv) => user.argv(argv),
      });
    const other = await run(['null']);
    const mine = await run(serverOf(user, 'null', '--capability=isolation-machine'));
    expectSame(mine, other);
    expect(stdoutOf(mine.output, 'whoami')).to.equal(`${user.name}\n`);
    expect(mine.verdicts['needs-root']).to.match(/^SKIP .*"root-on-testbed"/);
  });
});
