import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';

import { fileSystem, type StorageSystem } from '../../src/session/storage-system.ts';
import { LockedStorageError, openStorage, StorageError } from '../../src/session/storage.ts';
import { bundleChild, descriptorCount, killed, lineOf, litter, startChild } from './help.ts';
import { rejection } from './rejection.ts';

describe('session storage', () => {
  const things = litter();
  afterEach(() => things.clean());

  it('has no checkpoint before the first is saved', async () => {
    const storage = await openStorage(things.directory());
    expect(await storage.loadCheckpoint()).to.equal(undefined);
    await storage.close();
  });

  it('loads what was saved last, in a file of mode 0600', async () => {
    const path = things.directory();
    const storage = await openStorage(path);
    await storage.saveCheckpoint(Buffer.from('one'));
    await storage.saveCheckpoint(Buffer.from([0, 255, 10]));
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.from([0, 255, 10]));
    expect(execFileSync('stat', ['-c%a %n', 'session'], { cwd: path, encoding: 'utf8' })).to.equal(
      '600 session\n',
    );
    expect(existsSync(join(path, 'session.next'))).to.equal(false);
    await storage.close();
  });

  it('goes on in its directory when that is renamed, whatever takes its name', async () => {
    const parent = things.directory();
    const [path, moved] = [join(parent, 'a'), join(parent, 'b')];
    mkdirSync(path);
    const storage = await openStorage(path);
    renameSync(path, moved);
    mkdirSync(path);
    await storage.saveCheckpoint(Buffer.from('moved'));
    expect(readFileSync(join(moved, 'session'), 'utf8')).to.equal('moved');
    expect(existsSync(join(path, 'session'))).to.equal(false);
    await storage.close();
  });

  it('is locked by a session.next until the lock is broken deliberately', async () => {
    const path = things.directory();
    const storage = await openStorage(path);
    await storage.saveCheckpoint(Buffer.from('old'));
    writeFileSync(join(path, 'session.next'), 'half');
    const error = await rejection(storage.saveCheckpoint(Buffer.from('new')));
    expect(error).to.be.instanceOf(LockedStorageError);
    expect(error.message).to.contain(path);
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.from('old'));
    expect(readFileSync(join(path, 'session.next'), 'utf8')).to.equal('half');
    await storage.breakLock();
    await storage.breakLock();
    await storage.saveCheckpoint(Buffer.from('new'));
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.from('new'));
    await storage.close();
  });

  it('lets checkpoints that overlap take their turns', async () => {
    const storage = await openStorage(things.directory());
    const saves = Array.from({ length: 20 }, (_, n) => storage.saveCheckpoint(Buffer.from(`${n}`)));
    await Promise.all(saves);
    expect(await storage.loadCheckpoint()).to.deep.equal(Buffer.from('19'));
    await storage.close();
  });

  it('refuses a directory that is a link, is missing or is a file', async () => {
    const path = things.directory();
    execFileSync('ln', ['-s', path, join(path, 'link')]);
    writeFileSync(join(path, 'file'), '');
    for (const name of ['link', 'missing', 'file']) {
      expect(await rejection(openStorage(join(path, name)))).to.be.instanceOf(StorageError);
    }
  });

  it('opens no descriptor that it does not close, and does nothing once it is closed', async () => {
    const path = things.directory();
    const before = descriptorCount();
    const storage = await openStorage(path);
    await storage.saveCheckpoint(Buffer.from('x'));
    writeFileSync(join(path, 'session.next'), '');
    await rejection(storage.saveCheckpoint(Buffer.from('y')));
    await storage.close();
    await storage.close();
    expect(descriptorCount()).to.equal(before);
    expect(await rejection(storage.saveCheckpoint(Buffer.from('z')))).to.be.instanceOf(
      StorageError,
    );
  });

  for (const step of ['create', 'write', 'sync', 'rename'] as const) {
    it(`keeps the old checkpoint and removes session.next when ${step} fails`, async () => {
      const path = things.directory();
      const failing: StorageSystem = {
        ...fileSystem,
        [step]: () => Promise.reject(Object.assign(new Error('EIO: broken'), { code: 'EIO' })),
      };
      await (await openStorage(path)).saveCheckpoint(Buffer.from('old'));
      const storage = await openStorage(path, failing);
      const error = await rejection(storage.saveCheckpoint(Buffer.from('new')));
      expect(error).to.be.instanceOf(StorageError);
      expect(error.message).to.contain('EIO');
      expect(readFileSync(join(path, 'session'), 'utf8')).to.equal('old');
      expect(existsSync(join(path, 'session.next'))).to.equal(false);
      await storage.close();
    });
  }

  it('takes a short write for a failure and removes session.next', async () => {
    const path = things.directory();
    const short: StorageSystem = {
      ...fileSystem,
      write: (file, bytes) => fileSystem.write(file, bytes.subarray(0, bytes.length - 1)),
    };
    const storage = await openStorage(path, short);
    const error = await rejection(storage.saveCheckpoint(Buffer.from('new')));
    expect(error.message).to.contain('short write, 2 of 3 bytes');
    expect(existsSync(join(path, 'session.next'))).to.equal(false);
    expect(await storage.loadCheckpoint()).to.equal(undefined);
    await storage.close();
  });

  it('leaves the session.next of another writer alone when the last step fails', async () => {
    const path = things.directory();
    let syncs = 0;
    const storage = await openStorage(path, {
      ...fileSystem,
      sync: async (descriptor) => {
        if (++syncs < 2) return fileSystem.sync(descriptor);
        writeFileSync(join(path, 'session.next'), 'theirs');
        throw new Error('EIO');
      },
    });
    await rejection(storage.saveCheckpoint(Buffer.from('new')));
    expect(readFileSync(join(path, 'session.next'), 'utf8')).to.equal('theirs');
    await storage.close();
  });

  it('has a whole checkpoint after each SIGKILL of a writer', async function () {
    this.timeout(30_000);
    const program = bundleChild(things.directory());
    const path = things.directory();
    for (let turn = 0; turn < 6; turn++) {
      const child = things.child(startChild(program, 'save', path));
      await lineOf(child);
      await new Promise((resolve) => setTimeout(resolve, turn * 7));
      await killed(child);
      const storage = await openStorage(path);
      const bytes = await storage.loadCheckpoint();
      expect(bytes?.length).to.equal(100_000);
      expect(new Set(bytes).size).to.equal(1);
      await storage.breakLock();
      await storage.close();
    }
  });

  it('behaves as its model whatever the order of the calls', async function () {
    this.timeout(60_000);
    const call = fc.oneof(
      fc.record({ kind: fc.constant('save' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
      fc.record({
        kind: fc.constantFrom('load', 'break', 'plant', 'rename', 'reopen', 'fail' as const),
      }),
    );
    const calls = fc.array(call, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(calls, async (sequence) => {
        const parent = things.directory();
        let path = join(parent, '0');
        mkdirSync(path);
        let broken = false;
        const system: StorageSystem = {
          ...fileSystem,
          write: (file, bytes) =>
            broken ? Promise.reject(new Error('EIO')) : fileSystem.write(file, bytes),
        };
        let storage = await openStorage(path, system);
        let saved: Buffer | undefined;
        let locked = false;
        for (const [turn, step] of sequence.entries()) {
          if (step.kind === 'save' || step.kind === 'fail') {
            broken = step.kind === 'fail';
            const bytes = Buffer.from(step.kind === 'save' ? step.bytes : 'never');
            const error = await storage.saveCheckpoint(bytes).then(
              () => undefined,
              (thrown: unknown) => thrown,
            );
            if (locked) expect(error).to.be.instanceOf(LockedStorageError);
            else if (broken) expect(error).to.be.instanceOf(StorageError);
            else {
              expect(error).to.equal(undefined);
              saved = bytes;
            }
          } else if (step.kind === 'break') {
            await storage.breakLock();
            locked = false;
          } else if (step.kind === 'plant') {
            writeFileSync(join(path, 'session.next'), 'x');
            locked = true;
          } else if (step.kind === 'rename') {
            renameSync(path, join(parent, `${turn + 1}`));
            path = join(parent, `${turn + 1}`);
          } else if (step.kind === 'reopen') {
            await storage.close();
            storage = await openStorage(path, system);
          }
          expect(await storage.loadCheckpoint()).to.deep.equal(saved);
          expect(existsSync(join(path, 'session.next'))).to.equal(locked);
        }
        await storage.close();
      }),
      { numRuns: 150 },
    );
  });
});
