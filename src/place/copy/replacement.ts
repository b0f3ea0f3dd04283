import { randomBytes } from 'node:crypto';

import type { Bytes } from '../../bytes.ts';
import { faultPoint } from '../../fault.ts';
import type { CopyOptions } from '../copy.ts';
import { joinName, named } from './paths.ts';

/** Names of what a copy makes beside (or in) its destination, planned before anything is made. */
export interface Replacement {
  on: 'host' | 'testbed';
  destination: Bytes;
  /** What is copied is first made here. */
  fresh: Bytes;
  /** The old destination has this name until it is gone. */
  aside: Bytes;
}

/** Random names in a directory. They don't hold the destination's: that may be as long as names get. */
export function planReplacement(
  on: 'host' | 'testbed',
  destination: Bytes,
  directory: Bytes,
): Replacement {
  const base = joinName(directory, `.regime-${randomBytes(6).toString('hex')}`);
  return { on, destination, fresh: `${base}.new`, aside: `${base}.old` };
}

/**
 * Does a work between the two entries of the journal. Where it fails what it made is taken away;
 * where even that fails (the testbed is gone) the entry stays for the reaper.
 */
export async function journalled(
  replacement: Replacement,
  { journal: wanted, disposable, log }: CopyOptions,
  settle: () => Promise<void>,
  work: () => Promise<void>,
): Promise<void> {
  const journal = disposable && replacement.on === 'testbed' ? undefined : wanted;
  await journal?.planned(replacement);
  faultPoint(replacement.on === 'host' ? 'copyup.planned' : 'copydown.planned');
  try {
    await work();
  } catch (error) {
    try {
      await settle();
      await journal?.done();
    } catch (cause) {
      log.warn(`could not remove what a failed copy left beside ${named(replacement.destination)}`);
      log.debug(String(cause));
    }
    throw error;
  }
  await journal?.done();
}
