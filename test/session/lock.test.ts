import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { isHeld, takeLock } from '../../src/session/lock.ts';
import { bundleChild, descriptorCount, killed, lineOf, litter, startChild } from './help.ts';
import { rejection } from './rejection.ts';

describe('the liveness lock', () => {
  const things = litter();
  let path: string;
  beforeEach(() => (path = join(things.directory(), 'lock')));
  afterEach(() => things.clean());

  it('is held by one, until that releases it', async () => {
    const before = descriptorCount();
    const lock = await takeLock(path);
    expect(lock).not.to.equal(undefined);
    expect(await takeLock(path)).to.equal(undefined);
    expect(await isHeld(path)).to.equal(true);
    lock?.release();
    lock?.release();
    expect(await isHeld(path)).to.equal(false);
    const again = await takeLock(path);
    expect(again).not.to.equal(undefined);
    again?.release();
    expect(descriptorCount()).to.be.at.most(before);
  });

  it('is had by one of twenty who want it at once', async () => {
    const locks = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)));
    expect(locks.filter((lock) => lock)).to.have.length(1);
    for (const lock of locks) lock?.release();
  });

  it('is free when its holder is killed, although a child of that lives on', async function () {
    this.timeout(20_000);
    const program = bundleChild(things.directory());
    const child = things.child(startChild(program, 'hold', path));
    const heir = Number(await lineOf(child));
    try {
      expect(await isHeld(path)).to.equal(true);
      await killed(child);
      expect(await isHeld(path)).to.equal(false);
      expect(readFileSync(`/proc/${heir}/stat`, 'latin1')).to.contain('(sleep)');
    } finally {
      process.kill(heir, 'SIGKILL');
    }
  });

  it('reaches no child of its holder', async () => {
    const lock = await takeLock(path);
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'latin1' });
    expect(stdout).not.to.contain(path);
    const flags = readFileSync(`/proc/self/fdinfo/${lock?.descriptor}`, 'latin1');
    // O_CLOEXEC of fcntl.h.
    expect(parseInt(/flags:\s*(\d+)/.exec(flags)?.[1] ?? '', 8) & 0o2000000).not.to.equal(0);
    lock?.release();
  });

  it('is not had where its file was removed or replaced while it was waited for', async () => {
    const { lockDescriptor } = await import('../../src/session/lock.ts');
    const { openSync } = await import('node:fs');
    writeFileSync(path, '');
    const descriptor = openSync(path, 'r+');
    rmSync(path);
    expect(await lockDescriptor(path, descriptor)).to.equal(undefined);
    const other = openSync(path, 'w+');
    renameSync(path, `${path}.old`);
    writeFileSync(path, '');
    expect(await lockDescriptor(path, other)).to.equal(undefined);
  });

  it('needs flock, and says where that comes from', async () => {
    const searched = process.env['PATH'];
    try {
      process.env['PATH'] = '/nonexistent';
      const error = await rejection(takeLock(path));
      expect(error.message).to.contain('util-linux').and.to.contain(path);
    } finally {
      process.env['PATH'] = searched;
    }
  });

  it('of a file that is not there is held by nobody, and is not made on request', async () => {
    expect(await isHeld(path)).to.equal(false);
    const error = (await rejection(takeLock(path, { create: false }))) as NodeJS.ErrnoException;
    expect(error.code).to.equal('ENOENT');
  });
});
