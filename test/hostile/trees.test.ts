import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import {
  prefixOf,
  runThrough,
  selfAs,
  serverOf,
  sessionsOf,
  type Caller,
} from '../crash/caller.ts';
import { hasFixtures, ownTree } from '../support/fixtures.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { fingerprint } from './host.ts';

describe('a hostile tree', function () {
  this.timeout(60_000);
  let caller: Caller;
  let victim: string;
  let before_: Record<string, string>;
  let tree: string;

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'not root');
    if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    tree = ownTree();
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
    victim = tempDir();
    for (const name of ['etc', 'usr', 'sbin', 'tmp', 'dev', 'proc', 'sys', 'run', 'home']) {
      mkdirSync(`${victim}/${name}`, { mode: 0o755 });
    }
    writeFileSync(`${victim}/etc/resolv.conf`, 'untouched');
    before_ = { ...fingerprint(), victim: listing(victim) };
  });
  afterEach(() => {
    expect({ ...fingerprint(), victim: listing(victim) }, 'the host has changed').to.deep.equal(
      before_,
    );
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  /** Opens, looks around where that works, and ends. */
  async function tryTree(...args: string[]): Promise<void> {
    const server = serverOf(caller, ['chroot', ...args]);
    expect(await server.reply()).to.equal('ok');
    const reply = await server.command('open').catch(() => '');
    if (reply.startsWith('ok')) {
      const prefix = prefixOf(await server.command('print-execute-command'));
      const seen = await runThrough(prefix, ['sh', '-c', `ls ${victim}/etc ../../../..${victim}`]);
      expect(seen.stdout).to.equal('');
      expect(await server.command('revert')).to.match(/^ok/);
      expect(await server.command('quit')).to.equal('ok');
    }
    const { status } = await server.ended;
    expect(status, server.stderr()).to.be.oneOf([0, 12]);
    if (status === 12) expect(server.stderr()).to.match(/^regime: failure: open: /m);
  }

  const links: Record<string, (target: string) => string> = {
    'a relative link': (target) => `../../../../../../../../..${target}`,
    'an absolute link': (target) => target,
    'a link through /proc': (target) => `/proc/1/root${target}`,
  };
  for (const [title, make] of Object.entries(links)) {
    for (const path of [
      'tmp',
      'dev',
      'proc',
      'sys',
      'run',
      'etc',
      'etc/resolv.conf',
      'usr/sbin',
      'home',
    ]) {
      it(`has ${title} for /${path}, and open writes nothing there`, async () => {
        const target =
          path === 'etc/resolv.conf'
            ? `${victim}/${path}`
            : `${victim}/${path.replace('usr/', '')}`;
        const aside = `${tree}/regime-test-aside`;
        const was = lstatSync(`${tree}/${path}`, { throwIfNoEntry: false });
        if (was) renameSync(`${tree}/${path}`, aside);
        symlinkSync(make(target), `${tree}/${path}`);
        try {
          await tryTree(...(path === 'home' ? ['--keep-home'] : []), tree);
        } finally {
          rmSync(`${tree}/${path}`);
          if (was) renameSync(aside, `${tree}/${path}`);
        }
      });
    }
  }

  it('has links through the descriptors of who opens it, and open writes nothing there', async () => {
    renameSync(`${tree}/etc`, `${tree}/regime-test-aside`);
    try {
      // What the number stands for, a directory of the outer root among others, may change.
      for (let number = 3; number < 16; number++) {
        for (const way of ['../../../../../../..', 'old']) {
          symlinkSync(`/proc/self/fd/${number}/${way}${victim}/etc`, `${tree}/etc`);
          const server = serverOf(caller, ['chroot', tree]);
          server.send('open\nquit\n');
          await server.ended;
          rmSync(`${tree}/etc`);
          expect(readFileSync(`${victim}/etc/resolv.conf`, 'latin1')).to.equal('untouched');
        }
      }
    } finally {
      rmSync(`${tree}/etc`, { force: true });
      renameSync(`${tree}/regime-test-aside`, `${tree}/etc`);
    }
  });

  it('has a link where something is to be bound, and nothing is made there', async () => {
    symlinkSync(`../../../../../..${victim}`, `${tree}/out`);
    try {
      await tryTree('--bind', `${tempDir()}:/out/made`, tree);
    } finally {
      rmSync(`${tree}/out`);
    }
  });

  it('is a tarball with members that lead out, and nothing is unpacked there', async () => {
    const stage = tempDir();
    const archive = `${stage}/evil.tar`;
    const build = `
      set -e; cd ${stage}; mkdir good; echo evil > good/evil; ln -s ${victim} good/link
      tar -cf ${archive} -C good --transform 's,^evil,../../../../../../../..${victim}/up,' evil
      tar -rPf ${archive} -C good --transform 's,^evil,${victim}/absolute,' evil
      tar -rf ${archive} -C good --transform 's,^link,door,' link
      tar -rf ${archive} -C good --transform 's,^evil,door/through,' evil
      tar -rf ${archive} -C good --transform 's,^evil,door/etc/resolv.conf,' evil`;
    const built = spawnSync('sh', ['-c', build], { encoding: 'utf8' });
    expect(built.status, built.stderr).to.equal(0);
    caller.env['XDG_CACHE_HOME'] = tempDir();
    await tryTree(archive);
  });

  it('is a tarball without a shell, and leaves nothing but one clear line', async () => {
    const stage = tempDir();
    writeFileSync(`${stage}/file`, '');
    chmodSync(`${stage}/file`, 0o644);
    spawnSync('tar', ['-cf', `${stage}/x.tar`, '-C', stage, 'file']);
    caller.env['XDG_CACHE_HOME'] = tempDir();
    const server = serverOf(caller, ['chroot', `${stage}/x.tar`]);
    server.send('open\n');
    expect((await server.ended).status).to.equal(12);
    expect(server.stderr()).to.match(/^regime: failure: open: .*has no \/bin\/sh.*\n$/);
  });
});

/** Names, modes, sizes and contents of the files below a directory. */
function listing(directory: string): string {
  const names = readdirSync(directory, { recursive: true }).map(String).sort();
  return names
    .map((name) => {
      const status = lstatSync(`${directory}/${name}`);
      const content = status.isFile() ? readFileSync(`${directory}/${name}`, 'latin1') : '';
      return `${name} ${status.mode.toString(8)} ${status.mtimeMs} ${content}`;
    })
    .join('\n');
}
