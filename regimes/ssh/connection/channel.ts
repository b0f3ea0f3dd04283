import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';

import type { ClientChannel } from 'ssh2';

import type { Bytes } from '../../../src/bytes.ts';
import type { Ending } from '../../../src/place/place.ts';

/** How a remote command ended; `lost` where the connection went before an answer. */
export type ChannelEnding = Ending | { lost: string };

/** A remote command that runs. */
export interface Channel {
  /** Ending it gives the command EOF. EPIPE where the command has gone with input left unread. */
  readonly stdin: Writable;
  /** Both have to be read, resumed or destroyed: an unread one holds up the other, and the ending. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The command has ended or is lost, though others may still hold its output. Never rejects. */
  readonly exited: Promise<void>;
  /** Settles after the streams have ended; never rejects, and never hangs after a loss. */
  readonly ended: Promise<ChannelEnding>;
  /** Tells the size of the window, with a pty. */
  resize(rows: number, columns: number): void;
  /** Gives the channel up: the far side sees its pipes closed, with a pty a hangup. */
  close(): void;
}

export interface ExecOptions {
  /** A pseudo-terminal for the command. */
  pty?: { term: string; rows: number; columns: number };
  /** Gives up the wait for a channel, and closes the channel later. */
  signal?: AbortSignal;
}

/** Looks like one connection; further ones are opened where the server's MaxSessions is met. */
export interface Connection {
  /** @throws TestbedError where no channel can be opened */
  exec(command: Bytes, options?: ExecOptions): Promise<Channel>;
  /** user@host, for messages. */
  readonly label: string;
  /** Settles when the peer is dead (keepalive) or the connection ended, also by `close`. */
  readonly lost: Promise<Error>;
  close(): void;
}

/** A channel, and what its connection has to tell it. */
export interface HeldChannel extends Channel {
  /** The connection went, and why. */
  lose(reason: string): void;
}

/** Milliseconds that the last output may still be read for after a loss. */
const LAST_WORDS = 5000;

/** What ssh2 lets come before it is read: its window. */
const WINDOW = 2 * 1024 * 1024;

/** Streams and an ending that can be relied on, of a channel of ssh2's. */
export function holdChannel(source: ClientChannel): HeldChannel {
  let ending: ChannelEnding | undefined;
  let reason = 'the server closed the channel without an exit status';
  let settle: (ending: ChannelEnding) => void = () => {};
  const ended = new Promise<ChannelEnding>((resolve) => (settle = resolve));
  let exit: () => void = () => {};
  const exited = new Promise<void>((resolve) => (exit = resolve));
  void ended.then(() => exit());

  const input = inputOf(source);
  const stdout = outputOf(source, source.stderr);
  const stderr = outputOf(source.stderr, source);
  let open = 3;
  const oneLess = () => {
    open -= 1;
    if (open === 0) settle(ending ?? { lost: reason });
  };
  source.once('exit', (status: number | null, signal?: string) => {
    ending = endingOf(status, signal);
    exit();
    input.abandon();
  });
  source.once('close', () => {
    exit();
    input.abandon();
    oneLess();
  });
  source.on('error', () => {});
  stdout.once('close', oneLess);
  stderr.once('close', oneLess);

  return {
    stdin: input.stdin,
    stdout,
    stderr,
    exited,
    ended,
    resize: (rows, columns) => source.setWindow(rows, columns, 0, 0),
    close: () => source.close(),
    lose(cause) {
      reason = cause;
      input.abandon();
      setTimeout(() => {
        settle(ending ?? { lost: reason });
        stdout.destroy();
        stderr.destroy();
      }, LAST_WORDS).unref();
    },
  };
}

/** sshd has no name for signals beyond POSIX's: what a shell says of one, without the number. */
function endingOf(status: number | null, signal = ''): Ending {
  if (status !== null) return { status };
  return isSignal(signal) ? { signal } : { status: 128 };
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}

/**
 * ssh2 never calls back a write that is still waiting for the window when the channel closes: a
 * stream of ours between says EPIPE, as a pipe would.
 */
function inputOf(source: Writable): { stdin: Writable; abandon(): void } {
  const stdin = new Writable({
    write: (chunk, _encoding, done) => void source.write(chunk, (cause) => done(cause)),
    final(done) {
      source.end();
      done();
    },
    destroy(cause, done) {
      source.end();
      done(cause);
    },
  });
  // Who wants to know listens too; nobody has to.
  stdin.on('error', () => {});
  const abandon = () => {
    if (stdin.destroyed) return;
    const broken = new Error('the remote command has gone (EPIPE)');
    stdin.destroy(stdin.writableLength > 0 ? Object.assign(broken, { code: 'EPIPE' }) : undefined);
  };
  return { stdin, abandon };
}

/**
 * One direction of a channel. ssh2 opens the window anew when either stream is read, so that a
 * peer could fill the memory with the other, unread one: no more is read here while that holds
 * more than a window.
 */
function outputOf(source: Readable, other: Readable): Readable {
  const output = new Readable({
    read: () => resume(),
    destroy(cause, done) {
      source.removeListener('data', pass);
      source.resume();
      done(cause);
    },
  });
  const resume = () => {
    if (other.readableLength <= WINDOW) source.resume();
    else other.once('data', resume);
  };
  const pass = (chunk: Buffer) => {
    if (!output.push(chunk) || other.readableLength > WINDOW) source.pause();
  };
  source.on('data', pass);
  source.pause();
  source.once('end', () => output.push(null));
  return output;
}
