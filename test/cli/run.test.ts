import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { cleanUpAfterTest } from '../support/clean-up.ts';
import { serverArgv } from '../support/server.ts';
import { tempDir } from '../support/tempdir.ts';

describe('regime run', function () {
  this.timeout(30_000);
  let state: string;
  const env = () => ({ ...process.env, XDG_STATE_HOME: state });
  const run = (args: string[], input = '') => {
    const [program = '', ...rest] = serverArgv('run', ...args);
    return spawnSync(program, rest, { env: env(), input, encoding: 'utf8' });
  };

  beforeEach(() => {
    state = tempDir();
  });
  afterEach(() => {
    const sessions = `${state}/regime/sessions`;
    const left = existsSync(sessions) ? readdirSync(sessions) : [];
    expect(left.filter((name) => name !== 'last-session')).to.deep.equal([]);
  });

  it('copies in, runs with our input and output, copies out, and ends as the command does', () => {
    const host = tempDir();
    mkdirSync(`${host}/in`);
    writeFileSync(`${host}/in/a b`, 'data\n');
    const script = 'cat "in/a b" -; echo made >out; echo word >&2; exit 7';
    const copies = [`--put=${host}/in:in`, `--get=out:${host}/out`, `--get=in:${host}/dir`];
    const done = run([...copies, 'null', 'sh', '-c', script], 'input\n');
    expect(done.stdout).to.equal('data\ninput\n');
    expect(done.stderr).to.equal('word\n');
    expect(done.status).to.equal(7);
    expect(readFileSync(`${host}/out`, 'utf8')).to.equal('made\n');
    expect(readdirSync(`${host}/dir`)).to.deep.equal(['a b']);
  });

  it('tells a program in JSON how it went', () => {
    const script = 'cat; echo word >&2; exit 7';
    const done = run(['--json', 'null', 'sh', '-c', script], 'input');
    const { milliseconds, ...rest } = JSON.parse(done.stdout) as { milliseconds: number };
    expect(rest).to.deep.equal({ status: 7, stdout: 'input', stderr: 'word\n' });
    expect(milliseconds).to.be.above(0);
    expect([done.status, done.stderr]).to.deep.equal([7, '']);
    const failed = run(['--json', '--put=/no/such:x', 'null', 'true']);
    expect(JSON.parse(failed.stdout)).to.include({ status: 125 }).and.to.have.property('error');
  });

  it('takes a colon in a name, and options of the regime within its word', () => {
    const host = tempDir();
    writeFileSync(`${host}/a:b`, 'x');
    const regime = `null --setup 'test -d /'`;
    const done = run([`--put=${host}/a\\:b:c`, regime, 'cat', 'c']);
    expect([done.stdout, done.status]).to.deep.equal(['x', 0]);
  });

  it('says 125 where something else failed, 127 for no command, 2 for wrong words', () => {
    const failed = run(['--put=/no/such:x', 'null', 'true']);
    expect([failed.status, failed.stderr]).to.deep.equal([125, failed.stderr]);
    expect(failed.stderr).to.match(/^regime: failure: .*\/no\/such.*\n$/);
    expect(run(['--revert', 'null', 'true']).stderr).to.match(/can not be reverted/);
    expect(run(['null', '/no/such/command']).status).to.equal(127);
    const wrong = [
      ['null'],
      [`null 'x`, 'true'],
      ['nonesuch', 'true'],
      ['--put=x', 'null', 'true'],
    ];
    for (const words of wrong) expect(run(words).status, words.join(' ')).to.equal(2);
    expect(run(['chroot', '/', 'true']).stderr).to.contain("are one word, as 'chroot /'");
  });

  it('says in its own words where a command is not right, and where the usage is', () => {
    for (const [words, message] of [
      [['null', 'nonesuch'], /^regime run: .*nonesuch: not found\n$/],
      [
        ['null', 'ls -l /'],
        /\nregime: the command has its arguments in one word, 'ls -l \/': write /,
      ],
      [
        ['null', '--put=a:b', 'ls'],
        /options stand before the regime, .*: --put=a:b \(try 'regime run /,
      ],
      [['null --keep=x', 'ls'], /\(try 'regime null --help'\)\n$/],
      [['nul', 'ls'], /did you mean null\? \(try 'regime --help'\)\n$/],
    ] as const) {
      const { stderr, stdout } = run([...words]);
      expect(stderr).to.match(message);
      expect(stdout).to.equal('');
    }
  });

  it('takes -- before the command too', () => {
    expect(run(['--', 'null', '--', 'echo', '--']).stdout).to.equal('--\n');
  });

  it('ends the command and the testbed when a signal comes, and dies by it', async () => {
    const [program = '', ...rest] = serverArgv(
      'run',
      'null',
      'sh',
      '-c',
      'echo on; exec sleep 1000',
    );
    const child = spawn(program, rest, { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    cleanUpAfterTest(() => void child.kill('SIGKILL'));
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGTERM');
    expect(await ended).to.equal('SIGTERM');
  });
});
