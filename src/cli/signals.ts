/** Why the server ends: somebody sent it a signal. */
export class Signalled extends Error {
  override readonly name = 'Signalled';
  constructor(readonly signal: NodeJS.Signals) {
    super(`received ${signal}`);
  }
}

/** The first signal ends the server in good order; a second one ends it at once. */
export function haltOnSignals(
  signals: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGTERM'],
): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    process.on(signal, () => {
      if (controller.signal.aborted) dieBy(signal);
      else controller.abort(new Signalled(signal));
    });
  }
  return controller.signal;
}

/** Dies by a signal, so that whoever waits for us sees why. */
export function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
