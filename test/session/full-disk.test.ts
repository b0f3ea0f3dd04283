import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { repositoryIn } from '../../src/session/repository.ts';
import { openStorage, StorageError } from '../../src/session/storage.ts';
import { selfAs, serverOf, sessionsOf } from '../crash/caller.ts';
import { skip } from '../support/skip.ts';
import { litter } from './help.ts';
import { rejection } from './rejection.ts';

/** A small file system of its own at `path`; false where this user may not mount. */
function mountSmall(path: string, options: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'regime-test', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the session directory on a disk that is full or read-only', () => {
  const things = litter();
  const mounts: string[] = [];
  afterEach(async () => {
    for (const path of mounts.splice(0)) execFileSync('umount', ['-l', path]);
    await things.clean();
  });

  function small(test: Mocha.Context, options: string): string {
    const path = things.directory();
    if (!mountSmall(path, options)) skip(test, 'mounting a small tmpfs needs root and mount(2)');
    mounts.push(path);
    return path;
  }

  it('keeps the old checkpoint whole where the new one has no room', async function () {
    const path = small(this, 'size=64k,mode=700');
    const storage = await openStorage(path);
    await storage.saveCheckpoint(Buffer.alloc(8192, 'a'));
    const error = await rejection(storage.saveCheckpoint(Buffer.alloc(80_000, 'b')));
    expect(error).to.be.instanceOf(StorageError);
    expect(error.message).to.match(/disk full|no space/);
    expect(existsSync(join(path, 'session.next'))).to.equal(false);
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.alloc(8192, 'a'));
    await storage.saveCheckpoint(Buffer.alloc(8192, 'c'));
    await storage.close();
  });

  it('says clearly that a disk without a single free block is full', async function () {
    const path = small(this, 'size=32k,mode=700');
    const storage = await openStorage(path);
    await storage.saveCheckpoint(Buffer.from('old'));
    try {
      writeFileSync(join(path, 'filler'), Buffer.alloc(1 << 20));
    } catch {
      // That is the point.
    }
    const error = await rejection(storage.saveCheckpoint(Buffer.from('new')));
    expect(error.message)
      .to.match(/no space/)
      .and.not.contain('/proc/');
    expect(readFileSync(join(path, 'session'), 'utf8')).to.equal('old');
    expect(existsSync(join(path, 'session.next'))).to.equal(false);
    rmSync(join(path, 'filler'));
    await storage.saveCheckpoint(Buffer.from('new'));
    await storage.close();
  });

  it('makes a session or leaves nothing of it, whichever step has no room', async function () {
    const path = small(this, 'size=1m,mode=700');
    let made = 0;
    for (let inodes = 2; inodes < 9; inodes++) {
      execFileSync('mount', ['-o', `remount,nr_inodes=${inodes}`, path]);
      const state = join(path, 'state');
      const repository = repositoryIn(state);
      try {
        const session = await repository.create();
        made++;
        await repository.remove(session);
      } catch (thrown) {
        expect((thrown as Error).message).to.match(/^cannot make .*(no space|ENOSPC).*--state-dir/);
      }
      const left = existsSync(repository.path) ? readdirSync(repository.path) : [];
      expect(left.filter((name) => name !== 'last-session')).to.deep.equal([]);
      rmSync(state, { recursive: true, force: true });
    }
    expect(made).to.be.within(1, 5);
  });

  it('says that it is read-only, and harms nothing', async function () {
    const path = small(this, 'size=1m,mode=700');
    const directory = join(path, 'one');
    mkdirSync(directory);
    const storage = await openStorage(directory);
    await storage.saveCheckpoint(Buffer.from('old'));
    execFileSync('mount', ['-o', 'remount,ro', path]);
    const error = await rejection(storage.saveCheckpoint(Buffer.from('new')));
    expect(error.message).to.match(/read-only/);
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.from('old'));
    const refused = await rejection(repositoryIn(join(path, 'state')).create());
    expect(refused.message).to.match(/^cannot make .*read-only.*--state-dir/);
    await storage.close();
  });

  it('is told clearly of each step of a server, whose session goes on where it can', async function () {
    this.timeout(60_000);
    const path = small(this, 'size=1m,mode=700');
    const caller = { ...selfAs(things.directory()), state: path };
    const tree = join(caller.work, 'tree');
    for (const name of ['tree', 'back']) mkdirSync(join(caller.work, name), { recursive: true });
    writeFileSync(join(tree, 'new'), '');
    writeFileSync(join(caller.work, 'back/old'), '');
    const filler = join(path, 'filler');
    const fill = () => {
      try {
        writeFileSync(filler, Buffer.alloc(2 << 20));
      } catch {
        // That is the point.
      }
    };
    const args = ['--dialect=classic', `--state-dir=${path}/regime`, 'null'];
    fill();
    const early = serverOf(caller, args);
    early.send('open\n');
    expect(await early.ended).to.include({ status: 12 });
    expect(early.stderr()).to.match(/^regime: failure: open: cannot make .*no space.*\n$/);
    expect(sessionsOf(caller)).to.deep.equal([]);
    rmSync(filler);

    const server = serverOf(caller, args);
    await server.reply();
    const scratch = (await server.command('open')).slice(3);
    expect(await server.command(`copydown ${tree}/ ${scratch}/tree/`)).to.equal('ok');
    fill();
    for (const copy of [
      `copydown ${tree}/ ${scratch}/tree/`,
      `copyup ${scratch}/tree/ ${caller.work}/back/`,
    ]) {
      expect(await server.command(copy)).to.equal('copy-failed');
    }
    expect(server.stderr().match(/^regime: copy.* cannot write a checkpoint in .*no space.*$/gm))
      .to.be.an('array')
      .with.length(2);
    expect(readdirSync(caller.work).sort()).to.deep.equal(['back', 'tree']);
    expect(readdirSync(join(caller.work, 'back'))).to.deep.equal(['old']);
    rmSync(filler);
    expect(await server.command(`copyup ${scratch}/tree/ ${caller.work}/back/`)).to.equal('ok');
    fill();
    expect(await server.command('quit')).to.equal('ok');
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(existsSync(scratch)).to.equal(false);
  });
});
