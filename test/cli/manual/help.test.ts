import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { serverArgv } from '../../support/server.ts';
import { tempDir } from '../../support/tempdir.ts';
import { openTerminal } from '../../support/terminal.ts';

describe('regime help NAME', () => {
  for (const [name, title] of [
    ['chroot', 'regime-chroot - '],
    ['run', 'regime-run - '],
    ['regime-run', 'regime-run - '],
    ['protocol', 'regime-protocol - '],
    ['session-share(7)', 'regime-session-share - '],
    ['completion', 'regime-completion - '],
    ['regime', 'regime - '],
  ] as const) {
    it(`shows the page of ${name} as text`, () => {
      const { stdout, stderr, status } = help(name);
      expect({ stderr, status }).to.deep.equal({ stderr: '', status: 0 });
      expect(stdout)
        .to.match(/^NAME\n/)
        .and.contain(title)
        .and.contain('\nSEE ALSO\n');
    });
  }

  it('tells of a word of the protocol what the prompt does', () => {
    const { stdout, status } = help('revert');
    expect(stdout).to.match(
      /^ {2}revert +Puts the testbed back .*\n\nSee 'regime help protocol'.\n$/s,
    );
    expect(status).to.equal(0);
  });

  it('says what is no name', () => {
    const { stdout, stderr, status } = help('bogus');
    expect({ stdout, status }).to.deep.equal({ stdout: '', status: 2 });
    expect(stderr).to.contain('there is no regime or command "bogus"');
  });

  it('leaves a terminal to man(1)', async () => {
    const terminal = openTerminal(serverArgv('help', 'run'), { PATH: fakeMan('echo man "$@"') });
    expect(await terminal.shows(/ended with 0/)).to.match(/man -l \S+\/man\/regime-run\.1/);
  });

  it('shows the text on a terminal where man(1) fails', async () => {
    const terminal = openTerminal(serverArgv('help', 'run'), { PATH: fakeMan('exit 1') });
    expect(await terminal.shows(/ended with 0/)).to.contain('SEE ALSO');
  });
});

function help(name: string) {
  const [program = '', ...args] = serverArgv('help', name);
  return spawnSync(program, args, { encoding: 'utf8' });
}

/** A PATH on which `man` is a script. */
function fakeMan(script: string): string {
  const directory = tempDir();
  writeFileSync(join(directory, 'man'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, 'man'), 0o755);
  return `${directory}:${process.env['PATH'] ?? ''}`;
}
