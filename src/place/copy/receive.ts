import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { relayAbort } from '../../abort.ts';
import type { Argv, Bytes } from '../../bytes.ts';
import { asError, CopyFailed, lastWords } from '../../errors.ts';
import { followed, type Logger } from '../../log.ts';
import { localPlace } from '../local.ts';
import type { Archive, Place } from '../place.ts';
import { sieveArchive, type SieveNotes } from '../tar-sieve.ts';
import { followedLink } from './archive-merge.ts';
import { absoluteName, named } from './paths.ts';
import { checkEnd, endOf, tarWords } from './pipeline.ts';
import { STATUS } from './scripts.ts';
import { rememberTar, warnOfPlainTar } from './tar-kind.ts';

/** What is to be received from where. */
export interface Reception {
  place: Place;
  step: string;
  /** The command on the Place that writes the archive. */
  argv: Argv;
  /** The tree that it writes, for where it finds no tar. */
  source: Bytes;
  /** The host's directory to extract into: new, empty, and nobody else's. */
  into: Bytes;
  log: Logger;
  signal: AbortSignal;
}

/** The host's tar, for an archive of our own making in a directory of our own. */
export function extractArgv(into: Bytes): Argv {
  const options = ['-x', '-p', '-f', '-', '--no-same-owner', '--delay-directory-restore'];
  return [
    ...['env', '-u', 'TAR_OPTIONS', 'LC_ALL=C', 'tar', ...options],
    ...['--warning=no-timestamp', '--no-unquote', '-C', into],
  ];
}

/**
 * Extracts what a command on a testbed sends: its tar, our sieve, the host's tar.
 *
 * @returns the directories that came, for whoever moves them on
 * @throws CopyFailed, or the signal's reason; all processes have then ended
 */
export async function receiveTree(reception: Reception): Promise<SieveNotes['directories']> {
  const { place, step, argv, into, log, signal } = reception;
  const notes: SieveNotes = { devices: 0, directories: new Map() };
  const advance = { done: 0 };
  // Ends both where either fails: a testbed could go on sending for ever.
  const { stop, end } = relayAbort(signal);
  try {
    const source = place.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], signal: stop.signal });
    const sourceEnd = endOf(source, stop.signal);
    // Awaited after the sink: what could not be started must not count as unhandled until then.
    sourceEnd.catch(() => {});
    const [trouble, { status, words }] = await followed(
      log,
      `copying ${named(reception.source)} of ${place.label}`,
      () => advance,
      async () => {
        const found = await extract(source.stdout as Readable, into, notes, stop.signal, advance);
        if (found) stop.abort();
        return [found, await sourceEnd] as const;
      },
    );
    signal.throwIfAborted();
    if (status === STATUS.noTar && place.archive) {
      rememberTar(place, 'none');
      warnOfPlainTar(place, log);
      return await receiveArchive(place.archive, reception);
    }
    // After an abort the statuses are of our own making: only what the sender said by itself counts.
    if (trouble) throw failure(step, place.label, trouble, words);
    const plain = /^regime: plain tar$/m.test(words);
    if (plain) warnOfPlainTar(place, log);
    if (status === 1 && !plain)
      log.warn(`the source changed while it was copied: ${lastWords(words)}`);
    else checkEnd(step, { source: status, sink: 0, words }, { source: place.label, sink: '' });
    warnOfDevices(notes, log);
    return notes.directories;
  } finally {
    end();
  }
}

/** Extracts a tree that the testbed's keeper sends. The testbed is not trusted any more for it. */
async function receiveArchive(
  archive: Archive,
  { place, step, source, into, log, signal }: Reception,
): Promise<SieveNotes['directories']> {
  // Engines name the members in different ways, but all of them begin with the directory's name.
  const found = await followedLink(archive, absoluteName(source), signal);
  const stream = found && (await archive.get(found.path, signal));
  const top = found?.path.slice(found.path.lastIndexOf('/') + 1) ?? '';
  const notes: SieveNotes = { top, devices: 0, directories: new Map() };
  if (!stream) throw new CopyFailed({ step: `${step}: there is no directory ${named(source)}` });
  try {
    const trouble = await extract(stream, into, notes, signal);
    signal.throwIfAborted();
    if (trouble) throw failure(step, place.label, trouble, '');
  } finally {
    stream.destroy();
  }
  warnOfDevices(notes, log);
  return notes.directories;
}

function warnOfDevices({ devices }: SieveNotes, log: Logger): void {
  if (devices > 0) log.warn(`copyup: left out ${devices} device files`);
}

/**
 * Sieves an archive into a directory.
 * @param advance told of the bytes of the archive that have come
 * @returns what went wrong; the host's tar has ended
 */
export async function extract(
  archive: Readable,
  into: Bytes,
  notes: SieveNotes,
  signal: AbortSignal,
  advance = { done: 0 },
): Promise<{ sieve?: Error; words: Bytes } | undefined> {
  const sink = localPlace.spawn(extractArgv(into), { stdio: ['pipe', 'ignore', 'pipe'], signal });
  const sinkEnd = endOf(sink, signal);
  sinkEnd.catch(() => {});
  let sieve: Error | undefined;
  try {
    await pipeline(
      archive,
      (chunks) => sieveArchive(counted(chunks, advance), notes),
      sink.stdin as Writable,
    );
  } catch (error) {
    sieve = asError(error);
  }
  const { status, words } = await sinkEnd;
  // A broken pipe is the sink's end, which has its own words.
  if (sieve && !('code' in sieve)) return { sieve, words: '' };
  if (status === 0 && !sieve) return undefined;
  return { words: words === '' ? `exit status ${status}` : tarWords(words) };
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  advance: { done: number },
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    advance.done += chunk.length;
    yield chunk;
  }
}

function failure(
  step: string,
  label: string,
  trouble: { sieve?: Error; words: Bytes },
  sourceWords: Bytes,
): CopyFailed {
  if (!trouble.sieve) return new CopyFailed({ step: `${step}: the host`, output: trouble.words });
  // An archive that breaks off is what a sender leaves that failed: its own words say more.
  const said = lastWords(tarWords(sourceWords));
  if (said !== '')
    return new CopyFailed({ step: `${step}: ${label}`, output: said, cause: trouble.sieve });
  return new CopyFailed({
    step: `${step}: ${label} sent ${trouble.sieve.message}`,
    cause: trouble.sieve,
  });
}
