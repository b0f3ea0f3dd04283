import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

import { copyDown, copyUp } from '../../../src/place/copy.ts';
import { localPlace } from '../../../src/place/local.ts';
import { CopyFailed } from '../../../src/errors.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace, rejection, WAYS } from './support/places.ts';
import { walkTree } from './support/tree-walk.ts';

const BIG = 5 * 2 ** 30;

const ways = WAYS.flatMap(([how, more]) =>
  (['down', 'up'] as const).map((direction) => ({ direction, how, more })),
);
for (const { direction, how, more } of ways) {
  const copy = (from: string, to: string) => {
    const place = { ...envPlace(), ...more };
    const common = { kind: 'file', existing: 'merge' } as const;
    return direction === 'down'
      ? copyDown(place, { host: from, testbed: to, ...common }, copyOptions())
      : copyUp(place, { host: to, testbed: from, ...common }, copyOptions());
  };
  const makeSparse = (name: string) => {
    writeFileSync(name, 'start');
    truncateSync(name, BIG);
    const file = openSync(name, 'r+');
    writeSync(file, 'middle', 3e9);
    closeSync(file);
  };
  const names = (root: string) => walkTree(root).map(({ path }) => path);

  describe(`A file copied ${direction} ${how}`, () => {
    it('is new with the mode of the umask, however big', async () => {
      const root = tempDir();
      for (const size of [0, 1, 65536, 3_000_001]) {
        writeFileSync(`${root}/a`, 'x'.repeat(size));
        chmodSync(`${root}/a`, 0o600);
        await copy(`${root}/a`, `${root}/b${size}`);
        expect(readFileSync(`${root}/b${size}`).equals(readFileSync(`${root}/a`))).to.equal(true);
        expect(statSync(`${root}/b${size}`).mode & 0o7777).to.equal(0o666 & ~process.umask());
      }
      expect(names(root)).to.deep.equal(['', 'a', 'b0', 'b1', 'b3000001', 'b65536']);
    });

    it('keeps the mode of one that is there, its other names and the link to it', async () => {
      const root = tempDir();
      writeFileSync(`${root}/a`, 'new');
      writeFileSync(`${root}/b`, 'an older and longer one');
      chmodSync(`${root}/b`, 0o640);
      symlinkSync('b', `${root}/l`);
      await copy(`${root}/a`, `${root}/l`);
      expect(readlinkSync(`${root}/l`)).to.equal('b');
      expect(readFileSync(`${root}/b`, 'utf8')).to.equal('new');
      expect(statSync(`${root}/b`).mode & 0o7777).to.equal(0o640);
      linkSync(`${root}/b`, `${root}/c`);
      writeFileSync(`${root}/a`, 'newer');
      await copy(`${root}/a`, `${root}/b`);
      expect(readFileSync(`${root}/c`, 'utf8')).to.equal('newer');
      symlinkSync('d', `${root}/dangling`);
      await copy(`${root}/a`, `${root}/dangling`);
      expect(readFileSync(`${root}/d`, 'utf8')).to.equal('newer');
    });

    it('of 5 GiB with holes goes quickly and keeps them, new and over another', async function () {
      this.timeout(20_000);
      const root = tempDir();
      makeSparse(`${root}/a`);
      for (let round = 0; round < 2; round++) {
        await copy(`${root}/a`, `${root}/b`);
        const found = statSync(`${root}/b`);
        expect(found.size).to.equal(BIG);
        expect(found.blocks).to.be.below(1000);
        expect(found.mode & 0o7777).to.equal(0o666 & ~process.umask());
        expect(Date.now() - found.mtimeMs).to.be.below(20_000);
      }
      const file = openSync(`${root}/b`, 'r');
      const { readSync } = await import('node:fs');
      const bytes = Buffer.alloc(8);
      readSync(file, bytes, 0, 8, 3e9 - 1);
      closeSync(file);
      expect(bytes.toString('latin1')).to.equal('\0middle\0');
      expect(names(root)).to.deep.equal(['', 'a', 'b']);
    });

    it('may have any name', async () => {
      const root = tempDir();
      for (const name of [
        '-n',
        'a b\n',
        '%41,',
        "it's",
        '\xff\xfe',
        '$(touch x)',
        ' ',
        '\\134\\',
      ]) {
        const source = Buffer.from(`${root}/${name}`, 'latin1');
        writeFileSync(source, name);
        await copy(`${root}/${name}`, `${root}/to ${name}`);
        const copied = readFileSync(Buffer.from(`${root}/to ${name}`, 'latin1'), 'utf8');
        expect(copied).to.equal(name);
      }
    });

    it('may have any name and holes', async () => {
      const root = tempDir();
      for (const name of ['-n', 'a b\n', '%41,', "it's", '\xff\xfe', '@x', '\\134']) {
        const source = Buffer.from(`${root}/${name}`, 'latin1');
        writeFileSync(source, '');
        truncateSync(
          source.toString('utf8') === `${root}/${name}` ? `${root}/${name}` : source,
          3 << 20,
        );
        await copy(`${root}/${name}`, `${root}/to ${name}`);
        expect(statSync(Buffer.from(`${root}/to ${name}`, 'latin1')).size).to.equal(3 << 20);
      }
    });

    it('is copy-failed where it is none: nothing, a directory, a FIFO, a device', async () => {
      const root = tempDir();
      mkdirSync(`${root}/d`);
      spawnSync('mkfifo', [`${root}/fifo`]);
      for (const name of [`${root}/no`, `${root}/d`, `${root}/fifo`, '/dev/zero']) {
        const error = await rejection(copy(name, `${root}/new`));
        expect(error).to.be.instanceOf(CopyFailed);
        expect(error.message).to.match(
          /there is no file|there is no such file|is a directory|no regular file/,
        );
      }
      expect(names(root)).to.deep.equal(['', 'd', 'fifo']);
    });

    it('is copy-failed where its destination is a directory or has none', async () => {
      const root = tempDir();
      mkdirSync(`${root}/d`);
      writeFileSync(`${root}/a`, '');
      for (const name of ['d', 'no/f', 'a/f']) {
        expect(await rejection(copy(`${root}/a`, `${root}/${name}`))).to.be.instanceOf(CopyFailed);
      }
      expect(names(root)).to.deep.equal(['', 'a', 'd']);
    });

    it('goes into a file on which another is mounted', async function () {
      if (process.getuid?.() !== 0) skip(this, 'only root can do this');
      const root = tempDir();
      for (const name of ['a', 'b', 'under']) writeFileSync(`${root}/${name}`, name);
      spawnSync('mount', ['--bind', `${root}/under`, `${root}/b`]);
      try {
        await copy(`${root}/a`, `${root}/b`);
        expect(readFileSync(`${root}/under`, 'utf8')).to.equal('a');
      } finally {
        spawnSync('umount', [`${root}/b`]);
      }
    });

    it('may go to a device', async () => {
      const root = tempDir();
      writeFileSync(`${root}/a`, 'x');
      await copy(`${root}/a`, '/dev/null');
      expect(lstatSync('/dev/null').isCharacterDevice()).to.equal(true);
    });
  });
}

describe('A file of the host itself', () => {
  it('is left as it is where it is copied onto itself, by another name too', async () => {
    const root = tempDir();
    const data = Buffer.alloc(3 << 20, 'x');
    writeFileSync(`${root}/a`, data);
    symlinkSync('a', `${root}/l`);
    linkSync(`${root}/a`, `${root}/h`);
    for (const name of ['a', 'l', 'h']) {
      const request = { kind: 'file', existing: 'merge' } as const;
      const [one, other] = [`${root}/a`, `${root}/${name}`];
      await copyDown(localPlace, { host: one, testbed: other, ...request }, copyOptions());
      expect(readFileSync(`${root}/a`).equals(data), `${name}, down`).to.equal(true);
      await copyUp(localPlace, { host: one, testbed: other, ...request }, copyOptions());
      expect(readFileSync(`${root}/a`).equals(data), `${name}, up`).to.equal(true);
    }
  });
});

describe('A file with an x bit', () => {
  it('is executable on the testbed, new or not, and not on the way up', async () => {
    const root = tempDir();
    writeFileSync(`${root}/a`, '#!/bin/sh\n');
    chmodSync(`${root}/a`, 0o700);
    writeFileSync(`${root}/old`, '');
    chmodSync(`${root}/old`, 0o600);
    for (const [name, mode] of [
      ['new', 0o777 & ~process.umask()],
      ['old', 0o600 | (0o111 & ~process.umask())],
    ] as const) {
      const request = { host: `${root}/a`, testbed: `${root}/${name}`, kind: 'file' } as const;
      await copyDown(envPlace(), { ...request, existing: 'merge' }, copyOptions());
      expect(statSync(`${root}/${name}`).mode & 0o7777).to.equal(mode);
    }
    const request = { host: `${root}/up`, testbed: `${root}/a`, kind: 'file' } as const;
    await copyUp(envPlace(), { ...request, existing: 'merge' }, copyOptions());
    expect(statSync(`${root}/up`).mode & 0o111).to.equal(0);
  });
});
