import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

import { copyDown, copyUp } from '../../../src/place/copy.ts';
import { CopyFailed } from '../../../src/errors.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace, rejection } from './support/places.ts';
import { makeTrees } from './support/random-tree.ts';
import { differences, walkTree, type Seen } from './support/tree-walk.ts';

/** A Place with nothing but busybox's tools. */
function busyboxPlace(context: Mocha.Context) {
  const list = spawnSync('busybox', ['--list'], { encoding: 'utf8' });
  if (list.status !== 0) skip(context, 'busybox is not installed');
  return placeOfTools('busybox', list.stdout.trim().split('\n'));
}

/** A Place whose PATH has these names only, each a link to one program or to that of its name. */
function placeOfTools(program: string | undefined, tools: readonly string[]) {
  const directory = tempDir();
  const found = new Map<string, string>();
  for (const tool of tools) {
    const name = program ?? tool;
    const script = `command -v ${name}`;
    const path =
      found.get(name) ?? spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout.trim();
    found.set(name, path);
    symlinkSync(path, `${directory}/${tool}`);
  }
  return envPlace(`PATH=${directory}`);
}

/** What busybox keeps: no fractions of seconds, no holes, no times of directories. */
function coarse(seen: Seen[]): Seen[] {
  return seen.map((entry) => ({
    ...entry,
    holes: false,
    mtime: ['4', '12'].includes(entry.type) ? '' : String(BigInt(entry.mtime) / 1_000_000_000n),
  }));
}

describe('A testbed without GNU tar', () => {
  it('gets and gives data, modes and links, and what is lost is said once', async function () {
    const place = busyboxPlace(this);
    const root = tempDir();
    mkdirSync(`${root}/a`);
    makeTrees(`${root}/a`, [
      {
        kind: 'directory',
        mode: 0o1750,
        mtime: '1000000000.5',
        children: {
          file: {
            kind: 'file',
            mode: 0o4711,
            mtime: '1000000000.123',
            data: 'data',
            hole: 1 << 20,
          },
          twin: { kind: 'twin', of: 0 },
          ['long '.repeat(45)]: { kind: 'file', mode: 0o600, mtime: '5.5', data: '', hole: 0 },
          '\xff\n': { kind: 'file', mode: 0o600, mtime: '5.5', data: 'x', hole: 0 },
          link: { kind: 'link', mtime: '7.7', target: '/etc/passwd' },
          far: { kind: 'link', mtime: '7.7', target: 'x'.repeat(140) },
          fifo: { kind: 'fifo', mode: 0o620, mtime: '1.1' },
          empty: { kind: 'directory', mode: 0o711, mtime: '1.1', children: {} },
        },
      },
    ]);
    const options = copyOptions();
    for (const existing of ['replace', 'replace', 'merge'] as const) {
      const common = { kind: 'directory', existing } as const;
      await copyDown(place, { host: `${root}/a/`, testbed: `${root}/b/`, ...common }, options);
      await copyUp(place, { host: `${root}/c/`, testbed: `${root}/b/`, ...common }, options);
    }
    const source = coarse(walkTree(`${root}/a`, 0o1777));
    expect(differences(coarse(walkTree(`${root}/b`, 0o1777)), source)).to.deep.equal([]);
    expect(differences(coarse(walkTree(`${root}/c`)), source)).to.deep.equal([]);
    expect(options.warnings).to.have.length(1);
    expect(options.warnings[0]).to.match(/no GNU tar: copies lose/);
  });

  it('gets and gives files, with holes too', async function () {
    const place = busyboxPlace(this);
    const root = tempDir();
    writeFileSync(`${root}/a`, 'x');
    chmodSync(`${root}/a`, 0o755);
    truncateSync(`${root}/a`, 4 << 20);
    const options = copyOptions();
    for (let round = 0; round < 2; round++) {
      const common = { kind: 'file', existing: 'merge' } as const;
      await copyDown(place, { host: `${root}/a`, testbed: `${root}/b`, ...common }, options);
      await copyUp(place, { host: `${root}/c`, testbed: `${root}/b`, ...common }, options);
    }
    const contents = walkTree(root).map(({ content }) => content);
    expect(contents[2]).to.equal(contents[1]);
    expect(contents[3]).to.equal(contents[1]);
    expect(walkTree(root).map(({ path }) => path)).to.deep.equal(['', 'a', 'b', 'c']);
  });

  it('and without any tar is copy-failed for directories; files go', async () => {
    const place = placeOfTools(undefined, [
      'sh',
      'cat',
      'stat',
      'mkdir',
      'chmod',
      'rm',
      'mv',
      'id',
    ]);
    const root = tempDir();
    mkdirSync(`${root}/a`);
    writeFileSync(`${root}/a/f`, 'x');
    const common = { kind: 'directory', existing: 'merge' } as const;
    for (const copy of [
      copyDown(place, { host: `${root}/a/`, testbed: `${root}/b/`, ...common }, copyOptions()),
      copyUp(place, { host: `${root}/b/`, testbed: `${root}/a/`, ...common }, copyOptions()),
    ]) {
      const error = await rejection(copy);
      expect(error).to.be.instanceOf(CopyFailed);
      expect(error.message).to.match(/there is no tar/);
    }
    const file = { kind: 'file', existing: 'merge' } as const;
    await copyDown(place, { host: `${root}/a/f`, testbed: `${root}/g`, ...file }, copyOptions());
    await copyUp(place, { host: `${root}/h`, testbed: `${root}/g`, ...file }, copyOptions());
    expect(walkTree(root).map(({ path }) => path)).to.deep.equal(['', 'a', 'a/f', 'g', 'h']);
  });
});
