import { chownSync } from 'node:fs';

import { cleanUpAfterFile } from '../support/clean-up.ts';
import { makeInputs } from './inputs.ts';
import { fixturePackage, openDirectory, runHarness, type HarnessResult } from './run-harness.ts';
import { processesWith } from './stray.ts';

/**
 * Runs the package `verdicts` on this machine itself, so whatever its tests write goes into a directory
 * of theirs.
 * @param owner whose that directory is to be
 */
export async function runVerdictsHere(
  server: string[],
  more: string[] = [],
  owner?: { uid: number; gid: number },
): Promise<HarnessResult> {
  const directory = openDirectory();
  const copied = `${directory}/copied`;
  const setUp = `${directory}/set-up`;
  const { options, mark } = makeInputs(directory, { copied, kept: '.', setUp });
  cleanUpAfterFile(() => {
    for (const pid of processesWith(mark)) process.kill(pid, 'SIGKILL');
  });
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const subject = fixturePackage('verdicts');
  return runHarness({ server, subject, here: true, options: [...options, ...more] });
}
