import { expect } from 'chai';
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import { copyUp } from '../../../src/place/copy.ts';
import { CopyFailed, TimedOut } from '../../../src/errors.ts';
import { tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace, placeWithTar, rejection } from './support/places.ts';
import { archive, END, memberBytes, TOP, type RawMember } from './support/tar-bytes.ts';
import { differences, walkTree } from './support/tree-walk.ts';

/** Directories of one test: what the host must keep, and where the copy goes. */
function makeHost(): { root: string; host: string; secret: string } {
  const root = tempDir();
  mkdirSync(`${root}/host/outside`, { recursive: true });
  mkdirSync(`${root}/testbed`);
  const secret = `${root}/host/outside/secret`;
  writeFileSync(secret, 'secret\n', { mode: 0o600 });
  return { root, host: `${root}/host`, secret };
}

/** A testbed whose tar sends these bytes whatever it is asked for. */
function sender(root: string, bytes: Buffer, then = '') {
  writeFileSync(`${root}/sent`, bytes);
  return placeWithTar(root, `cat '${root}/sent'\n${then}`);
}

const FORBIDDEN: [string, (secret: string) => RawMember[]][] = [
  ['a name with ..', () => [TOP, { name: './../planted', data: 'x' }]],
  ['a name with .. inside', () => [TOP, { name: './a', type: '5' }, { name: './a/../../planted' }]],
  ['an absolute name', (secret) => [TOP, { name: secret, data: 'x' }]],
  ['an absolute name in a pax header', (secret) => [TOP, { name: './a', pax: { path: secret } }]],
  [
    'an absolute name in a GNU long name',
    (secret) => [TOP, { name: '././@LongLink', type: 'L', data: `${secret}\0` }, { name: './a' }],
  ],
  [
    'a file through a link that came before',
    () => [TOP, { name: './l', type: '2', link: '../outside' }, { name: './l/planted', data: 'x' }],
  ],
  [
    'a file in the place of a link that came before',
    (secret) => [TOP, { name: './l', type: '2', link: secret }, { name: './l', data: 'x' }],
  ],
  [
    'a directory in the place of a link',
    () => [
      TOP,
      { name: './l', type: '2', link: '../outside' },
      { name: './l', type: '5', mode: 0o777 },
    ],
  ],
  [
    'a hard link to a file of the host',
    (secret) => [TOP, { name: './h', type: '1', link: secret }],
  ],
  ['a hard link with ..', () => [TOP, { name: './h', type: '1', link: './../outside/secret' }]],
  [
    'a hard link in a pax header',
    (secret) => [TOP, { name: './h', type: '1', link: './x', pax: { linkpath: secret } }],
  ],
  [
    'a hard link through a link',
    () => [
      TOP,
      { name: './l', type: '2', link: '../outside' },
      { name: './h', type: '1', link: './l/secret' },
    ],
  ],
  ['a top that is a link', (secret) => [{ name: './', type: '2', link: secret }]],
  ['a top that is a file', () => [{ name: '.', data: 'x' }]],
  ['no top', () => [{ name: './a', data: 'x' }]],
  ['a list of names to delete', () => [TOP, { name: './d', type: 'D', data: 'Yx\0\0' }]],
  [
    'a rename in a list of names',
    () => [TOP, { name: './d', type: '5', data: `Rhost\0Toutside\0\0` }],
  ],
  ['a multi-volume member', () => [TOP, { name: './a', type: 'M', data: 'x' }]],
  ['a volume label', () => [{ name: 'label', type: 'V' }, TOP]],
  ['a member of no known type', () => [TOP, { name: './a', type: '\xff' }]],
  ['an impossible size', () => [TOP, { name: './a', pax: { size: '99999999999999999999' } }]],
  [
    'holes of an old format',
    () => [TOP, { name: './a', pax: { 'GNU.sparse.map': '0,1' }, data: 'x' }],
  ],
  [
    'a map of holes that lies',
    () => [
      TOP,
      {
        name: './a',
        data: '1\n0\n99999\n'.padEnd(512, '\0') + 'x',
        pax: {
          'GNU.sparse.major': '1',
          'GNU.sparse.minor': '0',
          'GNU.sparse.name': './a',
          'GNU.sparse.realsize': '4',
        },
      },
    ],
  ],
  ['a name with a NUL', () => [TOP, { name: './a', pax: { path: './a\0b' } }]],
];

describe('A hostile testbed', () => {
  for (const [what, members] of FORBIDDEN) {
    it(`that sends ${what} gets copy-failed and changes nothing`, async () => {
      const { root, host, secret } = makeHost();
      mkdirSync(`${host}/there`);
      writeFileSync(`${host}/there/old`, 'old');
      const before = walkTree(host);
      const place = sender(root, archive(...members(secret)));
      for (const existing of ['merge', 'replace'] as const) {
        const request = { host: `${host}/there/`, testbed: `${root}/testbed/`, existing };
        const error = await rejection(
          copyUp(place, { ...request, kind: 'directory' }, copyOptions()),
        );
        expect(error).to.be.instanceOf(CopyFailed);
        expect(error.message)
          .to.match(/the testbed sent /)
          .and.not.include('\n');
        // The directory itself was written to, and its time tells.
        const after = walkTree(host).map((entry) =>
          entry.path === '' || entry.path === 'there' ? { ...entry, mtime: '' } : entry,
        );
        const wanted = before.map((entry) =>
          entry.path === '' || entry.path === 'there' ? { ...entry, mtime: '' } : entry,
        );
        expect(differences(after, wanted)).to.deep.equal([]);
      }
    });
  }

  it('that sends devices and set-id files gets neither', async () => {
    const { root, host } = makeHost();
    const place = sender(
      root,
      archive(
        TOP,
        { name: './null', type: '3', device: [1, 3], mode: 0o666 },
        { name: './disk', type: '4', device: [8, 0], mode: 0o666 },
        { name: './again', type: '1', link: './null' },
        { name: './su', mode: 0o6755, data: 'x' },
        { name: './dir', type: '5', mode: 0o7777 },
      ),
    );
    const options = copyOptions();
    const request = {
      host: `${host}/new/`,
      testbed: `${root}/testbed/`,
      existing: 'merge',
    } as const;
    await copyUp(place, { ...request, kind: 'directory' }, options);
    const modes = walkTree(`${host}/new`).map(({ path, type, mode }) => [path, type, mode]);
    expect(modes).to.deep.equal([
      ['', '4', 0o755],
      ['dir', '4', 0o1777],
      ['su', '10', 0o755],
    ]);
    expect(options.warnings.join()).to.match(/left out 2 device/);
  });

  it('that plants links in one copyup can do nothing with them in the next', async () => {
    for (const existing of ['merge'] as const) {
      const { root, host, secret } = makeHost();
      mkdirSync(`${root}/one`);
      mkdirSync(`${root}/two/d`, { recursive: true });
      symlinkSync(secret, `${root}/one/f`);
      symlinkSync(`${host}/outside`, `${root}/one/d`);
      writeFileSync(`${root}/two/f`, 'planted');
      const up = (from: string) =>
        copyUp(
          envPlace(),
          { host: `${host}/new/`, testbed: `${root}/${from}/`, kind: 'directory', existing },
          copyOptions(),
        );
      await up('one');
      // The directory meets a link: refused, and the file beside it is not moved either.
      writeFileSync(`${root}/two/d/planted`, 'planted');
      expect(await rejection(up('two'))).to.be.instanceOf(CopyFailed);
      expect(walkTree(`${host}/outside`).map(({ path }) => path)).to.deep.equal(['', 'secret']);
      // A file takes the place of a link; what that led to stays as it was.
      mkdirSync(`${root}/three`);
      writeFileSync(`${root}/three/f`, 'planted');
      await up('three');
      expect(readFileSync(secret, 'utf8')).to.equal('secret\n');
      expect(readFileSync(`${host}/new/f`, 'utf8')).to.equal('planted');
    }
  });

  it('whose scratch space is full of links gives the links, never what they lead to', async () => {
    const { root, host } = makeHost();
    for (const target of ['/etc/shadow', '/root', '../host/outside/secret']) {
      symlinkSync(target, `${root}/testbed/${target.replaceAll('/', '_')}`);
    }
    const request = {
      host: `${host}/new/`,
      testbed: `${root}/testbed/`,
      existing: 'merge',
    } as const;
    await copyUp(envPlace(), { ...request, kind: 'directory' }, copyOptions());
    expect(differences(walkTree(`${host}/new`), walkTree(`${root}/testbed`))).to.deep.equal([]);
  });

  it('can put a link where the destination has a file, but not where it has a directory', async () => {
    const { root, host, secret } = makeHost();
    mkdirSync(`${host}/there/d`, { recursive: true });
    writeFileSync(`${host}/there/d/kept`, 'kept');
    linkSync(secret, `${host}/there/f`);
    const send = (name: string) =>
      copyUp(
        sender(tempDir(), archive(TOP, { name, type: '2', link: secret })),
        {
          host: `${host}/there/`,
          testbed: `${root}/testbed/`,
          kind: 'directory',
          existing: 'merge',
        },
        copyOptions(),
      );
    await send('./f');
    expect(await rejection(send('./d'))).to.be.instanceOf(CopyFailed);
    expect(readFileSync(`${host}/there/d/kept`, 'utf8')).to.equal('kept');
    expect(statSync(secret).nlink).to.equal(1);
    expect(readFileSync(secret, 'utf8')).to.equal('secret\n');
  });

  for (const [what, script] of [
    ['garbage', 'head -c 100000 /dev/urandom'],
    ['nothing', ':'],
    ['half an archive', 'real "$@" | head -c 700'],
    ['data after the end of the archive', 'real "$@"; yes'],
    ['names without end', 'yes'],
  ] as const) {
    it(`that sends ${what} gets copy-failed at once`, async () => {
      const { root, host } = makeHost();
      writeFileSync(`${root}/testbed/f`, 'x'.repeat(3000));
      const place = placeWithTar(root, script);
      const request = {
        host: `${host}/new/`,
        testbed: `${root}/testbed/`,
        existing: 'merge',
      } as const;
      const error = await rejection(
        copyUp(place, { ...request, kind: 'directory' }, copyOptions()),
      );
      expect(error).to.be.instanceOf(CopyFailed);
      expect(walkTree(host).map(({ path }) => path)).to.deep.equal([
        '',
        'outside',
        'outside/secret',
      ]);
    });
  }

  it('that sends data without end gets a timeout, and the data are gone', async () => {
    const { root, host } = makeHost();
    const head = memberBytes({ ...TOP });
    const big = memberBytes({ name: './big', pax: { size: '1000000000000' } });
    const place = sender(
      root,
      Buffer.concat([head, big]),
      'yes | head -c 50000000; exec sleep 1000',
    );
    const request = {
      host: `${host}/new/`,
      testbed: `${root}/testbed/`,
      existing: 'merge',
    } as const;
    const options = copyOptions({ timeLimit: 700 });
    const error = await rejection(copyUp(place, { ...request, kind: 'directory' }, options));
    expect(error).to.be.instanceOf(TimedOut);
    expect(walkTree(host).map(({ path }) => path)).to.deep.equal(['', 'outside', 'outside/secret']);
  });

  it('can send as a file with holes only one file', async () => {
    const { root, host, secret } = makeHost();
    const truncated = `${root}/testbed/f`;
    writeFileSync(truncated, '');
    const { truncateSync } = await import('node:fs');
    truncateSync(truncated, 8 << 20);
    const cases = [
      [{ name: './f', type: '2', link: secret }],
      [
        { name: './f', data: 'x' },
        { name: './f', data: 'y' },
      ],
      [{ name: secret, type: '1', link: secret }],
    ];
    for (const members of cases) {
      const place = sender(tempDir(), archive(...members));
      const request = { host: `${host}/f`, testbed: truncated, existing: 'merge' } as const;
      const error = await rejection(copyUp(place, { ...request, kind: 'file' }, copyOptions()));
      expect(error).to.be.instanceOf(CopyFailed);
      expect(walkTree(host).map(({ path }) => path)).to.deep.equal([
        '',
        'outside',
        'outside/secret',
      ]);
    }
    expect(END.length).to.equal(1024);
  });
});
