/** Resolves when a signal is aborted, at once where it is already; never rejects. */
export function abortOf(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

const sourcesOf = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * What is aborted with the first of several signals, by its reason. AbortSignal.any's, which holds them
 * weakly: Node may collect a timeout that nobody else knows before it fires, and no time is ever up then
 * (github.com/nodejs/node/issues/57736). Here they live as long as it does.
 */
export function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  sourcesOf.set(any, signals);
  return any;
}

/**
 * A controller of one's own that a signal aborts too, with its reason, until `end`.
 * @throws the signal's reason where that is aborted already
 */
export function relayAbort(signal: AbortSignal): { stop: AbortController; end: () => void } {
  signal.throwIfAborted();
  const stop = new AbortController();
  const pass = () => stop.abort(signal.reason);
  signal.addEventListener('abort', pass, { once: true });
  return { stop, end: () => signal.removeEventListener('abort', pass) };
}
