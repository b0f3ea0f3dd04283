import type { Argv } from '../../src/bytes.ts';
import { succeeded, type Place } from '../../src/place/place.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import type { Testbed } from '../../src/regime.ts';
import type { ChrootState } from './index.ts';
import type { ChrootSettings } from './settings.ts';

/** A testbed that was left to its user. */
export interface Kept {
  /** The monitor's process id. */
  pid: number;
  /** What enters the testbed. */
  auxverb: Argv;
}

/** The testbed that was kept; undefined where none was, or its monitor has gone. */
export async function reachKept(
  { gainRoot, inPlace, source }: ChrootSettings,
  state: ChrootState,
  outer: Place,
  signal: AbortSignal,
): Promise<Testbed | undefined> {
  if (!state.kept || !(await monitorLives(state, state.kept, outer, signal))) return undefined;
  const label = `the chroot testbed over ${source}`;
  return {
    place: prefixedPlace(label, [...gainRoot, ...state.kept.auxverb], outer),
    traits: { isolation: 'none', ephemeral: !inPlace },
    close: () => Promise.resolve(),
  };
}

/** Tells the monitor of a kept testbed to take it away. */
export async function endKept(
  state: ChrootState,
  outer: Place,
  signal: AbortSignal,
): Promise<void> {
  const { kept, gainRoot } = state;
  if (!kept || !(await monitorLives(state, kept, outer, signal))) return;
  await outer.run([...gainRoot, 'sh', '-c', 'kill -TERM "$0"', String(kept.pid)], { signal });
}

/** By its name: the number may be another's by now. */
async function monitorLives(
  { name }: ChrootState,
  { pid }: Kept,
  outer: Place,
  signal: AbortSignal,
): Promise<boolean> {
  const outcome = await outer.run(['cat', `/proc/${pid}/cmdline`], { signal });
  const command = outcome.stdout.replace(/\0+$/, '');
  return succeeded(outcome) && command === `regime: monitor of ${name}`;
}
