import { expect } from 'chai';

import { without } from './read-output.ts';
import type { HarnessResult } from './run-harness.ts';

/** How two runs of one package may differ; everything else has to be equal. */
export interface Allowance {
  /** Files of the output directory that are looked at elsewhere. */
  files?: readonly string[];
}

/**
 * Asserts that the harness came to the same end, test by test and file by file, with both servers,
 * and that no session of ours is left.
 */
export function expectSame(
  ours: HarnessResult,
  theirs: HarnessResult,
  allow: Allowance = {},
): void {
  const { files = [] } = allow;
  expect(ours.verdicts, ours.log).to.deep.equal(theirs.verdicts);
  expect(ours.status, ours.log).to.equal(theirs.status);
  expect(ours.sessions(), ours.log).to.deep.equal([]);
  const [mine, other] = [without(ours.output, ...files), without(theirs.output, ...files)];
  expect(Object.keys(mine)).to.deep.equal(Object.keys(other));
  for (const [name, content] of Object.entries(mine)) expect(content, name).to.equal(other[name]);
}
