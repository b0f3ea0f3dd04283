import type { Bytes } from '../bytes.ts';
import type { Context, Testbed } from '../regime.ts';
import { runScript } from './probe.ts';
import { SHELTERS } from './scratch.ts';

/** Milliseconds that a scratch space may take to be saved, or put back. */
const DEADLINE = 300_000;

/**
 * Reboots a testbed and carries the scratch space over: it is saved outside any tmpfs, and put back
 * under its path. The test waits until its mark is gone, which says that all is saved.
 */
export async function rebootTestbed(
  testbed: Testbed,
  scratch: Bytes,
  prepareOnly: boolean,
  context: Context,
): Promise<void> {
  const words = [scratch, ...SHELTERS];
  await runScript(testbed.place, 'save-scratch', words, context, DEADLINE);
  await testbed.reboot?.(context, prepareOnly);
  await runScript(testbed.place, 'restore-scratch', words, context, DEADLINE);
}
