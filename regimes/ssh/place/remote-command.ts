import type { Readable, Writable } from 'node:stream';

import type { Argv, Bytes } from '../../../src/bytes.ts';
import type { ChannelEnding } from '../connection/channel.ts';
import { orderLine } from './command-line.ts';
import type { FarSide } from './far-side.ts';
import { closeAfterExit } from './linger.ts';
import type { WindowSize } from './wrapper.ts';

export interface RemoteOptions {
  terminal?: WindowSize;
  /** Leaves the command out of what is ended with the session: it ends by itself, with its stdin. */
  unlisted?: boolean;
  /** Gives up the start. */
  signal?: AbortSignal;
}

/** A command that runs on the far side. */
export interface RemoteCommand {
  readonly stdin: Writable;
  /** Both are paused. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** PID.START.SESSION of the process that the command began as. */
  readonly key: Bytes;
  /** Settles soon after the command has ended, also where it left something that holds its output. */
  readonly ended: Promise<ChannelEnding>;
  resize(rows: number, columns: number): void;
  /** Gives its streams up. */
  close(): void;
}

/**
 * Starts a command on the far side.
 * @throws TestbedError where it does not start
 */
export async function startRemote(
  far: FarSide,
  argv: Argv,
  { terminal, unlisted = false, signal }: RemoteOptions = {},
): Promise<RemoteCommand> {
  const { channel, mark, key } = await far.wrapper(terminal, signal);
  const order = orderLine(mark, {
    argv,
    environment: terminal ? withTerm(far.environment, terminal.term) : far.environment,
    terminal: terminal !== undefined,
    ...(far.directory !== '' && !unlisted && { directory: far.directory }),
  });
  channel.stdin.write(Buffer.from(order, 'latin1'));
  closeAfterExit(channel);
  return {
    stdin: channel.stdin,
    stdout: channel.stdout,
    stderr: channel.stderr,
    key,
    ended: channel.ended,
    resize: (rows, columns) => channel.resize(rows, columns),
    close: () => channel.close(),
  };
}

function withTerm(environment: Argv, term: string): Argv {
  return environment.length > 0 ? [...environment, `TERM=${term}`] : environment;
}
