/** Resolves when a signal is aborted, at once where it is already; never rejects. */
export function abortOf(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/**
 * A controller of one's own that a signal aborts too, with its reason, until `end`. By hand, as Node 20 may
 * collect AbortSignal.any's sources before they fire.
 * @throws the signal's reason where that is aborted already
 */
export function relayAbort(signal: AbortSignal): { stop: AbortController; end: () => void } {
  signal.throwIfAborted();
  const stop = new AbortController();
  const pass = () => stop.abort(signal.reason);
  signal.addEventListener('abort', pass, { once: true });
  return { stop, end: () => signal.removeEventListener('abort', pass) };
}
