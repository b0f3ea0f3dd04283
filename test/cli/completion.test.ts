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
    [
      ['auto', '--in'],
      ['--in-place', '--init'],
    ],
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
    [
      ['docker', 'deb'],
      ['debian:bookworm', 'debian:sid'],
    ],
    [
      ['docker', 'debian', ':', ''],
      ['bookworm', 'sid'],
    ],
    [['docker', '--standby', '=', '0', 'host', ':', '5000/x', ':', ''], ['1']],
    [['docker', '--host', 'unix', ':', '///other', ''], ['other:1']],
    [
      ['docker', '--podman', ''],
      ['debian:12', 'docker.io/library/debian:12'],
    ],
    [['podman', 'deb'], ['debian:12']],
    [['ssh', 'box', '+', 'docker', ''], []],
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
      ['box', 'bench', 'beta'],
    ],
    [['ssh', 'joe', '@', 'ben'], ['bench']],
    [['ssh', 'root', '@', 'box', '+', 'chr'], ['chroot']],
    [['ssh', 'root', '@', 'box', '+', 're'], []],
    [['script', 'FILE', '--', 'nu'], ['null']],
    [['script', 'FILE', '--', 'null', '--keep', '=', 'al'], ['always']],
    [['script', 'FILE', '--', 'ssh', 'box', '+', 'chr'], ['chroot']],
    [['run', '--put', 'x', ':', 'y', 'nul'], ['null']],
    [['run', 'null', 'c'], []],
    [['run', 'null', 'expr', '1', '+', 'n'], []],
    [['run', "'chroot /'", 'c'], []],
    [['run', "'chr"], ['chroot']],
    [['run', "'re"], []],
    [['run', '"chroot --in-p'], ['chroot --in-place']],
    [['run', "'null --dial"], ['null --dialect=']],
    [['run', "'null --keep=on"], ['null --keep=on-failure']],
    [['run', "'docker debian:s"], ['docker debian:sid']],
    [
      ['run', '--put', 'x', ':', 'y', "'ssh  joe@be"],
      ['ssh  joe@bench', 'ssh  joe@beta'],
    ],
    [['run', "'ssh root@box + chr"], ['ssh root@box + chroot']],
    [['run', "'chroot tr"], ['chroot tree/']],
    [['run', "'chroot a"], []],
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

  it('waits a moment only for an engine that does not answer, and says nothing', () => {
    expect(complete(script, ['docker', '-H', 'tcp', ':', '//silent', ''])).to.deep.equal([]);
  });

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
    terminal.press('C-c');
    await terminal.shows(/\^C\n>[^>]*\n>\n*$|\^C\n>\n*$/);
    terminal.press("regime run 'chr", 'Tab');
    await terminal.shows(/> regime run 'chroot\n*$/);
    terminal.press('tr', 'Tab');
    await terminal.shows(/> regime run 'chroot tree\/\n*$/);
  });
});

/** What bash would offer. */
function complete(script: string, typed: readonly string[]): string[] {
  const directory = exampleHome(script);
  const call =
    '. ./completion; complete -p regime >/dev/null || exit; COMP_WORDS=(regime "$@"); ' +
    'COMP_CWORD=$#; COMP_LINE=$0; _regime; printf "%s\\n" "${COMPREPLY[@]}"; ! test -e obeyed';
  const line = ['regime', ...typed].join(' ').replace(/ ?([=:@]) ?/g, '$1');
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', call, line, ...typed], {
    cwd: directory,
    encoding: 'utf8',
    env: { PATH: `${directory}/bin:${process.env['PATH']}`, HOME: directory },
  });
  expect(stderr).to.equal('');
  expect(status, 'a name was obeyed').to.equal(0);
  // Of words within quotes the only one is there twice, with another space.
  const words = stdout.split('\n').map((word) => word.trimEnd());
  return [...new Set(words)].filter((word) => word !== '');
}

/** Names that engines and files may have, and nobody wants to be offered. */
const HOSTILE = ['$(touch${IFS}obeyed)', '`touch${IFS}obeyed`', '<none>', 'b\x1b[2J', '-b', '*'];

/** An engine's command: its images, those of another engine, and no answer. */
const DOCKER = `#!/bin/sh
case "$*" in
  *silent*) exec sleep 60 ;;
  *other*) echo other:1 ;;
  *) cat "\${0%/*}/images" ;;
esac
`;

const PODMAN = `#!/bin/sh
test "$1 $2" = '--url unix:///run/podman/podman.sock' && echo docker.io/library/debian:12
`;

/** A home with sessions, an ssh_config, engines, a file and directories, and the completion. */
function exampleHome(script: string): string {
  const directory = tempDir();
  const sessions = ['aaaa000001', 'aabb000002', 'bbbb000001'];
  for (const name of [
    'a tree',
    'tree',
    'bin',
    '.ssh/hosts.d',
    ...sessions.map((id) => `.local/state/regime/sessions/regime-${id}.session`),
    'other/sessions/regime-cccc000003.session',
  ]) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  writeFileSync(join(directory, 'a file'), '');
  writeFileSync(join(directory, 'completion'), script);
  writeFileSync(
    join(directory, '.ssh/config'),
    `Host box bench b? !bad\n  User joe\nHost ${HOSTILE.join(' ')}\nInclude hosts.d/*\n`,
  );
  writeFileSync(
    join(directory, '.ssh/hosts.d/more'),
    'Include ~/.ssh/config /nowhere\r\n  HOST = "beta"',
  );
  const images = ['debian:bookworm', 'debian:sid', 'host:5000/x:1', ...HOSTILE];
  writeFileSync(join(directory, 'bin/images'), images.join('\n'));
  writeFileSync(join(directory, 'bin/docker'), DOCKER, { mode: 0o755 });
  writeFileSync(join(directory, 'bin/podman'), PODMAN, { mode: 0o755 });
  return directory;
}
