import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { sessionName } from '../../src/session/ids.ts';
import { takeLock } from '../../src/session/lock.ts';
import { reap, reapQuietly, type Reaped } from '../../src/session/reaper.ts';
import { encodeRecord, newRecord, type SessionRecord } from '../../src/session/record.ts';
import { repositoryIn, type Repository } from '../../src/session/repository.ts';
import { skip } from '../support/skip.ts';
import {
  bundleChild,
  context,
  deadRecord,
  discarder,
  killed,
  lineOf,
  litter,
  outputOf,
  startChild,
} from './help.ts';

describe('the reaper', () => {
  const things = litter();
  let state: string;
  let repository: Repository;
  let discarded: unknown[];
  beforeEach(() => {
    state = things.directory();
    repository = repositoryIn(state);
    mkdirSync(repository.path);
    discarded = [];
  });
  afterEach(() => things.clean());

  const marker = discarder((given) => void discarded.push(given));
  const lookups = {
    findRegime: (name: string) => Promise.resolve(name === 'marker' ? marker : undefined),
  };

  function plant(id: string, record?: SessionRecord | string, lock: string | null = ''): string {
    const directory = join(repository.path, sessionName(id));
    mkdirSync(directory, { mode: 0o700 });
    if (lock !== null) writeFileSync(join(directory, 'lock'), lock);
    if (record) {
      const bytes = typeof record === 'string' ? record : JSON.stringify(record);
      writeFileSync(join(directory, 'session'), bytes);
    }
    return directory;
  }

  const outcomes = (all: Reaped[]) =>
    Object.fromEntries(all.map(({ id, outcome }) => [id, outcome]));

  it('has nothing to do in an empty repository, or in none', async () => {
    expect(await reap(repository, lookups, context)).to.deep.equal([]);
    expect(await reap(repositoryIn(join(state, 'none')), lookups, context)).to.deep.equal([]);
  });

  it('discards the testbeds of dead servers, oldest first, and removes the sessions', async () => {
    plant('bbbbbbbb', { ...deadRecord('bbbbbbbb', 'young'), created: '2021-01-01T00:00:00Z' });
    const old = { ...deadRecord('aaaaaaaa', 'old'), created: '2020-01-01T00:00:00Z' };
    const directory = plant('aaaaaaaa', old);
    mkdirSync(join(directory, 'share', 'deep'), { recursive: true });
    execFileSync('sh', [
      '-c',
      `: >"$(printf '${directory}/share/deep/\\377\\n')"; chmod 0 ${directory}/share`,
    ]);
    writeFileSync(join(directory, 'session.next'), 'half');
    const all = await reap(repository, lookups, context);
    expect(all.map(({ id, outcome }) => [id, outcome])).to.deep.equal([
      ['aaaaaaaa', 'reaped'],
      ['bbbbbbbb', 'reaped'],
    ]);
    expect(discarded).to.deep.equal(['old', 'young']);
    expect(readdirSync(repository.path)).to.deep.equal([]);
    expect(await reap(repository, lookups, context)).to.deep.equal([]);
  });

  it('only says what it would do in a dry run', async () => {
    plant('aaaaaaaa', deadRecord('aaaaaaaa'));
    plant('bbbbbbbb');
    plant('cccccccc', undefined, null);
    const all = await reap(repository, lookups, context, { dryRun: true });
    expect(outcomes(all)).to.deep.equal({
      aaaaaaaa: 'would-reap',
      bbbbbbbb: 'would-reap',
      cccccccc: 'would-reap',
    });
    expect(discarded).to.deep.equal([]);
    expect(readdirSync(repository.path)).to.have.length(3);
  });

  it('leaves what is alive by its process, or by its lock alone', async () => {
    plant('aaaaaaaa', newRecord('aaaaaaaa', [{ regime: 'marker', settings: null, state: 1 }]));
    // As an owner in another pid namespace looks: no such process to see, but the lock is held.
    const directory = plant('bbbbbbbb', deadRecord('bbbbbbbb'));
    const lock = await takeLock(join(directory, 'lock'));
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({
      aaaaaaaa: 'left',
      bbbbbbbb: 'left',
    });
    lock?.release();
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({
      aaaaaaaa: 'left',
      bbbbbbbb: 'reaped',
    });
    expect(discarded).to.deep.equal([null]);
  });

  it('leaves what is kept, young, of another machine, of a newer program', async () => {
    const dead = deadRecord('x');
    writeFileSync(join(plant('aaaaaaaa', dead), 'kept'), '');
    plant('bbbbbbbb', { ...dead, changed: new Date().toISOString() });
    plant('cccccccc', { ...dead, owner: { ...dead.owner, machine: 'elsewhere' } });
    plant('dddddddd', JSON.stringify({ ...dead, version: 7 }));
    plant('eeeeeeee', undefined, 'elsewhere\n');
    plant('ffffffff', { ...dead, changed: '2020-01-01T00:00:00Z' });
    const all = await reap(repository, lookups, context, { olderThan: 60_000 });
    expect(outcomes(all)).to.deep.equal({
      aaaaaaaa: 'left',
      bbbbbbbb: 'left',
      cccccccc: 'left',
      dddddddd: 'left',
      eeeeeeee: 'left',
      ffffffff: 'reaped',
    });
    for (const { reason } of all) expect(reason).not.to.equal('');
  });

  it('reports a damaged record and leaves it alone', async () => {
    const directory = plant('aaaaaaaa', '{"version":1,');
    const [reaped] = await reap(repository, lookups, context);
    expect(reaped?.outcome).to.equal('failed');
    expect(reaped?.reason).to.contain('not JSON');
    expect(readFileSync(join(directory, 'session'), 'utf8')).to.equal('{"version":1,');
  });

  it('never touches links, foreign directories, files, or a directory of ours with foreign files', async () => {
    const elsewhere = things.directory();
    writeFileSync(join(elsewhere, 'session'), JSON.stringify(deadRecord('zzzzzzzz')));
    writeFileSync(join(elsewhere, 'lock'), '');
    symlinkSync(elsewhere, join(repository.path, sessionName('zzzzzzzz')));
    for (const name of [
      'regime-zz.session',
      'other-aaaaaaaa.session',
      'regime-aaaaaaaa.session.old',
    ]) {
      mkdirSync(join(repository.path, name));
      writeFileSync(join(repository.path, name, 'session'), JSON.stringify(deadRecord('zz')));
    }
    writeFileSync(join(repository.path, sessionName('yyyyyyyy')), 'a file');
    const foreign = plant('xxxxxxxx', undefined, null);
    writeFileSync(join(foreign, 'thesis.txt'), '');
    const before = execFileSync('find', [state, elsewhere], { encoding: 'utf8' });
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({ xxxxxxxx: 'left' });
    expect(execFileSync('find', [state, elsewhere], { encoding: 'utf8' })).to.equal(before);
    expect(lstatSync(join(repository.path, sessionName('zzzzzzzz'))).isSymbolicLink()).to.equal(
      true,
    );
    expect(discarded).to.deep.equal([]);
  });

  it('leaves the sessions of another user', async function () {
    if (process.getuid?.() !== 0) skip(this, 'giving a directory away needs root');
    const directory = plant('aaaaaaaa', deadRecord('aaaaaaaa'));
    execFileSync('chown', ['-R', '65534:65534', directory]);
    expect(await reap(repository, lookups, context)).to.deep.equal([]);
    expect(existsSync(directory)).to.equal(true);
  });

  it('removes what a server left that died before its first checkpoint', async () => {
    plant('aaaaaaaa', undefined, null);
    plant('bbbbbbbb');
    writeFileSync(join(plant('cccccccc'), 'session.next'), 'half a check');
    const all = await reap(repository, lookups, context);
    expect(outcomes(all)).to.deep.equal({
      aaaaaaaa: 'reaped',
      bbbbbbbb: 'reaped',
      cccccccc: 'reaped',
    });
    expect(readdirSync(repository.path)).to.deep.equal([]);
  });

  it('reaps a session whose lock file was taken away', async () => {
    plant('aaaaaaaa', deadRecord('aaaaaaaa', 'state'), null);
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({
      aaaaaaaa: 'reaped',
    });
    expect(discarded).to.deep.equal(['state']);
  });

  it('keeps the record of what can not be discarded, reports it, and goes on', async () => {
    plant('aaaaaaaa', { ...deadRecord('aaaaaaaa', 'bad'), created: '2020-01-01T00:00:00Z' });
    plant('bbbbbbbb', deadRecord('bbbbbbbb', null, 'unheard-of'));
    plant('cccccccc', deadRecord('cccccccc', 'good'));
    let away = true;
    const picky = discarder(async (given, { checkpoint }) => {
      await checkpoint(`${String(given)}, half gone`);
      if (given === 'bad' && away) throw new Error('the engine is away');
    });
    const some = {
      findRegime: (name: string) => Promise.resolve(name === 'marker' ? picky : undefined),
    };
    const all = await reap(repository, some, context);
    expect(outcomes(all)).to.deep.equal({
      aaaaaaaa: 'failed',
      bbbbbbbb: 'failed',
      cccccccc: 'reaped',
    });
    expect(all.map(({ reason }) => reason)).to.include('the engine is away');
    const record = readFileSync(join(repository.path, sessionName('aaaaaaaa'), 'session'), 'utf8');
    expect(record).to.contain('bad, half gone');
    away = false;
    expect(outcomes(await reap(repository, some, context))).to.deep.equal({
      aaaaaaaa: 'reaped',
      bbbbbbbb: 'failed',
    });
  });

  it('settles a pending replacement once, before the levels, innermost first', async () => {
    const record = deadRecord('aaaaaaaa', 'outer');
    record.regimes.push({ regime: 'marker', settings: null, state: 'inner' });
    const replacement = { on: 'host' as const, destination: '/d', fresh: '/f', aside: '/a' };
    plant('aaaaaaaa', { ...record, replacement });
    let away = true;
    const chain = {
      findRegime: () =>
        Promise.resolve(
          discarder((given) => {
            discarded.push(given);
            if (given === 'outer' && away) throw new Error('away');
          }),
        ),
      settleReplacement: (given: unknown) => Promise.resolve(void discarded.push(given)),
      reachOuter: () => Promise.resolve({ place: {} as never }),
    };
    await reap(repository, chain, context);
    expect(discarded).to.deep.equal([replacement, 'inner', 'outer']);
    away = false;
    await reap(repository, chain, context);
    expect(discarded.slice(3)).to.deep.equal(['inner', 'outer']);
    expect(readdirSync(repository.path)).to.deep.equal([]);
  });

  it('lets inner levels end with the outer one, and keeps what it can not reach', async () => {
    const record = deadRecord('aaaaaaaa', 'outer');
    record.regimes.push({ regime: 'marker', settings: null, state: 'inner' });
    plant('aaaaaaaa', record);
    const unreachable = {
      ...lookups,
      reachOuter: () => Promise.resolve({ unreachable: 'no route' }),
    };
    const [reaped] = await reap(repository, unreachable, context);
    expect(reaped?.outcome).to.equal('failed');
    expect(reaped?.reason).to.contain('no route');
    expect(discarded).to.deep.equal([]);
    await reap(repository, lookups, context);
    expect(discarded).to.deep.equal(['outer']);
  });

  it('never looks into what is mounted in a session', async function () {
    if (process.getuid?.() !== 0) skip(this, 'mounting needs root');
    const precious = things.directory();
    writeFileSync(join(precious, 'thesis.txt'), '');
    const directory = plant('aaaaaaaa', deadRecord('aaaaaaaa'));
    const point = join(directory, 'a mount');
    mkdirSync(point);
    try {
      execFileSync('mount', ['--bind', precious, point], { stdio: 'ignore' });
    } catch {
      skip(this, 'mount(2) is refused here');
    }
    try {
      const [reaped] = await reap(repository, lookups, context);
      expect(reaped?.outcome).to.equal('failed');
      expect(reaped?.reason).to.contain('mounted');
      expect(existsSync(join(precious, 'thesis.txt'))).to.equal(true);
    } finally {
      execFileSync('umount', [point]);
    }
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({
      aaaaaaaa: 'reaped',
    });
  });

  it('stops when it is told to, and quietly in the background', async () => {
    plant('aaaaaaaa', deadRecord('aaaaaaaa'));
    plant('bbbbbbbb', '{');
    const warnings: string[] = [];
    const log = { warn: (text: string) => void warnings.push(text), debug: () => {} };
    const hanging = { findRegime: () => Promise.resolve(discarder(() => new Promise(() => {}))) };
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await reapQuietly(repository, hanging, { signal: stop.signal, log });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.contain('bbbbbbbb');
    expect(existsSync(join(repository.path, sessionName('aaaaaaaa'), 'session'))).to.equal(true);
  });

  it('does not take a session from a server that is just making it', async function () {
    this.timeout(60_000);
    const made = new AbortController();
    const storm = (async () => {
      let turns = 0;
      for (; !made.signal.aborted; turns++) await reap(repository, lookups, context);
      return turns;
    })();
    for (let turn = 0; turn < 40; turn++) {
      const session = await repository.create();
      const record = newRecord(session.id, [{ regime: 'marker', settings: null, state: null }]);
      await session.storage.saveCheckpoint(encodeRecord(record));
      expect(existsSync(join(session.directory, 'session'))).to.equal(true);
      await repository.remove(session);
    }
    made.abort();
    expect(await storm).to.be.greaterThan(40);
    expect(discarded).to.deep.equal([]);
  });

  for (const count of [2, 20]) {
    it(`takes the dead ones of ${count} servers, once each, with ${count} reapers at once`, async function () {
      this.timeout(60_000);
      const program = bundleChild(things.directory());
      const markers = things.directory();
      const start = (mode: string) => things.child(startChild(program, mode, state, markers));
      const servers = Array.from({ length: count }, () => start('serve'));
      const early = [outputOf(start('reap'))];
      const ids = await Promise.all(servers.map(lineOf));
      await Promise.all(servers.filter((_, n) => n % 2 === 0).map(killed));
      const dead = ids.filter((_, n) => n % 2 === 0);
      const reapers = Array.from({ length: count }, () => outputOf(start('reap')));
      const ended = await Promise.all([...early, ...reapers]);
      const all = ended.flatMap(({ text }) => JSON.parse(text) as Reaped[]);
      expect(all.filter(({ outcome }) => outcome === 'failed')).to.deep.equal([]);
      // The early one may take a directory from a server that has no lock yet and then makes another.
      const reaped = all
        .filter(({ outcome, reason }) => outcome === 'reaped' && !reason.startsWith('half-made'))
        .map(({ id }) => id);
      // Two may say so: one that removes a directory, one that finds it empty at that moment.
      expect([...new Set(reaped)].sort()).to.deep.equal([...dead].sort());
      const living = ids.filter((id) => !dead.includes(id)).sort();
      expect((await repository.list()).sort()).to.deep.equal(living.map(sessionName));
      expect(readdirSync(markers).sort()).to.deep.equal([...living, 'log'].sort());
      const log = readFileSync(join(markers, 'log'), 'utf8').trim().split('\n');
      expect(log.sort()).to.deep.equal(dead.map((id) => join(markers, id)).sort());
    });
  }

  it('reaps what a clock that was put back since says to be of the future', async () => {
    const tomorrow = new Date(Date.now() + 86_400_000);
    plant('aaaaaaaa', { ...deadRecord('aaaaaaaa'), changed: tomorrow.toISOString() });
    utimesSync(plant('bbbbbbbb'), tomorrow, tomorrow);
    expect(outcomes(await reap(repository, lookups, context))).to.deep.equal({
      aaaaaaaa: 'reaped',
      bbbbbbbb: 'reaped',
    });
  });

  it('can be killed at any moment: the next one does the rest', async function () {
    this.timeout(60_000);
    const program = bundleChild(things.directory());
    const markers = things.directory();
    const log = join(markers, 'log');
    for (let n = 10; n < 40; n++) {
      writeFileSync(join(markers, `aaaaaa${n}`), '');
      const directory = plant(`aaaaaa${n}`, deadRecord(`aaaaaa${n}`, join(markers, `aaaaaa${n}`)));
      mkdirSync(join(directory, 'share'));
    }
    for (let lines = 1; lines < 20; lines += 6) {
      const reaper = things.child(startChild(program, 'reap', state, markers));
      const count = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length : 0);
      const watcher = watch(markers);
      while (count() < lines) await once(watcher, 'change');
      watcher.close();
      await killed(reaper);
    }
    const left = await repository.list();
    expect(left.length).to.be.within(1, 29);
    const rest = await outputOf(startChild(program, 'reap', state, markers));
    expect((JSON.parse(rest.text) as Reaped[]).map(({ outcome }) => outcome)).to.deep.equal(
      left.map(() => 'reaped'),
    );
    expect(await repository.list()).to.deep.equal([]);
    expect(readdirSync(markers)).to.deep.equal(['log']);
  });

  it('goes by the age of the directory where there is no record yet', async () => {
    const directory = plant('aaaaaaaa');
    const options = { olderThan: 60_000 };
    expect(outcomes(await reap(repository, lookups, context, options))).to.deep.equal({
      aaaaaaaa: 'left',
    });
    utimesSync(directory, 1, 1);
    expect(outcomes(await reap(repository, lookups, context, options))).to.deep.equal({
      aaaaaaaa: 'reaped',
    });
  });
});
