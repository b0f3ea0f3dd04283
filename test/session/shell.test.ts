import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { selfAs } from '../crash/caller.ts';
import { openSession } from '../regimes/support/session.ts';
import { debianTree, hasFixtures } from '../support/fixtures.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { expectTerminal } from './terminal.ts';

describe('shell', function () {
  this.timeout(60_000);

  for (const [name, argsOf] of [
    ['null', () => ['null']],
    ['chroot', () => ['chroot', debianTree()]],
  ] as const) {
    it(`is a shell at a terminal with ${name}: its size, its job control, its variables`, async function () {
      if (spawnSync('expect', ['-v']).status !== 0) skip(this, 'there is no expect(1)');
      if (name === 'chroot' && process.getuid?.() !== 0) skip(this, 'only root can do this');
      if (name === 'chroot' && !hasFixtures()) skip(this, 'there is no Debian root file system');
      await expectTerminal(argsOf());
    });
  }

  it('says that there is no terminal, and replies ok all the same', async () => {
    // The servers of tests are in sessions of their own, where /dev/tty can't be opened.
    const bed = await openSession(selfAs(tempDir()), ['null']);
    expect(await bed.server.command('shell / A="b"')).to.equal('ok');
    expect(bed.server.stderr()).to.match(/^regime: shell: there is no terminal .*\n$/);
    expect(await bed.sh('echo alive')).to.equal('alive');
    await bed.quit();
  });
});
