import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { renderCompletion } from '../../src/cli/completion.ts';
import { tempDir } from '../support/tempdir.ts';

describe('the completion for bash', () => {
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
    [
      ['chroot', 'a '],
      ['a tree', 'a file'],
    ],
    [['--state-dir', 'a '], ['a tree']],
    [['ssh', 'root@box', '+', 'chr'], ['chroot']],
    [['ssh', 'root@box', '+', 're'], []],
    [['script', 'FILE', '--', 'nu'], ['null']],
    [['run', '--put', 'x:y', 'nul'], ['null']],
    [['help', 'prot'], ['protocol']],
    [['completion', ''], ['bash']],
  ] as const) {
    it(`knows what follows "regime ${typed.join(' ')}"`, async () => {
      expect(await complete(typed)).to.have.members(some);
    });
  }
});

/** What bash would offer. */
async function complete(typed: readonly string[]): Promise<string[]> {
  const directory = tempDir();
  mkdirSync(join(directory, 'a tree'));
  writeFileSync(join(directory, 'a file'), '');
  writeFileSync(join(directory, 'completion'), await renderCompletion());
  const script =
    '. ./completion; complete -p regime >/dev/null || exit; COMP_WORDS=(regime "$@"); ' +
    'COMP_CWORD=$#; _regime; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', ...typed], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect(stderr).to.equal('');
  return stdout.split('\n').filter((line) => line !== '');
}
