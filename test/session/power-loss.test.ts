import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { fileSystem, type StorageSystem } from '../../src/session/storage-system.ts';
import { LockedStorageError, openStorage } from '../../src/session/storage.ts';
import { litter } from './help.ts';
import { rejection } from './rejection.ts';

/** What a disk is asked for, and the checkpoints that may be found if the power goes right then. */
type Operation = { allowed: readonly string[] } & (
  | { kind: 'create' | 'unlink'; name: string }
  | { kind: 'write'; data: Buffer }
  | { kind: 'sync'; what: 'file' | 'directory' }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'returned' }
);

/** A file's data in memory, and as much of it as is certainly on disk. */
interface Inode {
  data: Buffer;
  durable: boolean;
}

type Entries = Map<string, Inode>;
type Change = (entries: Entries) => void;

/** `undefined` as a word: no checkpoint yet. */
const NONE = '(none)';

/** Records the operations of a real storage while it saves, one write failing half-way. */
async function recordSaves(path: string): Promise<Operation[]> {
  const operations: Operation[] = [];
  let allowed: readonly string[] = [NONE];
  let breaking = false;
  let directory = -1;
  const note = (operation: Record<string, unknown>) =>
    operations.push({ ...operation, allowed } as Operation);
  const system: StorageSystem = {
    ...fileSystem,
    openDirectory: async (name) => (directory = await fileSystem.openDirectory(name)),
    create: (at, name) => {
      note({ kind: 'create', name });
      return fileSystem.create(at, name);
    },
    write: (file, bytes) => {
      const data = breaking ? bytes.subarray(0, 3) : bytes;
      note({ kind: 'write', data });
      return fileSystem.write(file, data);
    },
    sync: (descriptor) => {
      note({ kind: 'sync', what: descriptor === directory ? 'directory' : 'file' });
      return fileSystem.sync(descriptor);
    },
    rename: (at, from, to) => {
      note({ kind: 'rename', from, to });
      return fileSystem.rename(at, from, to);
    },
    unlink: (at, name) => {
      note({ kind: 'unlink', name });
      return fileSystem.unlink(at, name);
    },
  };
  const storage = await openStorage(path, system);
  let last = NONE;
  for (const text of ['the first one', 'a second, longer than the first', 'broken', 'third']) {
    breaking = text === 'broken';
    allowed = [last, text];
    const save = storage.saveCheckpoint(Buffer.from(text));
    if (breaking) await rejection(save);
    else {
      await save;
      last = text;
    }
    // From here on the caller relies on it.
    operations.push({ kind: 'returned', allowed: [last] });
  }
  await storage.close();
  return operations;
}

/** Every state that the disk may be in when the power goes after these operations. */
function* statesAfter(operations: readonly Operation[]): Generator<Map<string, Buffer>> {
  const durable: Entries = new Map();
  const current: Entries = new Map();
  let pending: Change[] = [];
  let written: Inode | undefined;
  const change = (step: Change) => {
    step(current);
    pending.push(step);
  };
  for (const operation of operations) {
    if (operation.kind === 'create') {
      const inode: Inode = { data: Buffer.alloc(0), durable: false };
      written = inode;
      change((entries) => entries.set(operation.name, inode));
    } else if (operation.kind === 'write') {
      if (written) Object.assign(written, { data: operation.data, durable: false });
    } else if (operation.kind === 'rename') {
      const inode = current.get(operation.from);
      change((entries) => {
        entries.delete(operation.from);
        if (inode) entries.set(operation.to, inode);
      });
    } else if (operation.kind === 'unlink') {
      change((entries) => entries.delete(operation.name));
    } else if (operation.kind === 'sync' && operation.what === 'file') {
      if (written) written.durable = true;
    } else if (operation.kind === 'sync') {
      for (const step of pending) step(durable);
      pending = [];
    }
  }
  // What was not synced may be there or not, each change on its own, and data whole, half or not.
  for (let subset = 0; subset < 1 << pending.length; subset++) {
    const entries = new Map(durable);
    pending.forEach((step, bit) => subset & (1 << bit) && step(entries));
    for (const share of [0, 0.5, 1]) {
      yield new Map(
        [...entries].map(([name, { data, durable: safe }]) => [
          name,
          safe ? data : data.subarray(0, Math.floor(data.length * share)),
        ]),
      );
    }
  }
}

/** Replays every prefix into a fresh directory; gives the first that loads what is not allowed. */
async function findViolation(
  operations: readonly Operation[],
  path: string,
): Promise<string | undefined> {
  for (let count = 1; count <= operations.length; count++) {
    const allowed = operations[count - 1]?.allowed ?? [];
    for (const state of statesAfter(operations.slice(0, count))) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      for (const [name, data] of state) writeFileSync(join(path, name), data);
      const storage = await openStorage(path);
      const found = (await storage.loadCheckpoint())?.toString() ?? NONE;
      if (state.has('session.next')) {
        const error = await rejection(storage.saveCheckpoint(Buffer.from('after')));
        expect(error).to.be.instanceOf(LockedStorageError);
        await storage.breakLock();
      }
      await storage.saveCheckpoint(Buffer.from('after'));
      expect((await storage.loadCheckpoint())?.toString()).to.equal('after');
      await storage.close();
      if (!allowed.includes(found)) return `after ${count} operations: ${found}`;
    }
  }
  return undefined;
}

describe('session storage when the power goes', () => {
  const things = litter();
  afterEach(() => things.clean());

  it('has the old checkpoint or the new one, whole, after each prefix of its operations', async function () {
    this.timeout(30_000);
    const operations = await recordSaves(things.directory());
    expect(operations.length).to.be.greaterThan(16);
    const path = join(things.directory(), 'replayed');
    expect(await findViolation(operations, path)).to.equal(undefined);
  });

  for (const what of ['file', 'directory'] as const) {
    it(`would be caught here without the fsync of the ${what}`, async function () {
      this.timeout(30_000);
      const operations = await recordSaves(things.directory());
      const careless = operations.map((operation) =>
        operation.kind === 'sync' && operation.what === what
          ? { kind: 'returned' as const, allowed: operation.allowed }
          : operation,
      );
      const path = join(things.directory(), 'replayed');
      expect(await findViolation(careless, path)).not.to.equal(undefined);
    });
  }
});
