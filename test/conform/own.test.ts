import { expect } from 'chai';

import { debianTarball, debianTree, hasFixtures, ownTree } from '../support/fixtures.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { SOAK } from '../support/soak.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { runConform, type Conformance } from './run-conform.ts';

/** All cases pass or are skipped; a failure shows with its conversation. */
function expectConformance({ status, output, errors, results }: Conformance): void {
  const failed = results.filter((result) => !result.passed);
  expect(failed.map((result) => `${result.title}\n${result.diagnostics}`).join('\n')).to.equal('');
  expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
  expect(results.length).to.be.above(150);
}

/** Runs the built suite on the built server. */
async function conform(...regime: string[]): Promise<void> {
  expectConformance(await runConform(['--', ...serverArgv(...regime)], serverArgv('conform')));
}

/** The same as the plain user: suite and server run as one user, who can read what both make. */
async function conformAsUser(...regime: string[]): Promise<void> {
  const program = plainUser().serverArgv();
  const server = [...program.slice(-2), ...regime];
  expectConformance(await runConform(['conform', '--', ...server], program));
}

const isRoot = process.getuid?.() === 0;

describe('our own server keeps the rules of regime-protocol(7)', function () {
  this.timeout(400_000);

  it('as null', () => conform('null'));

  it('as chroot DIR, for root', async function () {
    if (!isRoot) skip(this, 'needs root');
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    await conform('chroot', debianTree());
  });

  it('as chroot TARBALL, for a plain user', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    await conformAsUser('chroot', debianTarball());
  });

  it('as chroot /, for root', async function () {
    if (!isRoot) skip(this, 'needs root');
    await conform('chroot', '/');
  });

  // What the others cover but for who runs it, or where the tree comes from: minutes of it.
  if (SOAK) {
    it('as chroot --in-place DIR, for root', async function () {
      if (!isRoot) skip(this, 'needs root');
      if (!hasFixtures()) skip(this, 'there is no root file system to test with');
      await conform('chroot', '--in-place', ownTree());
    });

    it('as chroot TARBALL, for root', async function () {
      if (!isRoot) skip(this, 'needs root');
      if (!hasFixtures()) skip(this, 'there is no root file system to test with');
      await conform('chroot', debianTarball());
    });

    it('as null, for a plain user', async function () {
      if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
      await conformAsUser('null');
    });
  }
});
