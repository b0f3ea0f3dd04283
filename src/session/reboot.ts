import type { Bytes } from '../bytes.ts';
import type { Context, Testbed } from '../regime.ts';
import { runScript } from './probe.ts';

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
  await runScript(testbed.place, 'save-scratch', [scratch], context);
  await testbed.reboot?.(context, prepareOnly);
  await runScript(testbed.place, 'restore-scratch', [scratch], context);
}
