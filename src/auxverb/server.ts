import { createServer, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';

import { bufferOf, type Argv, type Bytes } from '../bytes.ts';
import { asError } from '../errors.ts';
import { gatherWrites } from '../gather.ts';
import { frameHead, frameReader, type FrameKind } from './frames.ts';
import { installProgram, type AuxverbProgram } from './program.ts';

/** What a caller wants to be run. */
export interface AuxverbRequest {
  argv: Argv;
  terminal?: { term: string; rows: number; columns: number };
}

/** A command that runs for a caller. */
export interface AuxverbCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit status to end with; rejects where the testbed has gone. */
  readonly ended: Promise<number>;
  resize(rows: number, columns: number): void;
  /** The caller has gone, and the command is to go too. */
  end(): void;
}

export interface AuxverbServer {
  /** What a process of this host puts before a command. */
  readonly prefix: Argv;
  /** Ends all that are connected, and takes no more. */
  close(): void;
}

/**
 * Listens for auxverbs in a new directory, which only this user can enter.
 * @param start runs a command; rejects where the testbed has gone
 * @param programs what callers may run, the best first; left out: all that there are
 */
export async function serveAuxverbs(
  directory: Bytes,
  start: (request: AuxverbRequest) => Promise<AuxverbCommand>,
  programs?: readonly AuxverbProgram[],
): Promise<AuxverbServer> {
  const name = bufferOf(directory);
  // What a dead server left in it would be in the way.
  rmSync(name, { recursive: true, force: true });
  mkdirSync(name, { recursive: true, mode: 0o700 });
  const descriptor = openSync(name, 'r');
  // The caller decodes the argv twice, and a socket's path has 107 bytes: so not by its name. When
  // this process has gone, so has the path.
  const path = `/proc/${process.pid}/fd/${descriptor}`;
  const callers = new Set<Socket>();
  // An auxverb never half-closes: where its socket ends, it has gone.
  const server = createServer({ highWaterMark: 1 << 18 }, (socket) => {
    callers.add(socket);
    gatherWrites(socket);
    socket.once('close', () => callers.delete(socket));
    serveCaller(socket, start);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(`${path}/socket`, 511, resolve);
  });
  const close = () => {
    server.close();
    for (const socket of callers) socket.destroy();
    rmSync(name, { recursive: true, force: true });
    closeSync(descriptor);
  };
  try {
    return { prefix: await installProgram(directory, path, programs), close };
  } catch (cause) {
    close();
    throw cause;
  }
}

function serveCaller(
  socket: Socket,
  start: (request: AuxverbRequest) => Promise<AuxverbCommand>,
): void {
  let command: Promise<AuxverbCommand> | undefined;
  const reader = frameReader((kind, data) => {
    if (kind === 'a' && !command) {
      command = start(requestOf(data));
      command.then((running) => relay(running, socket), fail);
      return;
    }
    void command?.then(
      (running) => takeFrame(running, kind, data, socket),
      () => {},
    );
  });
  const fail = (cause: unknown) => {
    tell(socket, 'g', asError(cause).message);
    socket.end();
  };
  socket.on('data', (chunk) => {
    try {
      reader(chunk);
    } catch {
      socket.destroy();
    }
  });
  socket.on('error', () => {}); // `close` follows.
  socket.once('close', () => {
    command?.then(
      (running) => running.end(),
      () => {},
    );
  });
}

function takeFrame(command: AuxverbCommand, kind: string, data: Buffer, socket: Socket): void {
  if (kind === 'w') command.resize(...(wordsOf(data).map(Number) as [number, number]));
  else if (kind === 'e') command.stdin.end();
  else if (kind === 'i' && command.stdin.writable) {
    command.stdin.write(data, () => tell(socket, 'k', String(data.length)));
  }
}

function tell(socket: Socket, kind: FrameKind, text: string): void {
  if (socket.writable) send(socket, kind, Buffer.from(text));
}

/** @returns false where the caller does not keep up */
function send(socket: Socket, kind: FrameKind, data: Buffer): boolean {
  socket.write(frameHead(kind, data.length));
  return socket.write(data);
}

/** Hands on what a command writes, and how it ends. */
function relay(command: AuxverbCommand, socket: Socket): void {
  const pass = (kind: FrameKind) => (data: Buffer) => {
    if (!socket.writable || send(socket, kind, data)) return;
    command.stdout.pause();
    command.stderr.pause();
  };
  command.stdin.on('error', () => {});
  command.stdout.on('data', pass('o')).resume();
  command.stderr.on('data', pass('r')).resume();
  const goOn = () => {
    command.stdout.resume();
    command.stderr.resume();
  };
  // What nobody takes any more is read all the same: it would hold up the end.
  socket.on('drain', goOn).once('close', goOn);
  const end = (kind: FrameKind, text: string) => {
    tell(socket, kind, text);
    socket.end();
  };
  command.ended.then(
    (status) => end('x', String(status)),
    (cause: unknown) => end('g', asError(cause).message),
  );
}

function requestOf(data: Buffer): AuxverbRequest {
  const [term = '', rows, columns, ...argv] = wordsOf(data);
  if (term === '') return { argv };
  return { argv, terminal: { term, rows: Number(rows), columns: Number(columns) } };
}

function wordsOf(data: Buffer): Bytes[] {
  return data.toString('latin1').split('\0').slice(0, -1);
}
