import { readFileSync } from 'node:fs';

import type { Argv } from '../../src/bytes.ts';
import type { Place } from '../../src/place/place.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import type { Testbed } from '../../src/regime.ts';
import type { ChrootState } from './index.ts';
import type { ChrootSettings } from './settings.ts';

/** A testbed that was left to its user, on this host. */
export interface Kept {
  /** The monitor's process id. */
  pid: number;
  /** What enters the testbed. */
  auxverb: Argv;
}

/** The testbed that was kept; undefined where none was, or its monitor has gone. */
export function reachKept(
  { gainRoot, inPlace, source }: ChrootSettings,
  state: ChrootState,
  outer: Place,
): Testbed | undefined {
  if (!state.kept || !monitorLives(state, state.kept)) return undefined;
  const label = `the chroot testbed over ${source}`;
  return {
    place: prefixedPlace(label, [...gainRoot, ...state.kept.auxverb], outer),
    traits: { isolation: 'none', ephemeral: !inPlace },
    close: () => Promise.resolve(),
  };
}

/** Tells the monitor of a kept testbed to take it away. */
export async function endKept(state: ChrootState, outer: Place): Promise<void> {
  const { kept, gainRoot } = state;
  if (!kept || !monitorLives(state, kept)) return;
  await outer.run([...gainRoot, 'sh', '-c', 'kill -TERM "$0"', String(kept.pid)]);
}

/** By its name: the number may be another's by now. */
function monitorLives({ name }: ChrootState, { pid }: Kept): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0+$/, '');
    return command === `regime: monitor of ${name}`;
  } catch {
    return false;
  }
}
