import fc from 'fast-check';
import { mkdirSync } from 'node:fs';

import { copyDown, copyUp } from '../../../src/place/copy.ts';
import { SOAK } from '../../support/soak.ts';
import { removeTree, tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace } from './support/places.ts';
import { makeTrees, tree } from './support/random-tree.ts';
import { differences, walkTree, type Seen } from './support/tree-walk.ts';

/** Trees in one copy: starting processes for each of them would take most of the time. */
const BATCH = 20;

describe('Copies of random trees', function () {
  this.timeout(SOAK ? 1_800_000 : 120_000);

  for (const existing of ['replace', 'merge'] as const) {
    it(`keep all that cp -dR --preserve=mode,timestamps does, to ${existing}`, async () => {
      const numRuns = (SOAK ? 5000 : 200) / BATCH / 2;
      const trees = fc.array(tree, { minLength: BATCH, maxLength: BATCH });
      let run = 0;
      const directory = tempDir();
      const place = envPlace();
      await fc.assert(
        fc.asyncProperty(trees, async (some) => {
          const work = `${directory}/${run++}`;
          mkdirSync(`${work}/source`, { recursive: true });
          makeTrees(`${work}/source`, some);
          const options = copyOptions();
          // Twice each: the second time into what the first one made.
          for (let round = 0; round < 2; round++) {
            const down = { host: `${work}/source/`, testbed: `${work}/down/` };
            await copyDown(place, { ...down, kind: 'directory', existing }, options);
            const up = { host: `${work}/up/`, testbed: `${work}/down/` };
            await copyUp(place, { ...up, kind: 'directory', existing }, options);
          }
          const source = walkTree(`${work}/source`);
          same(walkTree(`${work}/down`), source);
          same(walkTree(`${work}/up`), withoutSetId(source));
          if (options.warnings.length > 0) throw new Error(options.warnings.join());
          removeTree(work);
        }),
        // Shrinking a batch is slow; its seed is in the message.
        { numRuns, endOnFailure: true },
      );
    });
  }
});

/** As a tree comes up from a testbed. */
function withoutSetId(seen: Seen[]): Seen[] {
  return seen.map((entry) =>
    entry.type === '12' ? entry : { ...entry, mode: entry.mode & 0o1777 },
  );
}

function same(actual: Seen[], wanted: Seen[]): void {
  const lines = differences(actual, wanted);
  if (lines.length > 0) throw new Error(`the trees differ:\n${lines.join('\n')}`);
}
