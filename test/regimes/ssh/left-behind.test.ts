import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { reapAs, selfAs, serverOf, sessionsOf } from '../../crash/caller.ts';
import { tempDir } from '../../support/tempdir.ts';

describe('what a setup script made', function () {
  this.timeout(60_000);

  for (const [what, open, failure] of [
    ['failed to open', 'exit 3', /exit status 3/],
    ['can not be logged in to', 'echo hostname=127.0.0.1; echo port=1', /does not answer/],
  ] as const) {
    it(`and ${what} stays in the records until it is cleaned up`, async () => {
      const caller = selfAs(tempDir());
      const script = `${caller.work}/setup`;
      const text = `#!/bin/sh
        echo "$1" >>${caller.work}/calls
        case $1 in
          open) ${open} ;;
          cleanup) [ ! -e ${caller.work}/stuck ] || { echo 'the cloud is away' >&2; exit 1; } ;;
        esac`;
      writeFileSync(script, text, { mode: 0o755 });
      writeFileSync(`${caller.work}/stuck`, '');

      const server = serverOf(caller, ['ssh', '-s', script, '--timeout-ssh=1']);
      server.send('open\n');
      expect((await server.ended).status).to.equal(12);
      expect(server.stderr()).to.match(failure);
      expect(server.stderr()).to.match(
        /^regime: what is left of session \S+ stays for 'regime reap': .*the cloud is away$/m,
      );
      expect(sessionsOf(caller)).to.have.lengthOf(1);

      rmSync(`${caller.work}/stuck`);
      expect(reapAs(caller)).to.match(/^reaped /);
      expect(sessionsOf(caller)).to.deep.equal([]);
      const calls = readFileSync(`${caller.work}/calls`, 'utf8').trim().split('\n');
      expect(calls.filter((call) => call === 'cleanup')).to.have.lengthOf(2);
    });
  }
});
