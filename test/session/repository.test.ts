import {
  existsSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';

import { expect } from 'chai';

import { UsageError } from '../../src/errors.ts';
import { idOfName, sessionName } from '../../src/session/ids.ts';
import { isHeld } from '../../src/session/lock.ts';
import { repositoryIn } from '../../src/session/repository.ts';
import { defaultStateDirectory } from '../../src/session/state-directory.ts';
import { descriptorCount, litter } from './help.ts';
import { rejection } from './rejection.ts';

describe('the repository of sessions', () => {
  const things = litter();
  let state: string;
  beforeEach(() => (state = join(things.directory(), 'deep', 'state')));
  afterEach(() => things.clean());

  const mode = (path: string) => statSync(path).mode & 0o7777;

  it('is under XDG_STATE_HOME, by default ~/.local/state', () => {
    expect(defaultStateDirectory({ XDG_STATE_HOME: '/x/y' })).to.equal('/x/y/regime');
    for (const environment of [{}, { XDG_STATE_HOME: '' }, { XDG_STATE_HOME: 'relative' }]) {
      const at = (home: string) => join(home, '.local/state/regime');
      expect(defaultStateDirectory({ ...environment, HOME: '/h' })).to.equal(at('/h'));
      for (const unusable of [{}, { HOME: '' }, { HOME: 'relative' }]) {
        const found = defaultStateDirectory({ ...environment, ...unusable });
        expect(found).to.equal(at(userInfo().homedir));
      }
    }
    expect(repositoryIn('/x').path).to.equal('/x/sessions');
  });

  it('that does not exist is an empty list, and is not made by asking', async () => {
    const repository = repositoryIn(state);
    expect(await repository.list()).to.deep.equal([]);
    expect(await repository.last()).to.equal(undefined);
    expect(existsSync(state)).to.equal(false);
  });

  it('lists directories only, and follows no link', async () => {
    const repository = repositoryIn(state);
    const { path } = repository;
    mkdirSync(join(path, 'one'), { recursive: true });
    writeFileSync(join(path, 'file'), '');
    symlinkSync('one', join(path, 'link'));
    expect(await repository.list()).to.deep.equal(['one']);
  });

  it('hides no other error', async () => {
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'sessions'), 'a file');
    const error = (await rejection(repositoryIn(state).list())) as NodeJS.ErrnoException;
    expect(error.code).to.equal('ENOTDIR');
  });

  it('has the session that the link names, relative or absolute', async () => {
    const repository = repositoryIn(state);
    const link = join(repository.path, 'last-session');
    mkdirSync(join(repository.path, 'one'), { recursive: true });
    for (const target of ['one', './one', join(repository.path, 'one')]) {
      symlinkSync(target, link);
      expect(await repository.last()).to.equal(join(repository.path, 'one'));
      rmSync(link);
    }
  });

  it('has no last session where the link is broken, circular, to a file, or no link', async () => {
    const repository = repositoryIn(state);
    const link = join(repository.path, 'last-session');
    mkdirSync(repository.path, { recursive: true });
    writeFileSync(join(repository.path, 'file'), '');
    const broken = ['missing', '/missing/too', 'last-session', 'file', 'file/below'];
    for (const target of [...broken, 'x'.repeat(300)]) {
      symlinkSync(target, link);
      expect(await repository.last(), target).to.equal(undefined);
      rmSync(link);
    }
    writeFileSync(link, 'file');
    expect(await repository.last()).to.equal(undefined);
    rmSync(link);
    mkdirSync(link);
    expect(await repository.last()).to.equal(undefined);
  });

  it('is made with its first session, both for their owner only', async () => {
    const repository = repositoryIn(state);
    const session = await repository.create();
    expect(basename(session.directory)).to.match(/^regime-[a-z0-9]{10}\.session$/);
    expect(idOfName(basename(session.directory))).to.equal(session.id);
    for (const path of [repository.path, session.directory]) expect(mode(path)).to.equal(0o700);
    expect(await repository.list()).to.deep.equal([basename(session.directory)]);
    expect(await isHeld(join(session.directory, 'lock'))).to.equal(true);
    expect(readlinkSync(join(repository.path, 'last-session'))).to.equal(sessionName(session.id));
    await repository.remove(session);
  });

  it('has many sessions side by side, the newest as the last, and removes one at a time', async () => {
    const repository = repositoryIn(state);
    const before = descriptorCount();
    const [one, two] = [await repository.create(), await repository.create()];
    expect(await repository.last()).to.equal(two.directory);
    await one.storage.saveCheckpoint(Buffer.from('one'));
    mkdirSync(join(one.directory, 'share', '\udcff'), { recursive: true });
    await repository.remove(one);
    expect(await repository.list()).to.deep.equal([sessionName(two.id)]);
    await repository.remove(two);
    expect(await repository.list()).to.deep.equal([]);
    expect(await repository.last()).to.equal(undefined);
    expect(descriptorCount()).to.equal(before);
  });

  it('can make twenty sessions at once', async () => {
    const repository = repositoryIn(state);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => repository.create()));
    expect(new Set(sessions.map(({ id }) => id)).size).to.equal(20);
    expect(await repository.list()).to.have.length(20);
    expect(sessions.map(({ directory }) => directory)).to.include(await repository.last());
    for (const session of sessions) await repository.remove(session);
  });

  it('makes a session although something that is no link is named last-session', async () => {
    const repository = repositoryIn(state);
    mkdirSync(repository.path, { recursive: true });
    writeFileSync(join(repository.path, 'last-session'), 'mine');
    await repository.remove(await repository.create());
    expect(readFileSync(join(repository.path, 'last-session'), 'utf8')).to.equal('mine');
  });

  it('in single mode retires the last session, removes it and puts the new one in its place', async () => {
    const repository = repositoryIn(state);
    const [other, old] = [await repository.create(), await repository.create()];
    await old.storage.close();
    old.lock.release();
    const retired: string[] = [];
    const retire = (directory: string): Promise<void> => {
      retired.push(directory);
      return Promise.resolve();
    };
    const session = await repository.create({ retire });
    expect(retired).to.deep.equal([old.directory]);
    expect(existsSync(old.directory)).to.equal(false);
    expect(await repository.last()).to.equal(session.directory);
    const names = [sessionName(other.id), sessionName(session.id)].sort();
    expect((await repository.list()).sort()).to.deep.equal(names);
    for (const each of [other, session]) await repository.remove(each);
  });

  it('in single mode leaves a last session that is alive, or that can not be retired', async () => {
    const repository = repositoryIn(state);
    const old = await repository.create();
    const retire = () => Promise.reject(new Error('engine away'));
    const error = await rejection(repository.create({ retire }));
    expect(error).to.be.instanceOf(UsageError);
    await old.storage.close();
    old.lock.release();
    expect((await rejection(repository.create({ retire }))).message).to.equal('engine away');
    expect(await repository.list()).to.deep.equal([sessionName(old.id)]);
  });

  it('in single mode never removes what the link names elsewhere', async () => {
    const repository = repositoryIn(state);
    const elsewhere = join(things.directory(), sessionName('abcdefgh'));
    for (const path of [elsewhere, repository.path]) mkdirSync(path, { recursive: true });
    symlinkSync(elsewhere, join(repository.path, 'last-session'));
    const retire = () => Promise.reject(new Error('never'));
    await repository.remove(await repository.create({ retire }));
    expect(existsSync(elsewhere)).to.equal(true);
  });
});
