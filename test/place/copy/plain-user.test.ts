import { expect } from 'chai';
import { build } from 'esbuild';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { makeTrees, tree, type TreeNode } from './support/random-tree.ts';
import { differences, walkTree, type Seen } from './support/tree-walk.ts';

const SOURCE = fileURLToPath(new URL('../../../src/place', import.meta.url));

/** Makes copies, given as [direction, request, PATH of the testbed], and prints how each ended. */
const DRIVER = `
import { copyDown, copyUp } from './copy.js';
import { localPlace } from './local.js';
import { prefixedPlace } from './prefixed.js';
const log = { warn: (line) => console.log('warned ' + line), debug() {} };
for (const [direction, request, path] of JSON.parse(process.argv[2])) {
  const place = prefixedPlace('the testbed', ['env', 'PATH=' + (path ?? process.env.PATH)], localPlace);
  const options = { signal: new AbortController().signal, timeLimit: 60000, log };
  const copy = direction === 'down' ? copyDown : copyUp;
  await copy(place, { kind: 'directory', ...request }, options).then(
    () => console.log('ok'),
    (error) => console.log(error.name + ' ' + error.message),
  );
}
`;

/** The copies as a program that every user can read. */
async function buildDriver(): Promise<string> {
  const directory = tempDir();
  chmodSync(directory, 0o755);
  await build({
    entryPoints: ['copy.ts', 'local.ts', 'prefixed.ts'].map((name) => `${SOURCE}/${name}`),
    outdir: directory,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  for (const name of readdirSync(`${SOURCE}/copy`)) {
    if (name.endsWith('.sh')) copyFileSync(`${SOURCE}/copy/${name}`, `${directory}/${name}`);
  }
  writeFileSync(`${directory}/package.json`, '{"type":"module"}');
  writeFileSync(`${directory}/driver.js`, DRIVER);
  return `${directory}/driver.js`;
}

/** Trees of which a plain user can read every bit: modes as they come hinder only who writes. */
function readable(node: TreeNode): TreeNode {
  if (node.kind === 'file') return { ...node, mode: node.mode | 0o400 };
  if (node.kind !== 'directory') return node;
  const children = Object.entries(node.children).map(([name, child]) => [name, readable(child)]);
  return { ...node, mode: node.mode | 0o500, children: Object.fromEntries(children) as never };
}

describe('A plain user', function () {
  this.timeout(60_000);
  before(function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
  });

  /** Runs copies as that user. */
  async function copyAsUser(copies: unknown[]): Promise<string[]> {
    const driver = await buildDriver();
    const argv = plainUser().argv([process.execPath, driver, JSON.stringify(copies)]);
    const { stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
    expect(stderr).to.equal('');
    return stdout.trim().split('\n');
  }

  function userDirectory(): string {
    const { home, uid, gid } = plainUser();
    const directory = `${home}/${Math.random().toString(36).slice(2)}`;
    mkdirSync(directory);
    spawnSync('chown', [`${uid}:${gid}`, directory]);
    return directory;
  }

  it('copies trees with directories that may not be written, down and up', async () => {
    const home = userDirectory();
    mkdirSync(`${home}/a`);
    makeTrees(`${home}/a`, fc.sample(tree, { numRuns: 30, seed: 3 }).map(readable));
    spawnSync('chown', ['-hR', String(plainUser().uid), `${home}/a`]);
    // Changing the owner took the set-id bits away; no matter, they are no plain user's here.
    const request = (existing: string) => [
      ['down', { host: `${home}/a/`, testbed: `${home}/b-${existing}/`, existing }],
      ['up', { host: `${home}/c-${existing}/`, testbed: `${home}/a/`, existing }],
    ];
    // No second merge: a plain user can't add to a directory that is there and may not be written.
    const copies = ['replace', 'merge', 'replace'].flatMap(request);
    expect(await copyAsUser(copies)).to.deep.equal(copies.map(() => 'ok'));
    const source = plain(walkTree(`${home}/a`));
    for (const name of ['b-replace', 'b-merge', 'c-replace', 'c-merge']) {
      expect(differences(plain(walkTree(`${home}/${name}`)), source)).to.deep.equal([]);
    }
    expect(
      walkTree(home).filter(({ path }) => /^\.regime|\/\.regime-[0-9a-f]/.test(path)),
    ).to.deep.equal([]);
  });

  it('gets trees with modes like 0000 from the root of a testbed, and can replace them', async () => {
    const home = userDirectory();
    mkdirSync(`${home}/a`);
    makeTrees(`${home}/a`, fc.sample(tree, { numRuns: 30, seed: 4 }));
    const archive = `${home}/archive`;
    spawnSync('tar', ['-cf', archive, '--format=posix', '--sparse', '-C', `${home}/a`, '.']);
    mkdirSync(`${home}/bin`);
    const version = '[ "$1" = --version ] && { echo GNU tar; exit; }';
    writeFileSync(`${home}/bin/tar`, `#!/bin/sh\n${version}\nexec cat '${archive}'\n`);
    chmodSync(`${home}/bin/tar`, 0o755);
    const path = `${home}/bin:/usr/bin:/bin`;
    const copies = ['replace', 'merge', 'replace'].map((existing) => [
      'up',
      { host: `${home}/c-${existing}/`, testbed: '/etc/', existing },
      path,
    ]);
    expect(await copyAsUser(copies)).to.deep.equal(copies.map(() => 'ok'));
    const source = plain(walkTree(`${home}/a`));
    for (const name of ['c-replace', 'c-merge']) {
      expect(differences(plain(walkTree(`${home}/${name}`)), source)).to.deep.equal([]);
    }
  });

  it('merges into a directory of somebody else that lets him', async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs a directory of root');
    const home = userDirectory();
    mkdirSync(`${home}/a`, { mode: 0o700 });
    writeFileSync(`${home}/a/f`, 'x');
    mkdirSync(`${home}/a/sub`, { mode: 0o700 });
    writeFileSync(`${home}/a/sub/.g`, 'x');
    spawnSync('chown', ['-R', String(plainUser().uid), `${home}/a`]);
    for (const name of ['down', 'up']) {
      mkdirSync(`${home}/${name}`);
      chmodSync(`${home}/${name}`, 0o1777);
    }
    const replies = await copyAsUser([
      ['down', { host: `${home}/a/`, testbed: `${home}/down/`, existing: 'merge' }],
      ['up', { host: `${home}/up/`, testbed: `${home}/a/`, existing: 'merge' }],
      ['up', { kind: 'file', host: `${home}/up/new`, testbed: `${home}/a/f`, existing: 'merge' }],
    ]);
    expect(replies).to.deep.equal(['ok', 'ok', 'ok']);
    for (const name of ['down', 'up']) {
      const seen = walkTree(`${home}/${name}`).map(
        ({ path, mode }) => `${path} ${mode.toString(8)}`,
      );
      expect(seen.filter((line) => !/^(f|new) /.test(line))).to.deep.equal([
        ' 1777',
        'sub 700',
        'sub/.g 644',
      ]);
    }
  });

  it('is told in one line what he may not do', async () => {
    const home = userDirectory();
    mkdirSync(`${home}/closed`, { mode: 0o555 });
    mkdirSync(`${home}/a`);
    spawnSync('mkdir', ['-m', '0', `${home}/a/closed`]);
    chmodSync(`${home}/a`, 0o755);
    writeFileSync(`${home}/f`, '', { mode: 0 });
    const replies = await copyAsUser([
      ['down', { host: `${home}/a/`, testbed: `${home}/b/`, existing: 'replace' }],
      ['up', { host: `${home}/b/`, testbed: `${home}/a/`, existing: 'replace' }],
      ['up', { host: `${home}/closed/b/`, testbed: `${home}/bin/`, existing: 'merge' }],
      [
        'up',
        { kind: 'file', host: `${home}/closed/b`, testbed: '/etc/hostname', existing: 'merge' },
      ],
      ['down', { kind: 'file', host: `${home}/f`, testbed: `${home}/g`, existing: 'merge' }],
      ['up', { kind: 'file', host: `${home}/g`, testbed: `${home}/f`, existing: 'merge' }],
    ]);
    expect(replies).to.have.length(6);
    for (const reply of replies) expect(reply).to.match(/^CopyFailed .*(denied|permission)/i);
    expect(walkTree(home).map(({ path }) => path)).to.deep.equal([
      '',
      'a',
      'a/closed',
      'closed',
      'f',
    ]);
  });
});

/** Without set-id bits. */
function plain(seen: Seen[]): Seen[] {
  return seen.map((entry) =>
    entry.type === '12' ? entry : { ...entry, mode: entry.mode & 0o1777 },
  );
}
