import type { Duplex } from 'node:stream';

import type { Client, ConnectConfig } from 'ssh2';

import type { Bytes } from '../../../src/bytes.ts';
import { asError, TestbedError } from '../../../src/errors.ts';
import type { Context } from '../../../src/regime.ts';
import { authenticate } from './auth.ts';
import { holdChannel, type Channel, type ExecOptions, type HeldChannel } from './channel.ts';
import { explainHandshake } from './explain.ts';
import { hostKeyAlgorithms, judgeHostKey, type HostKeyVerdict } from './host-key.ts';
import { commandBytes, loadSsh2 } from './load.ts';
import type { Target } from './target.ts';

/** One ssh connection that has let us in. */
export interface Link {
  /** Channels that are open or being opened. */
  readonly channels: number;
  readonly isLost: boolean;
  /** @throws ChannelRefused where the server opens no more; TestbedError for all else */
  exec(command: Bytes, options: ExecOptions): Promise<Channel>;
  /** A connection from the far side to somewhere else. @throws Error */
  forward(host: string, port: number): Promise<Duplex>;
  /** Settles when the connection has ended, and says why. */
  readonly lost: Promise<Error>;
  close(): void;
}

/** The server opens no further channel on this connection (MaxSessions of sshd_config(5)). */
export class ChannelRefused extends Error {
  override readonly name = 'ChannelRefused';
}

/**
 * Speaks ssh over a stream: checks the host's key and logs in.
 * @throws TestbedError with what to do about it
 */
export async function openLink(
  target: Target,
  stream: Duplex,
  context: Pick<Context, 'signal' | 'log'>,
): Promise<Link> {
  const { Client: SshClient } = await loadSsh2();
  const client = new SshClient();
  try {
    await logIn(client, target, stream, context);
  } catch (cause) {
    client.destroy();
    stream.destroy();
    context.signal.throwIfAborted();
    throw cause;
  }
  return makeLink(client, target);
}

async function logIn(
  client: Client,
  target: Target,
  stream: Duplex,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<void> {
  const attempt = await authenticate(target, { signal, log });
  let verdict: HostKeyVerdict = { known: true };
  let greeted = false;
  let giveUp: (cause: Error) => void = () => {};
  const config: ConnectConfig = {
    sock: stream,
    username: target.user,
    // The time that a person takes for a passphrase must not count: we keep time ourselves.
    readyTimeout: 0,
    keepaliveInterval: target.keepAlive.interval,
    keepaliveCountMax: target.keepAlive.count,
    algorithms: {
      serverHostKey: hostKeyAlgorithms(target),
      cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', ...SLOWER],
      compress: ['none'],
    },
    hostVerifier(key: Buffer) {
      verdict = judgeHostKey(target, key);
      return verdict.known;
    },
    authHandler(methods, _partial, callback) {
      attempt
        .next(methods)
        .then(
          (method) => (method ? callback(method) : giveUp(new Error('nothing is left to try'))),
          giveUp,
        );
    },
  };
  await new Promise<void>((resolve, reject) => {
    let failure: Error | undefined;
    const fail = (cause: Error) =>
      reject(explainHandshake(target, cause, { verdict, greeted, attempt }));
    giveUp = fail;
    const slow = setTimeout(() => fail(new Error('timed out')), target.connectTimeout);
    const settled = () => clearTimeout(slow);
    client.once('handshake', () => {
      greeted = true;
      settled();
    });
    // An agent that fails for one key is no end: what is one shows in `close`.
    client.on('error', (cause) => (failure ??= cause));
    client.once('close', () => {
      settled();
      fail(failure ?? new Error('the connection was closed'));
    });
    client.once('ready', () => {
      settled();
      resolve();
    });
    signal.addEventListener('abort', () => reject(asError(signal.reason)), { once: true });
    client.connect(config);
  });
}

const SLOWER = ['chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'] as const;

function makeLink(client: Client, target: Target): Link {
  const channels = new Set<HeldChannel>();
  let opening = 0;
  let reason: Error | undefined;
  let failure: Error | undefined;
  let settle: (cause: Error) => void = () => {};
  const lost = new Promise<Error>((resolve) => (settle = resolve));
  const lose = (cause: Error) => {
    if (reason) return;
    reason = cause;
    for (const channel of channels) channel.lose(cause.message);
    settle(cause);
    client.destroy();
  };
  client.removeAllListeners('error').removeAllListeners('close');
  client.on('error', (cause: Error & { level?: string }) => {
    failure ??= cause;
    // A peer that is silent does not say good-bye either.
    if (cause.level === 'client-timeout') {
      lose(new Error(`the connection to ${target.label} is dead: no answer came in time`));
    }
  });
  client.once('close', () => {
    const why = failure ? `: ${failure.message}` : '';
    lose(new Error(`the connection to ${target.label} was closed${why}`));
  });

  const open = (command: Bytes, { pty }: ExecOptions) =>
    new Promise<HeldChannel>((resolve, reject) => {
      const options = pty ? { pty: { term: pty.term, rows: pty.rows, cols: pty.columns } } : {};
      client.exec(
        commandBytes(command),
        options,
        (cause: (Error & { reason?: unknown }) | undefined, source) => {
          if (!cause) resolve(holdChannel(source));
          else if (cause.reason === undefined) reject(cause);
          else reject(new ChannelRefused(cause.message, { cause }));
        },
      );
    });
  return {
    get channels() {
      return channels.size + opening;
    },
    get isLost() {
      return reason !== undefined;
    },
    async exec(command, options) {
      options.signal?.throwIfAborted();
      opening += 1;
      try {
        const channel = await open(command, options);
        channels.add(channel);
        void channel.ended.then(() => channels.delete(channel));
        options.signal?.addEventListener('abort', () => channel.close(), { once: true });
        return channel;
      } catch (cause) {
        if (cause instanceof ChannelRefused) throw cause;
        throw new TestbedError({
          step: `cannot run a command on ${target.label}`,
          status: asError(reason ?? cause).message,
          cause,
        });
      } finally {
        opening -= 1;
      }
    },
    forward: (host, port) =>
      new Promise((resolve, reject) => {
        client.forwardOut('127.0.0.1', 0, host, port, (cause, channel) => {
          if (cause) reject(cause);
          else resolve(channel);
        });
      }),
    lost,
    close() {
      lose(new Error(`the connection to ${target.label} was closed by us`));
    },
  };
}
