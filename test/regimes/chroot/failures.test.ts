import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, selfAs, type Caller } from '../../crash/caller.ts';
import { mountsBelow } from '../../crash/processes.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { projectRoot } from '../../support/server.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { needRoot } from '../support/needs.ts';
import { openSession, refusedOpen, refusedStart, type Refusal } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';

/** What every failure of an open has to look like. */
function expectOneLine(refusal: Refusal, words: RegExp): void {
  expect(refusal.lines, refusal.lines.join('\n')).to.have.length(1);
  expect(refusal.lines[0])
    .to.match(/^regime: failure: open: /)
    .and.to.match(words);
  expect(refusal).to.include({ status: 12, replies: '' });
}

/** A tmpfs of a size that is taken away after the test. */
function mountTmpfs(at: string, options: string): void {
  mkdirSync(at, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'regime-test', at]);
  expect(status, stderr.toString()).to.equal(0);
  cleanUpAfterTest(() => void spawnSync('umount', [at]));
}

describe('a chroot testbed that can not be had', function () {
  this.timeout(60_000);
  let caller: Caller;
  let tree: string;
  let work: string;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
    chmodSync(`${tree}/..`, 0o755);
  });

  beforeEach(() => {
    work = tempDir();
    caller = selfAs(work);
  });

  afterEach(() => {
    expect(mountsBelow(`${caller.state}/regime`), 'mounts that are left').to.deep.equal([]);
  });

  for (const [args, words] of [
    [['/no/such'], /there is no \/no\/such/],
    [['/dev/null'], /neither a directory nor a tarball/],
    [[], /one operand/],
    [['/', 'ls'], /regime: chroot: it takes one operand: .*'regime run' runs a command/],
    [['--net=some', '/'], /--net/],
    [['--arch=vax', '/'], /--arch/],
    [['--nonsense', '/'], /nonsense/],
    [['--size', '/'], /operand|size/],
  ] as const) {
    it(`for "${args.join(' ')}" is one line before ok, and how to get the usage`, async () => {
      const refusal = await refusedStart(caller, ['chroot', ...args]);
      expect(refusal).to.include({ status: 2, replies: '' });
      expect(refusal.lines).to.have.length(1);
      expect(refusal.lines[0]).to.match(words).and.to.include("(try 'regime chroot --help')");
    });
  }

  it('for a directory without /bin/sh', async () => {
    mkdirSync(`${work}/empty`);
    const refusal = await refusedOpen(caller, ['chroot', `${work}/empty`]);
    expectOneLine(refusal, /empty has no \/bin\/sh: not a root file system/);
    expect(readdirSync(`${work}/empty`)).to.deep.equal([]);
  });

  it('for a directory whose /bin/sh does not run', async () => {
    mkdirSync(`${work}/bad/bin`, { recursive: true });
    writeFileSync(`${work}/bad/bin/sh`, 'no program', { mode: 0o755 });
    expectOneLine(await refusedOpen(caller, ['chroot', `${work}/bad`]), /probe/);
  });

  it('for a directory whose /bin/sh leads out of it', async () => {
    mkdirSync(`${work}/out/bin`, { recursive: true });
    symlinkSync('../../../../../../../../bin/sh', `${work}/out/bin/sh`);
    expectOneLine(await refusedOpen(caller, ['chroot', `${work}/out`]), /probe|sh/);
  });

  it('for a state directory on a file system that is full', async () => {
    mountTmpfs(`${work}/full`, 'size=64k,nr_inodes=200');
    spawnSync('dd', ['if=/dev/zero', `of=${work}/full/fill`, 'status=none']);
    const full = { ...caller, env: { ...process.env, XDG_STATE_HOME: `${work}/full` } };
    expectOneLine(await refusedOpen(full, ['chroot', tree]), /No space|ENOSPC|full/);
    rmSync(`${work}/full/fill`);
    const sessions = readdirSync(`${work}/full/regime/sessions`);
    expect(sessions.filter((name) => name.endsWith('.session'))).to.deep.equal([]);
  });

  it('for a state directory that can not be written to', async () => {
    const closed = { ...caller, env: { ...process.env, XDG_STATE_HOME: '/proc' } };
    expectOneLine(await refusedOpen(closed, ['chroot', tree]), /\/proc/);
  });

  it('for a place of its changes that can only be read', async () => {
    mountTmpfs(`${work}/read-only`, 'ro');
    const env = { ...process.env, XDG_STATE_HOME: `${work}/read-only` };
    const inner = ['null', `--state-dir=${caller.state}`, '+', 'chroot', tree];
    expectOneLine(await refusedOpen({ ...caller, env }, inner), /Read-only file system/);
  });

  it('for a cache that is full while the archive is unpacked', async () => {
    mountTmpfs(`${work}/cache`, 'size=1M');
    const archive = `${work}/tree.tar`;
    spawnSync('tar', ['-c', '-f', archive, '-C', tree, '.']);
    const small = { ...caller, env: { ...caller.env, XDG_CACHE_HOME: `${work}/cache` } };
    expectOneLine(await refusedOpen(small, ['chroot', archive]), /cannot unpack .*No space left/);
    const left = readdirSync(`${work}/cache/regime/trees`);
    expect(left.filter((name) => /unpacking/.test(name))).to.deep.equal([]);
  });

  it('keeps changes in memory where the state directory can carry no overlay, and says so', async () => {
    const parts = ['lower', 'upper', 'inner', 'on'].map((name) => `${work}/${name}`);
    parts.forEach((part) => mkdirSync(part));
    const [lower, upper, inner, on = ''] = parts;
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${inner}`;
    const mounted = spawnSync('mount', ['-t', 'overlay', '-o', options, 'regime-test', on]);
    expect(mounted.status, mounted.stderr.toString()).to.equal(0);
    cleanUpAfterTest(() => void spawnSync('umount', [on]));
    const over = { ...caller, env: { ...process.env, XDG_STATE_HOME: on }, state: on };
    const bed = await openSession(over, ['chroot', tree]);
    expect(bed.server.stderr()).to.match(/^regime: .*can't carry .*changes are kept in memory\n$/);
    await bed.sh('rm -rf /srv');
    await bed.revert();
    await bed.sh('ls -d /srv');
    await bed.quit();
  });

  it('where there is no perl', async () => {
    const bin = `${work}/bin`;
    mkdirSync(bin);
    for (const name of ['sh', 'env', 'flock', 'rm', 'setsid'])
      symlinkSync(`/usr/bin/${name}`, `${bin}/${name}`);
    const poor = { ...caller, env: { ...caller.env, PATH: bin } };
    expectOneLine(await refusedOpen(poor, ['chroot', tree]), /perl.*perl is needed on this host/);
  });

  it('where --gain-root is no program', async () => {
    const refusal = await refusedOpen(caller, ['chroot', '--gain-root=/no/sudo', tree]);
    expectOneLine(refusal, /\/no\/sudo/);
  });

  it('where --gain-root refuses', async () => {
    const sudo = `${work}/sudo`;
    writeFileSync(sudo, '#!/bin/sh\necho "you may not" >&2\nexit 1\n', { mode: 0o755 });
    const refusal = await refusedOpen(caller, ['chroot', `--gain-root=${sudo}`, tree]);
    expectOneLine(refusal, /exit status 1: you may not/);
  });

  it('in a user namespace that allows no further ones', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const { home, uid, gid } = plainUser();
    const archive = `${home}/tree.tar`;
    spawnSync('tar', ['-c', '-f', archive, '-C', tree, '.']);
    const plain = plainAs();
    const script = `${projectRoot}/test/regimes/support/without-userns.sh`;
    const nested: Caller = {
      ...plain,
      argv: (...args) => ['sh', script, String(uid), String(gid), ...plain.argv(...args)],
    };
    for (const source of [archive, tree, '/']) {
      const refusal = await refusedOpen(nested, ['chroot', source]);
      expectOneLine(
        refusal,
        /cannot make a user namespace: .*max_user_namespaces is 0 \(.*run as root/,
      );
    }
  });
});
