import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  idOf,
  idsOf,
  reapAs,
  runAs,
  selfAs,
  serverOf,
  sessionsOf,
  type Caller,
} from '../crash/caller.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { openTerminal } from '../support/terminal.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';

describe('regime sessions', function () {
  this.timeout(60_000);
  let caller: Caller;
  beforeEach(() => {
    caller = selfAs(tempDir());
    // Of the dead whose records are never reaped too, the scratch spaces go with the test.
    caller.env = { ...caller.env, TMPDIR: caller.work };
  });

  const run = (...args: string[]) => runAs(caller, args);
  const openNull = async () => {
    const server = serverOf(caller, ['null']);
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('open')).to.match(/^ok /);
    return server;
  };

  it('says nothing where there is none', () => {
    expect(run('sessions')).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    expect(run('sessions', '--json')).to.deep.equal({ status: 0, stdout: '[]\n', stderr: '' });
  });

  it('says so to a person, as does reap', async () => {
    const terminal = openTerminal(
      ['sh', '-c', '"$@" sessions && "$@" reap && "$@" reap --json', 'sh', ...serverArgv()],
      { XDG_STATE_HOME: tempDir() },
    );
    await terminal.shows(/^There are no sessions\.\nNothing is left behind\.\nended with 0/m);
  });

  it('shows the living and the dead, the oldest first', async () => {
    // Each server reaps once, soon after its start: when the bait has gone it has done so.
    const bait = `${caller.state}/regime/sessions/regime-aaaaaaaa.session`;
    mkdirSync(bait, { recursive: true });
    const second = await openNull();
    while (existsSync(bait)) await new Promise((resolve) => setTimeout(resolve, 20));
    const living = idOf(caller);
    const first = await openNull();
    const dead = idsOf(caller).find((id) => id !== living);
    first.child.kill('SIGKILL');
    await first.ended;
    const { status, stdout } = run('sessions');
    expect(status).to.equal(0);
    const [heads, two, one, ...more] = stdout.trimEnd().split('\n');
    expect(heads).to.match(/^ID +AGE +REGIME +STATE +OWNER +HOLDS$/);
    expect(one).to.match(
      new RegExp(`^${dead} +\\d+s +null +dead +\\d+ +the host itself; scratch space /`),
    );
    expect(two).to.match(
      /^[a-z0-9]{10} +\d+s +null +open +\d+ +the host itself; scratch space \/.* on the host$/,
    );
    expect(more).to.deep.equal([]);
    const all = JSON.parse(run('sessions', '--json').stdout) as Record<string, unknown>[];
    expect(all.map(({ state }) => state)).to.deep.equal(['open', 'dead']);
    expect(all[1]).to.include({ id: dead, kept: false, share: null, problem: null });
    expect(all[1]?.['regime']).to.deep.equal(['null']);
    expect(await second.command('quit')).to.equal('ok');
  });

  it('shows one by the first letters of its id', async () => {
    const server = await openNull();
    const id = idOf(caller);
    const { status, stdout } = run('sessions', 'show', id.slice(0, 4));
    expect(status).to.equal(0);
    expect(run('sessions', id).stderr).to.contain(`did you mean regime sessions show ${id}?`);
    expect(stdout)
      .to.match(new RegExp(`^id: +${id}$`, 'm'))
      .and.to.match(/^state: +open$/m);
    const json = JSON.parse(run('sessions', 'show', '--json', id).stdout) as { directory: string };
    expect(existsSync(`${json.directory}/session`)).to.equal(true);
    expect(run('sessions', 'show', '--share', id)).to.include({ status: 1, stdout: '' });
    expect(await server.command('quit')).to.equal('ok');
  });

  it('keeps what a dead server left, until it is reaped by its name', async () => {
    const server = await openNull();
    server.child.kill('SIGKILL');
    await server.ended;
    const id = idOf(caller);
    expect(run('sessions', 'keep', id)).to.include({ status: 0, stdout: `${id} is kept\n` });
    expect(reapAs(caller)).to.equal(`left ${id}: kept\n`);
    expect(run('sessions').stdout).to.match(/ kept +\d+ /);
    expect(run('reap', '--dry-run', id).stdout).to.match(/^would reap /);
    expect(run('reap', id)).to.include({ status: 0 });
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  it('does not reap a living one that is named, and says so by its exit status', async () => {
    const server = await openNull();
    const { status, stdout } = run('reap', idOf(caller));
    expect(status).to.equal(1);
    expect(stdout).to.match(/^left \S+: in use by process \d+\n$/);
    expect(await server.command('quit')).to.equal('ok');
  });

  it('shows a damaged record and one of a newer program for what they are', async () => {
    const server = await openNull();
    server.child.kill('SIGKILL');
    await server.ended;
    const file = `${caller.state}/regime/sessions/${readdirSync(`${caller.state}/regime/sessions`)[0] ?? ''}/session`;
    writeFileSync(file, '{"version":99}');
    expect(run('sessions').stdout).to.match(/ newer .*version 99/);
    writeFileSync(file, '\u001b[31m');
    const { status, stdout } = run('sessions');
    expect(status).to.equal(0);
    expect(stdout)
      .to.match(/ damaged /)
      .and.not.include('\u001b');
  });

  it('takes wrong words for what they are: one line and exit status 2', () => {
    for (const args of [
      ['frob'],
      ['show'],
      ['show', 'nosuchsession'],
      ['keep', 'a', 'b'],
      ['--share'],
      ['--frob'],
    ]) {
      const { status, stdout, stderr } = run('sessions', ...args);
      expect({ status, stdout }, args.join(' ')).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/^regime: [^\n]*\(try 'regime sessions --help'\)\n$/);
    }
  });

  it('says what to set where there is no place for records, before the first reply', function () {
    if (process.getuid?.() !== 0) skip(this, 'not root');
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    // A user whom passwd does not know, as containers have them.
    // Its program is one that all may read.
    const server = plainUser().serverArgv('null').slice(-3);
    const argv = ['--reuid=54321', '--clear-groups', ...server];
    const { PATH } = process.env;
    const { status, stdout, stderr } = spawnSync('setpriv', argv, {
      env: { PATH },
      encoding: 'utf8',
    });
    expect({ status, stdout }, stderr).to.deep.equal({ status: 2, stdout: '' });
    expect(stderr).to.match(/^regime: no place for session records: set HOME [^\n]*\n$/);
  });
});
