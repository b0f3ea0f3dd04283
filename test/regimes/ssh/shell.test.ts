import { spawnSync } from 'node:child_process';

import { expectTerminal } from '../../session/terminal.ts';
import { makeAccount } from '../../support/account.ts';
import { skip } from '../../support/skip.ts';
import { startSshd } from '../../support/sshd.ts';
import { sshWords } from './support.ts';

describe('shell on a machine behind ssh', function () {
  this.timeout(90_000);

  it('is one at a terminal: its name, its size, its job control, its variables', async function () {
    if (spawnSync('expect', ['-v']).status !== 0) skip(this, 'there is no expect(1)');
    const sshd = await startSshd(this);
    await expectTerminal(sshWords(sshd, makeAccount({ sudo: 'free' }).name), {}, '/dev/pts/[0-9]+');
  });
});
