import { expect } from 'chai';
import { mkdirSync, symlinkSync } from 'node:fs';

import { harnessTarball, harnessTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { stdoutOf } from './read-output.ts';
import { fixturePackage, hasHarness, runHarness, type HarnessResult } from './run-harness.ts';

// The harness puts `autopkgtest-virt-` before a first word without a slash and looks on PATH: one
// who installs our program finds it there, by its own name or in an incumbent's place.
describe('autopkgtest that finds the server by its name', function () {
  this.timeout(240_000);
  let bin: string;
  let cache: string;

  before(function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    if (process.getuid?.() !== 0) skip(this, 'only root may use a tree of root as it is');
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
    bin = `${fileTempDir()}/bin`;
    cache = fileTempDir();
    mkdirSync(bin);
    for (const name of ['regime', 'null', 'chroot', 'unshare'])
      symlinkSync(serverPath(), `${bin}/autopkgtest-virt-${name}`);
  });

  const run = (...server: string[]) =>
    runHarness({
      server,
      here: server[0] === 'null',
      subject: fixturePackage('verdicts'),
      options: ['--test-name=passes', '--test-name=whoami'],
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, XDG_CACHE_HOME: cache },
    });

  const expectTester = ({ verdicts, output, sessions, log }: HarnessResult) => {
    expect(verdicts, log).to.include({ passes: 'PASS', whoami: 'PASS' });
    expect(sessions()).to.deep.equal([]);
    // The incumbents' chroot server suggests no user, the one of unshare its own.
    expect(stdoutOf(output, 'whoami'), log).to.equal('tester\n');
  };

  it('as regime and in the place of the chroot server', async () => {
    const runs = [run('regime', 'chroot', harnessTree()), run('chroot', harnessTree())];
    for (const result of await Promise.all(runs)) expectTester(result);
  });

  it('in the place of the unshare server, with its options', async () => {
    expectTester(await run('unshare', '--tarball', harnessTarball()));
  });

  it('in the place of the null server', async () => {
    const { verdicts, log } = await run('null');
    expect(verdicts, log).to.include({ passes: 'PASS', whoami: 'PASS' });
  });
});
