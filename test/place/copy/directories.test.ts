import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';

import { copyDown, copyUp, type CopyRequest } from '../../../src/place/copy.ts';
import { CopyFailed } from '../../../src/errors.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace, rejection } from './support/places.ts';
import { differences, walkTree } from './support/tree-walk.ts';

type Direction = 'down' | 'up';

/** Copies a directory in either direction on a Place that is this machine. */
function copy(
  direction: Direction,
  from: string,
  to: string,
  existing: CopyRequest['existing'] = 'merge',
): Promise<void> {
  const common = { kind: 'directory', existing } as const;
  return direction === 'down'
    ? copyDown(envPlace(), { host: from, testbed: to, ...common }, copyOptions())
    : copyUp(envPlace(), { host: to, testbed: from, ...common }, copyOptions());
}

async function refused(promise: Promise<void>): Promise<string> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(CopyFailed);
  expect(error.message).to.not.include('\n');
  return error.message;
}

for (const direction of ['down', 'up'] as const) {
  describe(`A directory copied ${direction}`, () => {
    it('has the holes of a file of 5 GiB', async () => {
      const root = tempDir();
      mkdirSync(`${root}/a`);
      writeFileSync(`${root}/a/big`, '');
      truncateSync(`${root}/a/big`, 5 * 2 ** 30);
      writeFileSync(`${root}/a/big`, 'middle', { flag: 'r+' });
      await copy(direction, `${root}/a/`, `${root}/b/`);
      expect(differences(walkTree(`${root}/b`), walkTree(`${root}/a`))).to.deep.equal([]);
      expect(statSync(`${root}/b/big`).blocks).to.be.below(1000);
    });

    it('is merged: what else is there stays, files and links are replaced, modes are given', async () => {
      const root = tempDir();
      mkdirSync(`${root}/a/d`, { recursive: true });
      mkdirSync(`${root}/b/d`, { recursive: true });
      writeFileSync(`${root}/a/d/f`, 'new');
      writeFileSync(`${root}/a/l`, 'new');
      symlinkSync('x', `${root}/a/f`);
      writeFileSync(`${root}/b/d/kept`, 'kept');
      writeFileSync(`${root}/b/f`, 'old');
      symlinkSync('d/kept', `${root}/b/l`);
      chmodSync(`${root}/a/d`, 0o711);
      utimesSync(`${root}/a/d`, 1e9, 1e9);
      utimesSync(`${root}/a`, 1e9, 1e9);
      await copy(direction, `${root}/a/`, `${root}/b/`);
      expect(walkTree(`${root}/b`).map(({ path }) => path)).to.deep.equal([
        '',
        'd',
        'd/f',
        'd/kept',
        'f',
        'l',
      ]);
      expect(readFileSync(`${root}/b/d/kept`, 'utf8')).to.equal('kept');
      expect(readFileSync(`${root}/b/l`, 'utf8')).to.equal('new');
      expect(readlinkSync(`${root}/b/f`)).to.equal('x');
      expect(statSync(`${root}/b/d`).mode & 0o7777).to.equal(0o711);
      for (const name of ['b', 'b/d']) expect(statSync(`${root}/${name}`).mtimeMs).to.equal(1e12);
    });

    it('is not merged where a directory of it meets something else', async () => {
      const root = tempDir();
      // More than one command line holds the names of.
      const wide = Array.from({ length: 300 }, (_, n) => `wide/${'x'.repeat(100)}${n}`);
      for (const name of ['a/d/e', ...wide.map((name) => `a/${name}`), 'b/d', 'c/wide']) {
        mkdirSync(`${root}/${name}`, { recursive: true });
      }
      writeFileSync(`${root}/a/d/new`, '');
      writeFileSync(`${root}/b/d/e`, 'kept');
      expect(await refused(copy(direction, `${root}/a/`, `${root}/b/`))).to.match(
        /d\/e.*(directory|not)/,
      );
      symlinkSync('nowhere', `${root}/c/${wide.at(-1) ?? ''}`);
      await refused(copy(direction, `${root}/a/`, `${root}/c/`));
      expect(walkTree(`${root}/b`).map(({ path }) => path)).to.deep.equal(['', 'd', 'd/e']);
      expect(readFileSync(`${root}/b/d/e`, 'utf8')).to.equal('kept');
      expect(walkTree(`${root}/c`)).to.have.length(3);
    });

    it('replaces: what else was there is gone', async () => {
      const root = tempDir();
      for (const name of ['a', 'b/deep']) mkdirSync(`${root}/${name}`, { recursive: true });
      writeFileSync(`${root}/a/new`, '');
      await copy(direction, `${root}/a/`, `${root}/b/`, 'replace');
      expect(walkTree(root).map(({ path }) => path)).to.deep.equal([
        '',
        'a',
        'a/new',
        'b',
        'b/new',
      ]);
    });

    it('has odd names of its own', async () => {
      const root = tempDir();
      for (const name of ['-rf', 'a b\n', '%41,\\134', "it's", '$(touch x)']) {
        mkdirSync(`${root}/${name}`);
        writeFileSync(`${root}/${name}/f`, name);
        const to = `${root}/to ${name}`;
        for (const existing of ['replace', 'replace', 'merge'] as const) {
          await copy(direction, `${root}/${name}/`, `${to}/`, existing);
          expect(readFileSync(`${to}/f`, 'utf8')).to.equal(name);
        }
      }
    });

    it('that is not UTF-8 arrives', async () => {
      const root = tempDir();
      spawnSync('sh', [
        '-c',
        `mkdir "$1/$(printf 'a\\377')"; echo x >"$1/$(printf 'a\\377')/f"`,
        'sh',
        root,
      ]);
      for (const existing of ['replace', 'replace', 'merge'] as const) {
        await copy(direction, `${root}/a\xff/`, `${root}/b\xfe/`, existing);
      }
      const [from, to] = [walkTree(`${root}/a\xff`), walkTree(`${root}/b\xfe`)];
      expect(differences(to, from)).to.deep.equal([]);
    });

    it('is copy-failed where its source is not there, or a file', async () => {
      const root = tempDir();
      writeFileSync(`${root}/f`, '');
      expect(await refused(copy(direction, `${root}/no/`, `${root}/b/`))).to.match(/there is no/);
      expect(await refused(copy(direction, `${root}/f/`, `${root}/b/`))).to.match(
        /no(t a)? directory/i,
      );
      expect(walkTree(root).map(({ path }) => path)).to.deep.equal(['', 'f']);
    });

    it('is copy-failed where the destination is a file or its parent is missing', async () => {
      const root = tempDir();
      mkdirSync(`${root}/a`);
      writeFileSync(`${root}/f`, 'kept');
      for (const existing of ['merge', 'replace'] as const) {
        await refused(copy(direction, `${root}/a/`, `${root}/f/`, existing));
        await refused(copy(direction, `${root}/a/`, `${root}/no/b/`, existing));
      }
      expect(walkTree(root).map(({ path }) => path)).to.deep.equal(['', 'a', 'f']);
    });

    it('does not replace the root, the home, the working directory or what holds them', async () => {
      const root = tempDir();
      mkdirSync(`${root}/a`);
      const kept = ['/', process.cwd(), `${process.cwd()}/..`, process.env['HOME'] ?? '/root'];
      for (const name of kept) {
        const before = statSync(name).ino;
        expect(await refused(copy(direction, `${root}/a/`, `${name}/`, 'replace'))).to.match(
          /not replaced/,
        );
        expect(statSync(name).ino).to.equal(before);
      }
    });

    it('does not replace a mount point or what holds one', async function () {
      if (process.getuid?.() !== 0) skip(this, 'mounts need root');
      const root = tempDir();
      mkdirSync(`${root}/a`);
      const point = `${root}/there/mount point\n\\`;
      mkdirSync(point, { recursive: true });
      if (spawnSync('mount', ['-t', 'tmpfs', 'none', point]).status !== 0)
        skip(this, 'no mounts here');
      try {
        writeFileSync(`${point}/kept`, '');
        for (const name of [point, `${root}/there`]) {
          const words = await refused(copy(direction, `${root}/a/`, `${name}/`, 'replace'));
          expect(words).to.match(/mount point and is not replaced/);
        }
        // Merging is another thing.
        await copy(direction, `${root}/a/`, `${point}/`);
        expect(existsSync(`${point}/kept`)).to.equal(true);
      } finally {
        spawnSync('umount', [point]);
      }
    });
  });
}

describe('A directory copied on the host itself', () => {
  it('is not copied into itself', async () => {
    const { localPlace } = await import('../../../src/place/local.ts');
    const root = tempDir();
    mkdirSync(`${root}/a/b`, { recursive: true });
    const request = { host: `${root}/a/`, testbed: `${root}/a/b/`, kind: 'directory' } as const;
    await refused(copyDown(localPlace, { ...request, existing: 'merge' }, copyOptions()));
    const up = { host: `${root}/a/b/c/`, testbed: `${root}/a/`, kind: 'directory' } as const;
    await refused(copyUp(localPlace, { ...up, existing: 'merge' }, copyOptions()));
  });

  it('has its devices on the way down as root, and its set-id bits', async function () {
    const root = tempDir();
    mkdirSync(`${root}/a`);
    if (spawnSync('mknod', [`${root}/a/null`, 'c', '1', '3']).status !== 0)
      skip(this, 'no device can be made');
    writeFileSync(`${root}/a/su`, '');
    chmodSync(`${root}/a/su`, 0o6755);
    await copy('down', `${root}/a/`, `${root}/b/`);
    expect(differences(walkTree(`${root}/b`), walkTree(`${root}/a`))).to.deep.equal([]);
  });

  it('is merged through a link to a directory on the testbed', async () => {
    const root = tempDir();
    for (const name of ['a/lib', 'b/usr/lib']) mkdirSync(`${root}/${name}`, { recursive: true });
    writeFileSync(`${root}/a/lib/f`, '');
    symlinkSync('usr/lib', `${root}/b/lib`);
    await copy('down', `${root}/a/`, `${root}/b/`);
    expect(existsSync(`${root}/b/usr/lib/f`)).to.equal(true);
    expect(readlinkSync(`${root}/b/lib`)).to.equal('usr/lib');
  });
});
