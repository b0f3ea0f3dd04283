import type { Duplex } from 'node:stream';

import type { Client } from 'ssh2';

import type { Bytes } from '../../../src/bytes.ts';
import { asError, TestbedError } from '../../../src/errors.ts';
import { gatherWrites } from '../../../src/gather.ts';
import type { Context } from '../../../src/regime.ts';
import { holdChannel, type Channel, type ExecOptions, type HeldChannel } from './channel.ts';
import { sessionsOf } from './greeting.ts';
import { commandBytes, loadSsh2 } from './load.ts';
import { logIn } from './login.ts';
import type { Target } from './target.ts';

/** One ssh connection that has let us in. */
export interface Link {
  /** @throws ChannelRefused where the server opens no more; TestbedError for all else */
  exec(command: Bytes, options: ExecOptions): Promise<Channel>;
  /** A connection from the far side to somewhere else. @throws Error */
  forward(host: string, port: number): Promise<Duplex>;
  /** Commands that may run on it at once, as far as is known before one is refused. */
  readonly sessions: number;
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
  gatherWrites(stream);
  let greeting: string;
  try {
    greeting = await logIn(client, target, stream, context);
  } catch (cause) {
    client.destroy();
    stream.destroy();
    context.signal.throwIfAborted();
    throw cause;
  }
  return makeLink(client, stream, target, sessionsOf(greeting));
}

function makeLink(client: Client, stream: Duplex, target: Target, sessions: number): Link {
  const channels = new Set<HeldChannel>();
  /** What waits for an answer, which ssh2 does not always give when a connection goes. */
  const pending = new Set<(cause: Error) => void>();
  let reason: Error | undefined;
  let failure: Error | undefined;
  let settle: (cause: Error) => void = () => {};
  const lost = new Promise<Error>((resolve) => (settle = resolve));
  const lose = (cause: Error) => {
    if (reason) return;
    reason = cause;
    for (const channel of channels) channel.lose(cause.message);
    for (const fail of pending) fail(cause);
    settle(cause);
    client.destroy();
    stream.destroy();
  };
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

  const answer = <T>(
    ask: (resolve: (value: T) => void, reject: (cause: Error) => void) => void,
  ) => {
    let own = (_cause: Error) => {};
    return new Promise<T>((resolve, reject) => {
      own = reject;
      pending.add(own);
      if (reason) reject(reason);
      else ask(resolve, reject);
    }).finally(() => pending.delete(own));
  };

  const open = (command: Bytes, { pty }: ExecOptions) =>
    answer<HeldChannel>((resolve, reject) => {
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
    async exec(command, options) {
      options.signal?.throwIfAborted();
      try {
        const channel = await open(command, options);
        channels.add(channel);
        const giveUp = () => channel.close();
        options.signal?.addEventListener('abort', giveUp);
        if (options.signal?.aborted) giveUp();
        void channel.ended.then(() => {
          channels.delete(channel);
          options.signal?.removeEventListener('abort', giveUp);
        });
        return channel;
      } catch (cause) {
        if (cause instanceof ChannelRefused) throw cause;
        throw new TestbedError({
          step: `cannot run a command on ${target.label}`,
          status: asError(reason ?? cause).message,
          cause,
        });
      }
    },
    forward: (host, port) =>
      answer<Duplex>((resolve, reject) => {
        client.forwardOut('127.0.0.1', 0, host, port, (cause, channel) => {
          if (cause) reject(cause);
          else resolve(channel);
        });
      }),
    sessions,
    lost,
    close() {
      lose(new Error(`the connection to ${target.label} was closed by us`));
    },
  };
}
