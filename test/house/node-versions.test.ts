import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { debianTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';

/** This process is the oldest one that counts; these are the newer ones. */
const NEWER = [22, 24];

for (const major of NEWER) {
  describe(`on Node ${major}`, () => {
    let node: string;
    before(function () {
      this.timeout(180_000);
      const found = findNode(major);
      if (!found) skip(this, `Node ${major} can't be had for ${process.arch} here`);
      node = found;
    });

    it('null keeps to the protocol', function () {
      this.timeout(300_000);
      expectConforming(node, ['null']);
    });

    it('chroot keeps to the protocol', function () {
      this.timeout(300_000);
      if (process.getuid?.() !== 0) skip(this, 'a testbed of a directory needs root');
      if (!hasFixtures()) skip(this, 'there is no Debian root file system here');
      expectConforming(node, ['chroot', debianTree()]);
    });
  });
}

function expectConforming(node: string, regime: string[]): void {
  const argv = [serverPath(), 'conform', '--', node, serverPath(), ...regime];
  const { status, stdout, stderr } = spawnSync(node, argv, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(stdout.split('\n').filter((line) => line.startsWith('not ok'))).to.deep.equal([]);
  expect({ status, stderr: status === 0 ? '' : stderr }).to.deep.equal({ status: 0, stderr: '' });
}

/** The binary alone, from a package of its own, kept from run to run. */
function findNode(major: number): string | undefined {
  const top = process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache');
  const directory = join(top, 'regime-test', `node-${major}-${process.arch}`);
  const node = join(directory, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
  if (!existsSync(node) && !install(major, directory)) return undefined;
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return stdout.startsWith(`v${major}.`) ? node : undefined;
}

function install(major: number, directory: string): boolean {
  const fresh = `${directory}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', fresh];
  const { status } = spawnSync('npm', [
    'install',
    ...options,
    `node-linux-${process.arch}@${major}`,
  ]);
  if (status === 0 && !existsSync(directory)) renameSync(fresh, directory);
  rmSync(fresh, { recursive: true, force: true });
  return existsSync(directory);
}
