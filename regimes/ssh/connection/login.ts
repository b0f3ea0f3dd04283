import type { Duplex } from 'node:stream';

import type { CipherAlgorithm, Client } from 'ssh2';

import { anyOf } from '../../../src/abort.ts';
import { asError } from '../../../src/errors.ts';
import type { Context } from '../../../src/regime.ts';
import { addKnownHost } from './add-known-host.ts';
import { authenticate } from './auth.ts';
import { explainHandshake } from './explain.ts';
import { overhearGreeting } from './greeting.ts';
import { fingerprint, hostKeyAlgorithms, judgeHostKey, type HostKeyVerdict } from './host-key.ts';
import type { Target } from './target.ts';

/** Milliseconds for the log-in, with a person who is asked: servers wait no longer (LoginGraceTime). */
const LOGIN_GRACE = 120_000;

const CLOSED = 'it closed the connection';

/** What OpenSSL does fastest comes first. */
const CIPHERS: CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];

/**
 * Speaks ssh over a stream until the host has let us in.
 * @returns the host's greeting: `SSH-2.0-SOFTWARE COMMENT`
 * @throws TestbedError with what to do about it
 */
export async function logIn(
  client: Client,
  target: Target,
  stream: Duplex,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<string> {
  // Nobody is asked any more once the log-in is over, as when the host has lost its patience.
  const over = new AbortController();
  const attempt = authenticate(target, { signal: anyOf(signal, over.signal), log });
  let verdict: HostKeyVerdict = { known: true };
  let newKey: Buffer | undefined;
  let greeted = false;
  let failure: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  const greeting = overhearGreeting(stream);

  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(explainHandshake(target, cause, { verdict, greeted, attempt }));
    const within = (milliseconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => fail(new Error('timed out')), milliseconds);
    };
    stop = () => reject(asError(signal.reason));
    signal.addEventListener('abort', stop);
    within(target.connectTimeout);
    client.once('handshake', () => {
      greeted = true;
      // Only now has the host shown that it has the private half of the key.
      if (newKey) keepKey(target, newKey, log);
      within(LOGIN_GRACE);
    });
    client.on('error', (cause: Error & { level?: string }) => {
      // A key that does not sign is no end: the next one is tried.
      if (cause.level === 'agent') log.warn(`a key was not used: ${cause.message}`);
      // What closed before it greeted, ssh2 has words of its own for.
      else if (!/lost before handshake/.test(cause.message)) failure ??= cause;
    });
    client.once('close', () => fail(failure ?? new Error(CLOSED)));
    client.once('ready', resolve);
    // Of what was over before, ssh2 would hear nothing.
    if (stream.destroyed || stream.readableEnded) fail(stream.errored ?? new Error(CLOSED));
    client.connect({
      sock: stream,
      username: target.user,
      // The time that a person takes for a passphrase must not count: we keep time ourselves.
      readyTimeout: 0,
      keepaliveInterval: target.keepAlive.interval,
      keepaliveCountMax: target.keepAlive.count,
      algorithms: {
        serverHostKey: hostKeyAlgorithms(target),
        cipher: CIPHERS,
        compress: ['none'],
      },
      hostVerifier(key: Buffer) {
        verdict = judgeHostKey(target, key);
        if (verdict.known || !verdict.isNew || target.hostKeys.checking === 'yes') {
          return verdict.known;
        }
        verdict = { known: true };
        newKey = key;
        return true;
      },
      authHandler(methods, _partial, callback) {
        attempt
          .next(methods)
          .then(
            (method) => (method ? callback(method) : fail(new Error('it does not let us in'))),
            fail,
          );
      },
    });
  }).finally(() => {
    clearTimeout(timer);
    over.abort();
    signal.removeEventListener('abort', stop);
    client.removeAllListeners('error').removeAllListeners('close');
    client.on('error', () => {});
  });
  return greeting();
}

function keepKey(target: Target, key: Buffer, log: Context['log']): void {
  const { label } = target;
  try {
    const file = addKnownHost(target, key);
    log.warn(`the key ${fingerprint(key)} of ${label} was new, and is now in ${file}`);
  } catch (cause) {
    // As ssh does: it will be as new the next time.
    log.warn(
      `the key ${fingerprint(key)} of ${label} is new, and can not be kept: ${asError(cause).message}`,
    );
  }
}
