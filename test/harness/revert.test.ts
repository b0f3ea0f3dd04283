import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';

import { harnessTarball, harnessTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { expectSame } from './compare.ts';
import { hasSchroot, schrootServer } from './incumbents.ts';
import { copyPackage } from './inputs.ts';
import { stdoutOf } from './read-output.ts';
import {
  fixturePackage,
  hasHarness,
  runHarness,
  serverOf,
  type HarnessResult,
} from './run-harness.ts';

const ALL_PASS = {
  before: 'PASS',
  wreck: 'PASS',
  'whole-again': 'PASS',
  'wreck-again': 'PASS',
  'whole-at-last': 'PASS',
};

/** What the package's tests remove: of a tree nearly all that has data, of a machine (which may
 * have a million files, and the kernel notes each one down) what is small and hurts. */
const WRECK_TREE = '/usr/share /etc /var/lib/dpkg /home /root';
const WRECK_MACHINE = '/etc /var/lib/dpkg';

// The package's tests wreck the testbed that they run in. They look at REGIME_HOST_ROOT first and
// never touch anything where that is the root directory they see.

describe('autopkgtest and tests that break their testbed', function () {
  this.timeout(240_000);
  const { dev, ino } = statSync('/');
  const options = [
    `--env=REGIME_HOST_ROOT=${dev}:${ino}`,
    '--setup-commands=touch /var/lib/set-up; chmod 644 /var/lib/set-up',
  ];
  const inTree = [...options, `--env=REGIME_WRECK=${WRECK_TREE}`];
  const subject = fixturePackage('breakage');

  before(function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
  });

  it('finds it whole after each, on a tree as root, where the incumbent skips them', async function () {
    if (!hasSchroot()) skip(this, 'this is not root, or schroot is not installed');
    const tree = harnessTree();
    const [ours, theirs] = await Promise.all([
      runHarness({ server: [serverPath(), 'chroot', tree], subject, options: inTree }),
      runHarness({ server: schrootServer(tree), subject, options: inTree }),
    ]);
    expect(theirs.verdicts['wreck'], theirs.log).to.match(/^SKIP .*"revert-full-system"/);
    expectAllWhole(ours);
  });

  it('finds it whole after each, on this machine itself as root', async function () {
    if (process.getuid?.() !== 0) skip(this, 'a plain user can not write all of it');
    if (!existsSync('/usr/bin/dpkg-source')) skip(this, 'this machine has no dpkg-source');
    const server = [serverPath(), 'chroot', '/'];
    // First a look that what is written to the places to be wrecked does not come out here.
    const mark = `regime-test-${randomUUID()}`;
    const written = [...WRECK_MACHINE.split(' '), '/usr/share', '/var/lib'];
    const marks = written.map((directory) => `${directory}/${mark}`);
    const harmless = ['--test-name=before', `--setup-commands=touch ${marks.join(' ')}`];
    const look = await runHarness({ server, subject, options: [...options, ...harmless] });
    expect(look.verdicts, look.log).to.include({ before: 'PASS' });
    expect(marks.filter((path) => existsSync(path))).to.deep.equal([]);

    const wreck = `--env=REGIME_WRECK=${WRECK_MACHINE}`;
    expectAllWhole(await runHarness({ server, subject, options: [...options, wreck] }));
  });

  it('finds it whole after each, on a tarball as a plain user, as the incumbent does', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const user = plainUser();
    const tarball = harnessTarball();
    const run = (server: string[], directory: string) =>
      runHarness({
        ...{ server, options: inTree, directory: `${user.home}/tmp`, state: `${user.home}/state` },
        subject: copyPackage(subject, `${user.home}/${directory}`),
        as: (argv) => user.argv(argv),
      });
    const [ours, theirs] = await Promise.all([
      run(serverOf(user, 'chroot', tarball), 'ours'),
      run(['unshare', '--tarball', tarball], 'theirs'),
    ]);
    expectAllWhole(ours);
    expectSame(ours, theirs);
  });
});

function expectAllWhole({ verdicts, status, output, sessions, log }: HarnessResult): void {
  expect(verdicts, log).to.deep.equal(ALL_PASS);
  expect(status, log).to.equal(0);
  expect(sessions()).to.deep.equal([]);
  expect(stdoutOf(output, 'whole-again')).to.equal('survivors: 0\n');
  expect(stdoutOf(output, 'whole-at-last')).to.equal('survivors: 0\n');
  // Each wreck found as much to wreck.
  const [first, second] = ['wreck', 'wreck-again'].map(
    (name) => output[`artifacts/entries-before-${name}`],
  );
  expect(first).to.match(/^file \d+\n$/);
  expect(second).to.equal(first);
}
