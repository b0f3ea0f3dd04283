import { anyOf } from '../abort.ts';
import { asError, TestbedError, TimedOut } from '../errors.ts';

/**
 * A signal that is aborted after some milliseconds too. The reason is our own: that of
 * `AbortSignal.timeout` looks to what runs a command like the end of the time that this had itself.
 */
export function within(timeout: number | undefined, signal: AbortSignal): AbortSignal {
  if (timeout === undefined) return signal;
  const limit = new AbortController();
  const expire = () =>
    limit.abort(new TimedOut(`it has taken ${timeout / 1000} s (see --timeout-open)`));
  setTimeout(expire, timeout).unref();
  return anyOf(signal, limit.signal);
}

/** A step that ends the server where it fails; a time limit of its own is a failure of the testbed. */
export async function failingAs<T>(
  step: string,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    signal.throwIfAborted();
    return await run(signal);
  } catch (cause) {
    const error = asError(cause);
    if (error instanceof TestbedError) {
      throw new TestbedError({ ...error.details, step: `${step}: ${error.details.step}`, cause });
    }
    if (error instanceof TimedOut || error.name === 'TimeoutError') {
      throw new TestbedError({ step: `${step}: time is up: ${error.message}`, cause });
    }
    if (signal.aborted) throw cause;
    throw new TestbedError({ step: `${step}: ${error.message}`, cause });
  }
}
