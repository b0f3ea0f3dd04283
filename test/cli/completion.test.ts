import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { renderCompletion } from '../../src/cli/completion.ts';
import { tempDir } from '../support/tempdir.ts';
import { openTerminal } from '../support/terminal.ts';

describe('the completion for bash', () => {
  let script: string;
  before(async () => {
    script = await renderCompletion();
  });

  for (const [typed, some] of [
    [['re'], ['reap', 'reset']],
    [['chr'], ['chroot']],
    [['chroot', '--in-p'], ['--in-place']],
    [['--dial'], ['--dialect=']],
    [['null', '--keep', '=', 'on'], ['on-failure']],
    [['null', '--keep', 'al'], ['always']],
    [
      ['--dialect', '=', ''],
      ['classic', 'current'],
    ],
    [
      ['docker', '--pull', '='],
      ['always', 'missing', 'never'],
    ],
    [['docker', '--pull', 'a'], []],
    [['docker', 'debian', ':', 'b'], []],
    [['docker', 'debian', '--'], []],
    [
      ['null', '--capability', '=', 'isolation-'],
      ['isolation-container', 'isolation-machine'],
    ],
    [
      ['chroot', 'a '],
      ['a tree', 'a file'],
    ],
    [['--state-dir', 'a '], ['a tree']],
    [
      ['ssh', '-i', 'a '],
      ['a tree', 'a file'],
    ],
    [
      ['ssh', 'b'],
      ['box', 'bench'],
    ],
    [['ssh', 'joe', '@', 'be'], ['bench']],
    [['ssh', 'root', '@', 'box', '+', 'chr'], ['chroot']],
    [['ssh', 'root', '@', 'box', '+', 're'], []],
    [['script', 'FILE', '--', 'nu'], ['null']],
    [['run', '--put', 'x', ':', 'y', 'nul'], ['null']],
    [['run', 'null', 'c'], []],
    [['help', 'prot'], ['protocol']],
    [['completion', ''], ['bash']],
    [
      ['sessions', ''],
      ['show', 'keep'],
    ],
    [
      ['sessions', 'show', 'a'],
      ['aaaa000001', 'aabb000002'],
    ],
    [['shell', 'aab'], ['aabb000002']],
    [['shell', 'aabb000002', 'a'], []],
    [
      ['reap', 'aaaa000001', 'aa'],
      ['aaaa000001', 'aabb000002'],
    ],
    [['reap', '--state-dir', '=', 'other', ''], ['cccc000003']],
    [['reap', '--state-dir', 'nowhere', ''], []],
  ] as const) {
    it(`knows what follows "regime ${typed.join(' ')}"`, () => {
      expect(complete(script, typed)).to.have.members(some);
    });
  }

  it('completes at a terminal, without a word of its own', async function () {
    this.timeout(90_000);
    const directory = exampleHome(script);
    const terminal = openTerminal(['bash', '--norc', '--noprofile', '-i'], {
      HOME: directory,
      XDG_STATE_HOME: join(directory, '.local/state'),
    });
    terminal.press(`cd ${directory}; . ./completion; PS1='> '; clear`, 'Enter');
    await terminal.shows(/^>\n*$/);
    // A Tab that comes while another one is worked off may be lost.
    terminal.press('regime chr', 'Tab');
    await terminal.shows(/> regime chroot\n*$/);
    terminal.press('--keep=on', 'Tab');
    await terminal.shows(/--keep=on-failure\n*$/);
    terminal.press('a', 'Tab');
    await terminal.shows(/on-failure a\\\n*$/);
    terminal.press('Tab', 'Tab');
    await terminal.shows(/regime chroot --keep=on-failure a\\\na file +a tree\//);
    terminal.press('t', 'Tab');
    await terminal.shows(/on-failure a\\ tree\//);
    // What is typed with it would go with the line that it gives up.
    terminal.press('C-c');
    await terminal.shows(/\^C\n>/);
    terminal.press('regime sh', 'Tab');
    await terminal.shows(/> regime shell\n*$/);
    terminal.press('aab', 'Tab');
    await terminal.shows(/> regime shell aabb000002/);
  });
});

/** What bash would offer. */
function complete(script: string, typed: readonly string[]): string[] {
  const directory = exampleHome(script);
  const call =
    '. ./completion; complete -p regime >/dev/null || exit; COMP_WORDS=(regime "$@"); ' +
    'COMP_CWORD=$#; _regime; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', call, 'bash', ...typed], {
    cwd: directory,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: directory },
  });
  expect(stderr).to.equal('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** A home with sessions, an ssh_config, a file and a directory, and the completion. */
function exampleHome(script: string): string {
  const directory = tempDir();
  const sessions = ['aaaa000001', 'aabb000002', 'bbbb000001'];
  for (const name of [
    'a tree',
    '.ssh',
    ...sessions.map((id) => `.local/state/regime/sessions/regime-${id}.session`),
    'other/sessions/regime-cccc000003.session',
  ]) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  writeFileSync(join(directory, 'a file'), '');
  writeFileSync(join(directory, 'completion'), script);
  writeFileSync(join(directory, '.ssh/config'), 'Host box bench\n  User joe\nHost *\n');
  return directory;
}
