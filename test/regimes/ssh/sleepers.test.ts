import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';

import { expect } from 'chai';

import { farScript } from '../../../regimes/ssh/place/far-scripts.ts';
import { localPlace } from '../../../src/place/local.ts';
import { readScript } from '../../../src/place/script.ts';
import { allProcesses, killIfThere, untilNone } from '../../crash/processes.ts';
import { SOAK } from '../../support/soak.ts';
import { tempDir } from '../../support/tempdir.ts';

/** So many are started one after the other, by each of some that do so at once: it takes a busy machine. */
const ROUNDS = SOAK ? 500 : 25;
const AT_ONCE = 4;

/** Seconds that nobody else sleeps. */
const SILENCE = 100_000 + process.pid;

describe('what waits on the far side for a sign of life', function () {
  this.timeout(ROUNDS * 2000);
  const reserve = readScript(
    'reserve.sh',
    new URL('../../../regimes/ssh/x', import.meta.url).href,
  ).replace(/^silence=.*/m, `silence=${SILENCE}`);
  const scripts = {
    keeper: (directory: string) => farScript('keeper', directory, String(SILENCE)),
    // With locks of its own: those of this machine are other tests' too.
    'holder of a reservation': (directory: string) => [
      ...['sh', '-c', reserve.replace(' /run/lock ', ` ${dirname(directory)} `)],
      ...['reserve', 'shared', 'a test'],
    ],
  };

  for (const [what, script] of Object.entries(scripts)) {
    it(`leaves no sleep where the server has gone at once: a ${what}`, async () => {
      const directory = tempDir();
      chmodSync(directory, 0o1777);
      const asleep = () => allProcesses().filter(({ command }) => command === `sleep ${SILENCE}`);
      const starts = Array.from({ length: AT_ONCE }, async (_, number) => {
        for (let round = 0; round < ROUNDS; round++) {
          await localPlace.run(script(`${directory}/${number}-${round}`));
        }
      });
      await Promise.all(starts);
      const left = await untilNone(asleep, 1000);
      for (const { pid } of left) killIfThere(pid);
      expect(left).to.deep.equal([]);
    });
  }
});
