import { relayAbort } from '../../abort.ts';
import { asError, CopyFailed, shown, TimedOut } from '../../errors.ts';

/**
 * Runs a copy that is aborted when its caller says so or its time is up, and gives each ending its
 * error.
 */
export async function withinTime(
  what: string,
  options: { signal: AbortSignal; timeLimit: number },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal, timeLimit } = options;
  const { stop, end } = relayAbort(signal);
  const timer = setTimeout(() => {
    stop.abort(new TimedOut(`${shown(what, 200)} took longer than ${timeLimit / 1000} s`));
  }, timeLimit);
  try {
    await work(stop.signal);
  } catch (error) {
    // Whatever an aborted copy says of its own end follows from the abort.
    if (stop.signal.aborted) throw stop.signal.reason;
    if (error instanceof CopyFailed) throw oneLine(error);
    throw new CopyFailed({
      step: onOneLine(`${shown(what, 200)} failed: ${asError(error).message}`),
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    end();
  }
}

/** The words of Node and of the scripts hold names as they are, newlines too. */
function oneLine(error: CopyFailed): CopyFailed {
  const step = onOneLine(error.details.step);
  return step === error.details.step ? error : new CopyFailed({ ...error.details, step });
}

function onOneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ');
}
