import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { silentLogger } from '../../src/log.ts';
import { localPlace } from '../../src/place/local.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import type { Context, Testbed } from '../../src/regime.ts';
import { rebootTestbed } from '../../src/session/reboot.ts';
import { removeScratch } from '../../src/session/scratch.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';

const context: Context = {
  signal: new AbortController().signal,
  log: silentLogger,
  checkpoint: () => Promise.resolve(),
};

/** This host, which does not reboot but loses what a reboot loses. */
function testbedThat(reboot: (prepareOnly: boolean) => void): Testbed {
  return {
    place: localPlace,
    traits: { isolation: 'machine', ephemeral: false },
    reboot: (_context, prepareOnly) => Promise.resolve(reboot(prepareOnly)),
    close: () => Promise.resolve(),
  };
}

describe('a reboot', () => {
  before(function () {
    if (!existsSync('/var/tmp')) skip(this, 'there is no /var/tmp');
  });

  for (const prepareOnly of [false, true]) {
    it(`carries the scratch space over${prepareOnly ? ', also when it is only prepared for' : ''}`, async () => {
      const scratch = `${tempDir()}/regime.scratch-${process.pid}`;
      mkdirSync(scratch, { mode: 0o750 });
      writeFileSync(`${scratch}/file`, 'kept', { mode: 0o600 });
      symlinkSync('/nowhere', `${scratch}/link`);
      let asked: boolean | undefined;
      const testbed = testbedThat((only) => {
        asked = only;
        rmSync(scratch, { recursive: true });
      });
      await rebootTestbed(testbed, scratch, prepareOnly, context);
      expect(asked).to.equal(prepareOnly);
      expect(statSync(scratch).mode & 0o7777).to.equal(0o750);
      expect(statSync(`${scratch}/file`).mode & 0o7777).to.equal(0o600);
      expect(existsSync(`/var/tmp/regime.scratch-${process.pid}.saved`), 'the copy').to.equal(
        false,
      );
    });
  }

  it('of which nobody sees the end leaves nothing when the scratch space is removed', async () => {
    const scratch = `${tempDir()}/regime.scratch-${process.pid}`;
    mkdirSync(scratch);
    const saved = `/var/tmp/regime.scratch-${process.pid}.saved`;
    const testbed = testbedThat(() => {
      expect(existsSync(saved)).to.equal(true);
      throw new Error('the server was killed');
    });
    await rebootTestbed(testbed, scratch, false, context).catch(() => {});
    await removeScratch(localPlace, scratch);
    expect(existsSync(scratch)).to.equal(false);
    expect(existsSync(saved)).to.equal(false);
  });

  it('is none of those who look for what it left and may not', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const user = plainUser();
    const scratch = `${user.home}/tmp/regime.scratch-${process.pid}`;
    mkdirSync(scratch);
    await removeScratch(prefixedPlace('a plain user', user.argv([]), localPlace), scratch);
    expect(existsSync(scratch)).to.equal(false);
  });

  it('fails where what was saved is gone afterwards', async () => {
    const scratch = `${tempDir()}/regime.scratch-${process.pid}`;
    mkdirSync(scratch);
    const saved = `/var/tmp/regime.scratch-${process.pid}.saved`;
    const testbed = testbedThat(() => rmSync(saved, { recursive: true }));
    const failure = await rebootTestbed(testbed, scratch, false, context).then(
      () => '',
      (cause: unknown) => (cause as Error).message,
    );
    expect(failure).to.include('restore scratch').and.to.include('any more');
  });
});
