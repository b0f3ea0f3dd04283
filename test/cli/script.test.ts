import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { serverArgv } from '../support/server.ts';
import { tempDir } from '../support/tempdir.ts';

describe('regime script', function () {
  this.timeout(30_000);
  const run = (script: string, ...options: string[]) => {
    const directory = tempDir();
    writeFileSync(`${directory}/script`, script);
    const [program = '', ...rest] = serverArgv('script', ...options, 'script', '--', 'null');
    const env = { ...process.env, XDG_STATE_HOME: directory };
    return spawnSync(program, rest, { cwd: directory, env, encoding: 'utf8' });
  };

  it('works off commands with quotes, comments and variables, and expects answers', () => {
    const done = run(`# a comment
      open
      set scratch
      set name "a b"
      ! sh -c 'echo data >"$1"; exit 3' sh "$scratch/$name"
      expect ok 3
      copyup "$scratch/$name" \\
        "$scratch/copy"
      copydown /no/such "$scratch/x"
      expect copy-failed
      !cat "$scratch/copy"
      execute sh,-c,'exit 4' /dev/null /dev/null /dev/null /
      expect ok 4
      close
      open
      expect ok /*/*
    `);
    expect(done.stderr).to.equal('');
    expect([done.stdout, done.status]).to.deep.equal(['data\n', 0]);
  });

  it('reads what editors of other systems write: a mark at the beginning, and two bytes at line ends', () => {
    const done = run('\ufeffopen\r\n!echo here\r\n');
    expect([done.stderr, done.stdout, done.status]).to.deep.equal(['', 'here\n', 0]);
  });

  it('stops at the first failure, with file and line', () => {
    const failures: [script: string, words: RegExp][] = [
      ['open\n!false\n!echo no\n', /^regime: script:2: .*exit status 1\n$/],
      ['open\nopen\n!echo no\n', /^regime: script:2: .*open already\n$/],
      ['open\ncopydown /no/such /x\n\n!echo no\n', /^regime: script:2: copy-failed: .*\n$/],
      ['open\n!true\nexpect ok 1\n!echo no\n', /^regime: script:3: expected ok 1, got ok 0\n$/],
      ['ls /\n', /^regime: script:1: unknown command ls; !ls runs it in the testbed\n$/],
      ['opne\n', /^regime: script:1: unknown command opne; did you mean open\?\n$/],
      ['open\ncopydown x\n', /^regime: script:2: .* copydown: 1; it is written copydown HOST TE/],
      ['open\nexpect\n', /^regime: script:2: expect: an answer is wanted, as ok 0\n$/],
      ['open\n!echo "no\n', /^regime: script:2: a double quote is not closed\n$/],
      ['open\n!echo $no\n', /^regime: script:2: the variable no is not set\n$/],
    ];
    for (const [script, words] of failures) {
      const done = run(script);
      expect(done.stderr).to.match(words);
      expect([done.stdout, done.status], script).to.deep.equal(['', 1]);
    }
  });

  /** Runs a script with a regime of its user's own: some properties of its testbed are given. */
  const runMine = (text: string, properties: string) => {
    const directory = tempDir();
    const module = `export const regime = {
      name: 'mine', summary: 'mine', operands: '', options: [],
      configure: () => ({}), plan: () => ({}), discard: async () => {},
      open: async (settings, state, outer) => ({
        place: outer, traits: { isolation: 'none', ephemeral: false }, close: async () => {},
        ${properties}
      }),
    };`;
    writeFileSync(`${directory}/mine.mjs`, module);
    writeFileSync(`${directory}/script`, text);
    const [program = '', ...rest] = serverArgv('script', 'script', '--', './mine.mjs');
    const env = { ...process.env, XDG_STATE_HOME: directory };
    return spawnSync(program, rest, { cwd: directory, env, encoding: 'utf8' });
  };

  it('lets no testbed steer the terminal by what it says of a failure', () => {
    const failure = "debugFailure: async () => 'one\\x1b[2J\\ntwo\\x07\\n',";
    const done = runMine('open\nauxverb-debug-fail\n', failure);
    expect([done.stderr, done.status]).to.deep.equal(['one [2J\ntwo \n', 0]);
  });

  it('says once that it is the close that fails', () => {
    const done = runMine('open\n', "close: async () => { throw new Error('it is stuck'); },");
    expect(done.stderr).to.match(/^regime: failure: close: it is stuck$/m);
    expect(done.status).to.equal(1);
  });

  it('tells each step where it is asked to, as lines or as JSON', () => {
    expect(run('open\nclose\n', '-v').stdout).to.match(/^1: open -> ok \/.*ms\)\n2: close -> ok/);
    const lines = run('open\nclose\n', '--json').stdout.trim().split('\n');
    const steps = lines.map((line) => JSON.parse(line) as { command: string[]; reply: string });
    expect(steps.map(({ command, reply }) => [command, reply])).to.deep.equal([
      [['open'], 'ok'],
      [['close'], 'ok'],
    ]);
  });
});
