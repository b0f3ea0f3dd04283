import { expect } from 'chai';
import { chmodSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

import { harnessTarball, harnessTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { aptOptions, whyNoArchive } from './apt.ts';
import { expectSame } from './compare.ts';
import { hasSchroot, schrootServer } from './incumbents.ts';
import { copyPackage } from './inputs.ts';
import { stdoutOf } from './read-output.ts';
import { fixturePackage, hasHarness, runHarness, serverOf } from './run-harness.ts';

describe('autopkgtest with packages that come from an archive', function () {
  this.timeout(240_000);
  let directory: string;

  before(function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
    directory = fileTempDir();
  });

  it('tests a source package', async function () {
    if (!hasSchroot()) skip(this, 'this is not root, or schroot is not installed');
    const copy = copyPackage(fixturePackage('shells'), directory);
    const built = spawnSync('dpkg-source', ['--build', copy], { cwd: directory });
    expect(built.status, built.stderr.toString()).to.equal(0);
    const subject = `${directory}/regime-shells_1.0.dsc`;
    const [ours, theirs] = await Promise.all([
      runHarness({ server: [serverPath(), 'chroot', harnessTree()], subject }),
      runHarness({ server: schrootServer(harnessTree()), subject }),
    ]);
    expectSame(ours, theirs);
    expect(ours.verdicts['needs-none']).to.equal('PASS');
  });

  it('tests `hello` from the Debian archive', async function () {
    if (!hasSchroot()) skip(this, 'this is not root, or schroot is not installed');
    const reason = whyNoArchive(directory);
    if (reason) skip(this, reason);
    const run = (server: string[]) =>
      runHarness({ server, subject: 'hello', options: aptOptions(directory) });
    const [ours, theirs] = await Promise.all([
      run([serverPath(), 'chroot', harnessTree()]),
      run(schrootServer(harnessTree())),
    ]);
    expectSame(ours, theirs);
    expect(ours.status, ours.log).to.equal(0);
    expect(ours.verdicts).to.deep.equal({ command1: 'PASS', 'upstream-tests': 'PASS' });
    expect(stdoutOf(ours.output, 'command1')).to.equal('Hello, world!\n');
    expect(ours.output['command1-packages']).to.match(/^file hello\t/);
  });

  it('installs what tests depend on, and reverts before a test without it', async function () {
    if (!hasSchroot()) skip(this, 'this is not root, or schroot is not installed');
    const reason = whyNoArchive(directory);
    if (reason) skip(this, reason);
    const options = aptOptions(directory);
    const subject = fixturePackage('depends');
    // `revert` without `revert-full-system` suffices for that.
    const server = [serverPath(), 'chroot'];
    const [ours, theirs] = await Promise.all([
      runHarness({ server: [...server, '--keep-home', harnessTree()], subject, options }),
      runHarness({ server: schrootServer(harnessTree()), subject, options }),
    ]);
    expectSame(ours, theirs);
    expect(ours.verdicts, ours.log).to.deep.equal({
      'with-hello': 'PASS',
      'without-hello': 'PASS',
      'not-installable': 'SKIP installation fails and skip-not-installable set',
    });
  });

  it('does both for a plain user, on a tarball', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const reason = whyNoArchive(directory);
    if (reason) skip(this, reason);
    const user = plainUser();
    const options = aptOptions(user.home);
    chmodSync(`${user.home}/apt.conf`, 0o644);
    const subject = copyPackage(fixturePackage('depends'), user.home);
    const server = serverOf(user, 'chroot', harnessTarball());
    const run = await runHarness({
      ...{ server, subject, options, directory: `${user.home}/tmp`, state: `${user.home}/state` },
      as: (argv) => user.argv(argv),
    });
    expect(run.verdicts, run.log).to.include({ 'with-hello': 'PASS', 'without-hello': 'PASS' });
  });
});
