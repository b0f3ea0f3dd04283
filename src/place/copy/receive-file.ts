import { createWriteStream } from 'node:fs';
import { chmod, utimes } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { relayAbort } from '../../abort.ts';
import { bufferOf, type Argv, type Bytes } from '../../bytes.ts';
import { asError, CopyFailed, lastWords } from '../../errors.ts';
import { followed, type Logger } from '../../log.ts';
import type { Place } from '../place.ts';
import { quoteArgv, quoteWord } from '../quote.ts';
import type { SieveNotes } from '../tar-sieve.ts';
import { writtenSoFar } from './measures.ts';
import { joinName, named } from './paths.ts';
import { checkEnd, endOf, startPipeline, type PipelineEnd } from './pipeline.ts';
import { extract } from './receive.ts';
import { scriptArgv } from './scripts.ts';
import { warnOfPlainTar } from './tar-kind.ts';

/** A file of a testbed that is being copied up. */
export interface Incoming {
  place: Place;
  source: Bytes;
  step: string;
  log: Logger;
  signal: AbortSignal;
  /** Its bytes, as the testbed says: to be shown only. */
  size?: number;
}

/** Bytes of a file that may wait while others are written. */
const WAITING = 1 << 20;

/** To be read after "the testbed sent". */
const UNASKED = 'what was not asked for';

/** What became of it: the ends, and what was wrong with what the testbed sent. */
interface Taken {
  end?: PipelineEnd;
  trouble?: string | undefined;
}

/**
 * Brings the data into a file. The testbed says in a first line how they come: as they are, or where
 * there are holes as an archive, which we sieve.
 *
 * @param staging the directory that the file is in, where holes can be made; left out: it is there already
 */
export async function receiveFile(incoming: Incoming, file: Bytes, staging?: Bytes): Promise<void> {
  const { place, source, step, log, signal, size } = incoming;
  const how = staging === undefined ? 'dense' : 'sparse';
  const argv = scriptArgv(place, 'copy-file-up', source, how);
  const { stop, end: endRelay } = relayAbort(signal);
  try {
    const { end, trouble } = await followed(
      log,
      `copying ${named(source)} of ${place.label}`,
      () => writtenSoFar(file, size),
      () =>
        place.relayed && staging !== undefined
          ? takeOurselves(place, argv, file, staging, stop)
          : takeThroughShell(place, argv, file, staging, stop),
    );
    signal.throwIfAborted();
    if (end) {
      if (/^regime: plain tar$/m.test(end.words)) warnOfPlainTar(place, log);
      // A sender that refuses sends no first line, which is why its sink fails too.
      const status = end.source === 0 ? end.sink : 0;
      checkEnd(step, { ...end, sink: status }, { source: place.label, sink: 'the host' });
    }
    if (trouble) throw new CopyFailed({ step: `${step}: ${place.label} sent ${trouble}` });
  } finally {
    endRelay();
  }
}

/** From pipe to file without us; only an archive is ours. */
async function takeThroughShell(
  place: Place,
  argv: Argv,
  file: Bytes,
  staging: Bytes | undefined,
  stop: AbortController,
): Promise<Taken> {
  const sink =
    '{ read -r how; case $how in\n' +
    `dense) cat >${quoteWord(file)} ;;\n` +
    'sparse) cat ;;\n' +
    // What a testbed sends that is not ours: read by nobody, refused.
    `*) exit 90 ;;\nesac; }`;
  const sender = quoteArgv([...place.prefix, ...argv]);
  const patient = staging === undefined;
  const { output, ended } = startPipeline(sender, sink, 'ignore', stop.signal, { patient });
  const chunks = output[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
  let trouble: string | undefined;
  if (!first.done) {
    trouble =
      staging === undefined
        ? UNASKED
        : await takeHoles(continued(first.value, chunks), staging, stop.signal);
  }
  if (trouble) stop.abort();
  const end = await ended.catch(() => undefined);
  return { trouble, ...(end && { end }) };
}

/** Where all passes through this process anyway. */
async function takeOurselves(
  place: Place,
  argv: Argv,
  file: Bytes,
  staging: Bytes,
  stop: AbortController,
): Promise<Taken> {
  const sender = place.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], signal: stop.signal });
  const ended = endOf(sender, stop.signal);
  ended.catch(() => {});
  const take = async () => {
    const chunks = (sender.stdout as Readable)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const { line, rest } = await firstLine(chunks);
    const data = continued(rest, chunks);
    if (line === 'dense') {
      const options = { flags: 'wx', highWaterMark: WAITING } as const;
      await pipeline(data, createWriteStream(bufferOf(file), options));
      return undefined;
    }
    if (line === 'sparse') return takeHoles(data, staging, stop.signal);
    // Of a sender that failed the status is to be told.
    return line === undefined ? undefined : UNASKED;
  };
  const taken = await take().catch(asError);
  if (taken !== undefined) stop.abort();
  const { status, words } = await ended;
  if (taken instanceof Error) return { end: { source: 0, sink: 1, words: taken.message } };
  if (taken !== undefined) return { trouble: taken };
  return { end: { source: status, sink: 0, words } };
}

/** Bytes of the longest first line. */
const LINE = 'sparse\n'.length;

/** The first line, and what came after it; no line where nothing came. */
async function firstLine(chunks: AsyncIterator<Buffer>): Promise<{ line?: Bytes; rest: Buffer }> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < LINE && !head.includes(0x0a)) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head.length === 0) return { rest: head };
  const [line = ''] = head.toString('latin1', 0, LINE).split('\n', 1);
  return { line, rest: head.subarray(line.length + 1) };
}

/** A piece that was taken, and all that comes after it. */
function continued(first: Buffer, chunks: AsyncIterator<Buffer>): Readable {
  const all = async function* () {
    if (first.length > 0) yield first;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  return Readable.from(all(), { objectMode: false });
}

/** Extracts an archive that comes instead of plain data. @returns what was wrong with it */
async function takeHoles(
  archive: Readable,
  staging: Bytes,
  signal: AbortSignal,
): Promise<string | undefined> {
  const notes: SieveNotes = { singleFile: 'data', devices: 0, directories: new Map() };
  const trouble = await extract(archive, staging, notes, signal);
  if (trouble) return trouble.sieve?.message ?? lastWords(trouble.words);
  // As a redirection would have made it: the umask's mode, and the time is now.
  const data = bufferOf(joinName(staging, 'data'));
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way to ask for it
  await chmod(data, 0o666 & ~process.umask());
  const now = new Date();
  await utimes(data, now, now);
  return undefined;
}
