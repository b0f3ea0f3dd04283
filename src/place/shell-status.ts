import { constants } from 'node:os';

import type { Ending } from './place.ts';

/** The exit status that a shell shows: for signal N 128+N. */
export function shellStatus(ending: Ending): number {
  return 'status' in ending ? ending.status : 128 + constants.signals[ending.signal];
}
