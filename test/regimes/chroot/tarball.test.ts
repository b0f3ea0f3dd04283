import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, selfAs, serverOf, type Caller } from '../../crash/caller.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { withPrograms, writeProgram } from '../support/programs.ts';
import { openSession, refusedOpen, refusedStart } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';
import { until } from '../support/until.ts';

/** A name for each way an archive is compressed, and what makes it. */
const KINDS = {
  'tree.tar': [],
  'tree.tar.gz': ['--gzip'],
  'tree.tar.xz': ['--xz'],
  'tree.tar.zst': ['--zstd'],
} as const;

/** Where a caller's trees are unpacked. */
interface Unpacker extends Caller {
  cache: string;
}

function rootAs(): Unpacker {
  const directory = tempDir();
  const caller = selfAs(directory);
  const cache = `${directory}/cache`;
  return { ...caller, env: { ...caller.env, XDG_CACHE_HOME: cache }, cache };
}

function plainUnpacker(): Unpacker {
  const { home } = plainUser();
  // Of ids that only root, or a user namespace, can remove.
  rmSync(`${home}/cache/regime`, { recursive: true, force: true });
  return { ...plainAs(), cache: `${home}/cache` };
}

/** The trees in a cache, with what tells whether they were made anew. */
function treesOf({ cache }: Unpacker): string[] {
  const trees = `${cache}/regime/trees`;
  return readdirSync(trees)
    .filter((name) => /^[0-9a-f]{64}/.test(name))
    .map((name) => `${name} ${statSync(`${trees}/${name}`).ino}`);
}

for (const [who, unpacker] of [
  ['root', rootAs],
  ['a plain user', plainUnpacker],
] as const) {
  describe(`a testbed from a tarball, as ${who}`, function () {
    this.timeout(60_000);
    let archives: string;
    let caller: Unpacker;

    before(function () {
      if (who === 'root' && process.getuid?.() !== 0) skip(this, 'only root can do this');
      if (who !== 'root' && !hasPlainUser()) skip(this, 'there is no plain user');
      archives = fileTempDir();
      chmodSync(archives, 0o755);
      const tree = makeSmallTree(`${archives}/tree`);
      writeFileSync(`${tree}/srv/of-others`, 'x', { mode: 0o640 });
      if (process.getuid?.() === 0) chownSync(`${tree}/srv/of-others`, 33, 34);
      for (const [name, options] of Object.entries(KINDS)) {
        const args = ['-c', ...options, '-f', `${archives}/${name}`, '-C', tree, '.'];
        expect(spawnSync('tar', args).status).to.equal(0);
      }
    });

    beforeEach(() => {
      caller = unpacker();
    });

    for (const name of Object.keys(KINDS)) {
      it(`is made of ${name}, which is unpacked only once`, async () => {
        const args = ['chroot', `${archives}/${name}`];
        const bed = await openSession(caller, args);
        expect(await bed.capabilities()).to.include.members([
          'root-on-testbed',
          'revert-full-system',
        ]);
        await bed.sh('rm -rf /srv /usr/sbin; touch /new');
        await bed.revert();
        expect(await bed.sh('ls -d /srv /ne[w] 2>/dev/null || :')).to.equal('/srv');
        await bed.quit();
        const before = treesOf(caller);
        expect(before).to.have.length(1);
        const again = await openSession(caller, args);
        await again.quit();
        expect(treesOf(caller)).to.deep.equal(before);
      });
    }

    it('has files with the owners and modes of the archive, and root can change them', async () => {
      const bed = await openSession(caller, ['chroot', `${archives}/tree.tar`]);
      const owner = process.getuid?.() === 0 ? '33:34' : '0:0';
      expect(await bed.sh('stat -c "%a %u:%g" /srv/of-others')).to.equal(`640 ${owner}`);
      await bed.sh('echo y >/srv/of-others && chown 5:6 /srv/of-others && rm /srv/of-others');
      await bed.quit();
    });

    it('has its devices though the archive could not bring any', async () => {
      const bed = await openSession(caller, ['chroot', `${archives}/tree.tar`]);
      expect(await bed.sh('echo x >/dev/null && head -c2 /dev/zero | wc -c')).to.equal('2');
      await bed.quit();
    });

    it('is unpacked anew when the archive changes, and both trees are there', async () => {
      const archive = `${archives}/changing.tar`;
      const make = (word: string) => {
        writeFileSync(`${archives}/tree/srv/version`, word);
        spawnSync('tar', ['-c', '-f', archive, '-C', `${archives}/tree`, '.']);
      };
      for (const word of ['one', 'two', 'one']) {
        make(word);
        const bed = await openSession(caller, ['chroot', archive]);
        expect(await bed.sh('cat /srv/version')).to.equal(word);
        await bed.quit();
      }
      rmSync(`${archives}/tree/srv/version`);
      // The third archive has other times in it, so it may be a tree of its own.
      expect(treesOf(caller).length).to.be.within(2, 3);
    });

    it('is unpacked once where two servers want it at the same time', async () => {
      const args = ['chroot', `${archives}/tree.tar.gz`];
      const servers = [1, 2, 3].map(() => serverOf(caller, args));
      await Promise.all(servers.map((server) => server.reply()));
      const replies = await Promise.all(servers.map((server) => server.command('open')));
      for (const reply of replies) expect(reply).to.match(/^ok \//);
      expect(treesOf(caller)).to.have.length(1);
      const ends = await Promise.all(servers.map((server) => server.command('quit')));
      expect(ends).to.deep.equal(['ok', 'ok', 'ok']);
    });

    it('is unpacked after an unpacking that was killed', async () => {
      const args = ['chroot', `${archives}/tree.tar.xz`];
      // A small tree may be there before we have looked: the tar that unpacks it comes to no end.
      const programs = tempDir();
      chmodSync(programs, 0o755);
      const hanging = 'case " $* " in *" --extract "*) exec sleep 1000 ;; esac';
      writeProgram(`${programs}/tar`, `/usr/bin/tar "$@"; ${hanging}`);
      const first = serverOf(withPrograms(caller, programs), args);
      await first.reply();
      first.send('open\n');
      const trees = `${caller.cache}/regime/trees`;
      const unpacking = () => {
        try {
          return readdirSync(trees).some((name) => name.endsWith('.unpacking'));
        } catch {
          return false;
        }
      };
      await until(unpacking, 'it was being unpacked');
      first.child.kill('SIGKILL');
      await first.ended;
      const bed = await openSession(caller, args);
      expect(await bed.sh('cat /etc/passwd')).to.include('root:');
      await bed.quit();
      expect(readdirSync(trees).filter((name) => name.endsWith('.unpacking'))).to.deep.equal([]);
    });

    describe('that is no good', () => {
      const refused = async (name: string, content: Buffer | string) => {
        const path = `${archives}/${name}`;
        writeFileSync(path, content);
        const refusal = await refusedOpen(caller, ['chroot', path]);
        expect(refusal).to.include({ status: 12, replies: '' });
        expect(refusal.lines, refusal.lines.join('\n')).to.have.length(1);
        const left = treesOf(caller).filter((line) => line.includes('unpacking'));
        expect(left, 'half a tree').to.deep.equal([]);
        return refusal.lines[0];
      };

      it('ends open in one line where it is no archive', async () => {
        const line = await refused('text.tar', 'this is no archive\n'.repeat(100));
        expect(line).to.match(/failure: open: cannot unpack \S+text\.tar: tar: .*(archive|header)/);
      });

      it('ends open in one line where it is cut off', async () => {
        const { stdout } = spawnSync('head', ['-c', '300000', `${archives}/tree.tar.gz`]);
        const line = await refused('short.tar.gz', stdout);
        expect(line).to.match(/failure: open: cannot unpack \S+short\.tar\.gz: tar: /);
      });

      it('ends open in one line where it is empty', async () => {
        expect(await refused('empty.tar', '')).to.match(/failure: open: .*(no \/bin\/sh|archive)/);
      });

      it('ends open in one line where it holds no root file system', async () => {
        spawnSync('tar', ['-c', '-f', `${archives}/other.tar`, '-C', '/etc', 'hostname']);
        const refusal = await refusedOpen(caller, ['chroot', `${archives}/other.tar`]);
        expect(refusal).to.include({ status: 12, replies: '' });
        expect(refusal.lines).to.have.length(1);
        expect(refusal.lines[0]).to.match(/failure: open: \S*other\.tar has no \/bin\/sh/);
      });

      it('is refused before ok where it is not there', async () => {
        const refusal = await refusedStart(caller, ['chroot', `${archives}/missing.tar`]);
        expect(refusal).to.include({ status: 2, replies: '' });
        expect(refusal.lines).to.have.length(1);
        expect(refusal.lines[0]).to.include('there is no').and.to.include('missing.tar');
      });
    });
  });
}
