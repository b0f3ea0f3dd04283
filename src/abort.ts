/** Resolves when a signal is aborted, at once where it is already; never rejects. */
export function abortOf(signal: AbortSignal): Promise<undefined> {
  return heedAbort(signal).aborted;
}

/** The same for one wait of many under a signal that lives long: nothing of it stays there after `end`. */
export function heedAbort(signal: AbortSignal): { aborted: Promise<undefined>; end: () => void } {
  let resolve = (_: undefined) => {};
  const aborted = new Promise<undefined>((settle) => (resolve = settle));
  const heard = () => resolve(undefined);
  if (signal.aborted) heard();
  else signal.addEventListener('abort', heard, { once: true });
  return { aborted, end: () => signal.removeEventListener('abort', heard) };
}

const sourcesOf = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * What is aborted with the first of several signals, by its reason. AbortSignal.any's, which holds them
 * weakly: Node 20 may collect a timeout that nobody else knows before it fires, and no time is ever up then
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
