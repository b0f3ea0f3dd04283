import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';

import { cleanUpAfterFile } from '../support/clean-up.ts';
import { debianTree, harnessTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { expectSame } from './compare.ts';
import { hasSchroot, schrootServer } from './incumbents.ts';
import { copyPackage, makeInputs, ODD_VALUE, type Inputs } from './inputs.ts';
import { stdoutOf } from './read-output.ts';
import { fixturePackage, hasHarness, runHarness, type HarnessResult } from './run-harness.ts';
import { processesWith } from './stray.ts';

// The incumbents' chroot server can't revert, so the comparison is with their schroot server on an
// overlay over the same tree, and with the chroot server where ours works in place.

describe('autopkgtest with the regime chroot', function () {
  this.timeout(240_000);
  let ours: HarnessResult;
  let theirs: HarnessResult;
  let inputs: Inputs;
  let tree: string;
  let beginning: string;
  const subject = fixturePackage('verdicts');

  before(async function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    if (process.getuid?.() !== 0) skip(this, 'only root may use a tree of root as it is');
    if (!hasSchroot()) skip(this, 'schroot is not installed');
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
    tree = harnessTree();
    beginning = fileTempDir();
    const incumbent = schrootServer(tree);
    inputs = inputsOf('/etc/regime-copied', '.');
    const other = inputsOf('/etc/regime-copied', '.');
    const asTester = ['--user=tester', '--skip-test=in-machine', '--skip-test=in-container'];
    const run = (server: string[], { options }: Inputs) =>
      runHarness({ server, subject, options: [...options, ...asTester] });
    [ours, theirs] = await Promise.all([
      run([serverPath(), 'chroot', tree], inputs),
      run(incumbent, other),
    ]);
  });

  it("comes to the same end as with the incumbents' schroot server", () => {
    expectSame(ours, theirs);
  });

  it('runs tests as root and as the given user', () => {
    expect(stdoutOf(ours.output, 'whoami')).to.equal('tester\n');
    expect(ours.verdicts['needs-root']).to.equal('PASS');
    expect(stdoutOf(ours.output, 'set-up')).to.equal('0\n1\n');
    expect(stdoutOf(ours.output, 'environment').split('\n')[0]).to.equal(ODD_VALUE);
  });

  it('has the artifacts of both tests', () => {
    expect(ours.output).to.include({
      'artifacts/shared/from-one': 'file one\n',
      'artifacts/shared/from-two': 'file two\n',
      'artifacts/shared/deep/both': 'file two\n',
      'artifacts/odd/not-utf8-\xff\xfe': 'file 6\n',
      'artifacts/odd/absolute': 'link to /etc/passwd',
      'artifacts/odd/empty': 'directory',
    });
  });

  it('leaves no process of the tests behind', () => {
    expect(processesWith(inputs.mark)).to.deep.equal([]);
  });

  it('leaves the tree as it was', () => {
    const { stdout } = spawnSync('find', [tree, '-xdev', '-cnewer', beginning, '-ls']);
    expect(stdout.toString()).to.equal('');
    expect(statSync(tree).isDirectory()).to.equal(true);
  });

  it('suggests a user, merges --copy into /etc, and runs what the caller vouches for', async () => {
    const { options } = inputsOf('/etc', 'passwd');
    const tests = ['whoami', 'copied', 'in-machine', 'in-container', 'needs-root'];
    const run = await runHarness({
      server: [serverPath(), 'chroot', '--capability=isolation-machine', tree],
      subject,
      options: [...options, ...tests.map((test) => `--test-name=${test}`)],
    });
    expect(run.verdicts, run.log).to.include(
      Object.fromEntries(tests.map((test) => [test, 'PASS'])),
    );
    expect(stdoutOf(run.output, 'whoami')).to.equal('tester\n');
  });

  it('skips tests that need isolation where nobody vouches for it', async () => {
    const options = ['--test-name=in-machine', '--test-name=in-container', '--test-name=passes'];
    const run = await runHarness({ server: [serverPath(), 'chroot', tree], subject, options });
    expect(run.verdicts['in-machine'], run.log).to.match(/^SKIP .*"isolation-machine"/);
    expect(run.verdicts['in-container']).to.match(/^SKIP .*"isolation-container"/);
    expect(run.verdicts['passes']).to.equal('PASS');
    expect(run.status).to.equal(2);
  });

  it('makes a user where the tree has none, and tests a tree that is built already', async () => {
    const directory = fileTempDir();
    const built = copyPackage(subject, directory);
    // This file is what the harness takes for the mark of a built tree.
    writeFileSync(`${built}/debian/files`, '');
    const tests = ['passes', 'whoami', 'needs-root', 'artifacts-one', 'artifacts-two'];
    const options = tests.map((test) => `--test-name=${test}`);
    const [mine, other] = await Promise.all([
      runHarness({ server: [serverPath(), 'chroot', debianTree()], subject: built, options }),
      runHarness({ server: schrootServer(debianTree()), subject: built, options }),
    ]);
    expectSame(mine, other, { files: ['whoami-stdout'] });
    expect(stdoutOf(mine.output, 'whoami'))
      .to.match(/^\S+\n$/)
      .and.not.equal('root\n');
    expect(mine.verdicts).to.include({ whoami: 'PASS', 'needs-root': 'PASS' });
  });

  it("comes to the same end in place as with the incumbents' chroot server", async () => {
    const copy = `${fileTempDir()}/tree`;
    const { status } = spawnSync('cp', ['-a', '--reflink=auto', tree, copy]);
    expect(status).to.equal(0);
    const tests = ['passes', 'fails', 'skips', 'needs-root', 'writes-stderr', 'whoami'];
    const names = [...tests, 'artifacts-one', 'artifacts-two'].map((test) => `--test-name=${test}`);
    const options = ['--user=tester', ...names];
    // One after the other: they share the tree and its /tmp.
    const other = await runHarness({ server: ['chroot', copy], subject, options });
    const mine = await runHarness({
      ...{ subject, options },
      server: [serverPath(), 'chroot', '--in-place', copy],
    });
    expectSame(mine, other);
  });
});

/** What is left of an incumbent's run is ended after the file; ours must leave nothing. */
function inputsOf(copied: string, kept: string): Inputs {
  const inputs = makeInputs(fileTempDir(), { copied, kept, setUp: '/var/lib/set-up' });
  cleanUpAfterFile(() => {
    for (const pid of processesWith(inputs.mark)) process.kill(pid, 'SIGKILL');
  });
  return inputs;
}
