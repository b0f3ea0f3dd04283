import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { parseDuration } from '../../src/cli/duration.ts';
import { deadRecord, litter } from '../session/help.ts';
import { skip } from '../support/skip.ts';

describe('regime reap', () => {
  const things = litter();
  let state: string;
  let sessions: string;
  beforeEach(() => {
    state = things.directory();
    sessions = join(state, 'sessions');
    mkdirSync(sessions);
  });
  afterEach(() => things.clean());

  /** The command as a process, without the other parts of the program. */
  function run(args: string[], env: NodeJS.ProcessEnv = {}) {
    const module = JSON.stringify(new URL('../../src/cli/reap.ts', import.meta.url).href);
    const program = `
      const { reap } = await import(${module});
      const discard = (state) => (state === 'stuck' ? Promise.reject(new Error('stuck')) : Promise.resolve());
      const findRegime = (name) => Promise.resolve(name === 'marker' ? { name, discard } : undefined);
      process.exitCode = await reap(process.argv.slice(1), { findRegime });`;
    const node = ['--import', 'tsx', '--input-type=module', '-e', program, '--', ...args];
    const environment = { ...process.env, XDG_STATE_HOME: '/nonexistent', ...env };
    return spawnSync(process.execPath, node, { encoding: 'utf8', env: environment });
  }

  function plant(id: string, given: unknown, changed = '2020-01-01T00:00:00Z'): void {
    const directory = join(sessions, `regime-${id}.session`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'lock'), '');
    const record = { ...deadRecord(id, given), created: changed, changed };
    writeFileSync(join(directory, 'session'), JSON.stringify(record));
  }

  it('says nothing and exits with 0 where there is nothing to do', () => {
    for (const directory of [state, join(state, 'missing')]) {
      const { status, stdout, stderr } = run(['--state-dir', directory]);
      expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    }
  });

  it('prints a line for each session and exits with 0', () => {
    plant('aaaaaaaa', null);
    plant('bbbbbbbb', null, new Date().toISOString());
    const { status, stdout } = run([`--state-dir=${state}`, '--older-than=1h']);
    expect(status).to.equal(0);
    expect(stdout).to.match(
      /^reaped aaaaaaaa: marker, open, made 2020.*\nleft bbbbbbbb: not old enough\n$/,
    );
    expect(readdirSync(sessions)).to.deep.equal(['regime-bbbbbbbb.session']);
    const json = run([`--state-dir=${state}`, '--older-than=1h', '--json']).stdout;
    expect(JSON.parse(json)).to.include({ id: 'bbbbbbbb', outcome: 'left' });
  });

  it('does nothing in a dry run', () => {
    plant('aaaaaaaa', 'stuck');
    const { status, stdout } = run([`--state-dir=${state}`, '--dry-run']);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^would reap aaaaaaaa: /);
    expect(readdirSync(sessions)).to.deep.equal(['regime-aaaaaaaa.session']);
  });

  it('exits with 1 where something could not be discarded', () => {
    plant('aaaaaaaa', 'stuck');
    plant('bbbbbbbb', null);
    const { status, stdout } = run([`--state-dir=${state}`]);
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/^failed aaaaaaaa: stuck$/m)
      .and.to.match(/^reaped bbbbbbbb: /m);
    expect(readdirSync(sessions)).to.deep.equal(['regime-aaaaaaaa.session']);
  });

  it('looks below XDG_STATE_HOME', () => {
    const home = things.directory();
    mkdirSync(join(home, 'regime/sessions/regime-aaaaaaaa.session'), { recursive: true });
    const { stdout } = run([], { XDG_STATE_HOME: home });
    expect(stdout).to.equal('reaped aaaaaaaa: half-made, nothing was started for it\n');
    expect(existsSync(join(home, 'regime/sessions/regime-aaaaaaaa.session'))).to.equal(false);
  });

  it('puts the old tree back where a copy to this host was cut between its two renames', async () => {
    const place = things.directory();
    const [destination, fresh, aside] = ['tree', '.fresh', '.aside'].map((name) =>
      join(place, name),
    );
    for (const path of [fresh, aside]) mkdirSync(path ?? '');
    writeFileSync(join(aside ?? '', 'old'), '');
    plant('aaaaaaaa', null);
    const file = join(sessions, 'regime-aaaaaaaa.session/session');
    const record = deadRecord('aaaaaaaa', null, 'null');
    const replacement = { on: 'host', destination, fresh, aside };
    writeFileSync(file, JSON.stringify({ ...record, replacement }));
    const { reap } = await import('../../src/cli/reap.ts');
    expect(await reap([`--state-dir=${state}`])).to.equal(0);
    expect(readdirSync(place)).to.deep.equal(['tree']);
    expect(readdirSync(join(place, 'tree'))).to.deep.equal(['old']);
    expect(readdirSync(sessions)).to.deep.equal([]);
  });

  it('says in one line that it can not read the records', () => {
    writeFileSync(join(state, 'file'), '');
    mkdirSync(join(state, 'broken'));
    writeFileSync(join(state, 'broken/sessions'), '');
    const { status, stderr } = run(['--state-dir', join(state, 'broken')]);
    expect(status).to.equal(1);
    expect(stderr).to.match(/^regime: failure: ENOTDIR.*\n$/);
  });

  it('takes wrong options for what they are: one line and exit status 2', () => {
    for (const args of [
      ['--frob'],
      ['no-such-session'],
      ['--older-than=soon'],
      ['--state-dir'],
      ['--dry-run=x'],
    ]) {
      const { status, stdout, stderr } = run(args);
      expect(status, args.join(' ')).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr).to.match(/^regime: [^\n]*\(try 'regime reap --help'\)\n$/);
    }
  }).timeout(60_000);

  it('shows its options', () => {
    const { status, stdout } = run(['--help']);
    expect(status).to.equal(0);
    expect(stdout).to.contain('--older-than=DURATION');
  });

  it('has a manual page without a warning', function () {
    const page = new URL('../../man/regime-reap.1', import.meta.url).pathname;
    const { status, stdout, error } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page], {
      encoding: 'utf8',
    });
    if (error) skip(this, 'mandoc is not installed');
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  });
});

describe('a duration', () => {
  const cases: Record<string, number | undefined> = {
    '0': 0,
    '90': 90_000,
    '1.5': 1500,
    '250ms': 250,
    '90s': 90_000,
    '5m': 300_000,
    '1h30m': 5_400_000,
    '2d': 172_800_000,
    '': undefined,
    soon: undefined,
    '-1': undefined,
    '5x': undefined,
    '5m3': undefined,
    '1e3': undefined,
    ' 5m': undefined,
  };
  for (const [text, milliseconds] of Object.entries(cases)) {
    it(`${JSON.stringify(text)} is ${milliseconds ?? 'none'}`, () => {
      expect(parseDuration(text)).to.equal(milliseconds);
    });
  }
});
