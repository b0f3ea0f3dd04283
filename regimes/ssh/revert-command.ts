import { anyOf } from '../../src/abort.ts';
import type { Bytes } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import { describeEnding, type Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';
import { forwardLines } from './setup/forward-lines.ts';

/** Milliseconds that it may take: it may copy the disk of a machine. */
const DEADLINE = 1_800_000;

/**
 * Runs the user's command that puts the machine back to its snapshot, on the host, by `sh`. What it
 * writes is told while it runs.
 * @throws TestbedError where it fails or takes too long
 */
export async function runRevertCommand(
  command: Bytes,
  host: Place,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<void> {
  const timeout = AbortSignal.timeout(DEADLINE);
  const running = host.spawn(['sh', '-c', 'eval "$1" >&2', 'sh', command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: anyOf(signal, timeout),
  });
  const tell = (line: string) => log.warn(`revert: ${line}`);
  const [output, ending] = await Promise.all([forwardLines(running.stderr, tell), running.ended]);
  signal.throwIfAborted();
  if (timeout.aborted || !('status' in ending) || ending.status !== 0) {
    throw new TestbedError({
      step: 'the revert command failed',
      command: ['sh', '-c', command],
      status: timeout.aborted ? `no end within ${DEADLINE / 1000} s` : describeEnding(ending),
      output,
    });
  }
}
