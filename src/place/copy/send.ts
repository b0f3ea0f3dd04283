import type { FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { relayAbort } from '../../abort.ts';
import type { Argv, Bytes } from '../../bytes.ts';
import { asError } from '../../errors.ts';
import { localPlace } from '../local.ts';
import type { Place } from '../place.ts';
import { quoteArgv } from '../quote.ts';
import { endOf, runPipeline, type PipelineEnd } from './pipeline.ts';

/** What is sent: what a command of this host writes, or what is in a file. */
export type Source = { argv: Argv } | { file: FileHandle };

/** Bytes of a file that are read at once. */
const PIECE = 256 << 10;

/**
 * Sends to a command on a Place: through a pipe of the kernel, or ourselves where all passes through
 * this process anyway.
 * @param heard told of each piece that a command of this host writes to stderr
 * @throws the signal's reason where that was aborted; both ends have then stopped
 */
export function sendTo(
  place: Place,
  sink: Argv,
  source: Source,
  signal: AbortSignal,
  heard?: (piece: Bytes) => void,
): Promise<PipelineEnd> {
  if (place.relayed) return pump(place, sink, source, signal, heard);
  const line = quoteArgv([...place.prefix, ...sink]);
  if ('file' in source) return runPipeline('cat', line, source.file.fd, signal);
  return runPipeline(quoteArgv(source.argv), line, 'ignore', signal, heard);
}

async function pump(
  place: Place,
  argv: Argv,
  source: Source,
  signal: AbortSignal,
  heard?: (piece: Bytes) => void,
): Promise<PipelineEnd> {
  // Ends both where either fails.
  const { stop, end } = relayAbort(signal);
  try {
    const sink = place.spawn(argv, { stdio: ['pipe', 'ignore', 'pipe'], signal: stop.signal });
    const sinkEnd = endOf(sink, stop.signal);
    sinkEnd.catch(() => {});
    const input = sink.stdin as Writable;
    const reading =
      'file' in source ? contentOf(source.file) : outputOf(source.argv, stop.signal, heard);
    const taken = await reading.feed(input).then(
      () => true,
      () => false,
    );
    const from = await reading.end();
    // To the sink a source that failed must not look like one that has come to its end. tar's 1: it changed.
    const failed = taken && from.status > 1;
    if (failed) stop.abort();
    else input.end();
    const to = await sinkEnd;
    signal.throwIfAborted();
    if (failed) return { source: from.status, sink: 0, words: from.words };
    return { source: from.status, sink: to.status, words: from.words + to.words };
  } finally {
    end();
  }
}

interface Reading {
  /** Hands all of it on; rejects where it is not taken. */
  feed(input: Writable): Promise<void>;
  /** How it ended, as a command's. To be called after that. */
  end(): Promise<{ status: number; words: Bytes }>;
}

function outputOf(argv: Argv, signal: AbortSignal, heard?: (piece: Bytes) => void): Reading {
  const command = localPlace.spawn(['env', '-u', 'TAR_OPTIONS', 'LC_ALL=C', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const ended = endOf(command, signal, heard);
  ended.catch(() => {});
  return {
    feed: (input) => pipeline(command.stdout as Readable, input, { end: false }),
    end: () => ended,
  };
}

function contentOf(file: FileHandle): Reading {
  let trouble: string | undefined;
  // Two for all, one filled while the other is sent: the garbage collector is slow with many large ones.
  const buffers = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)] as const;
  const readInto = async (buffer: Buffer) => {
    try {
      return buffer.subarray(0, (await file.read({ buffer })).bytesRead);
    } catch (cause) {
      trouble = asError(cause).message;
      return buffer.subarray(0, 0);
    }
  };
  return {
    async feed(input) {
      let [spare, other] = buffers;
      let coming = readInto(other);
      for (let piece = await coming; piece.length > 0; piece = await coming) {
        coming = readInto(spare);
        await write(input, piece);
        [spare, other] = [other, spare];
      }
    },
    end: () => Promise.resolve({ status: trouble === undefined ? 0 : 2, words: trouble ?? '' }),
  };
}

/** A stream that closes with a write under way never calls that back. */
function write(stream: Writable, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new Error('nobody reads it any more'));
    stream.once('close', closed);
    stream.write(data, (cause) => {
      stream.removeListener('close', closed);
      if (cause) reject(cause);
      else resolve();
    });
  });
}
