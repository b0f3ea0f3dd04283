import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  readlink,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';

import { bufferOf, bytesOf, type Bytes } from '../../bytes.ts';
import { CopyFailed, lastWords } from '../../errors.ts';
import type { CopyOptions, CopyRequest } from '../copy.ts';
import { followed, type Logger } from '../../log.ts';
import { localPlace } from '../local.ts';
import { describeEnding, succeeded, type Place } from '../place.ts';
import { quoteArgv, quoteWord } from '../quote.ts';
import type { SieveNotes } from '../tar-sieve.ts';
import { writtenSoFar } from './measures.ts';
import { joinName, named, parentOf, plainName } from './paths.ts';
import { checkEnd, startPipeline } from './pipeline.ts';
import { extract } from './receive.ts';
import { journalled, planReplacement } from './replacement.ts';
import { scriptArgv } from './scripts.ts';
import { settle } from './settle.ts';
import { warnOfPlainTar } from './tar-kind.ts';

/** Bytes that a small file has at most; the script knows this limit too. */
const SMALL = 262_144;
const SMALL_WORD = 'small\n';

/** `copyup TESTBED HOST`: the data are first written beside, so that half a file never shows. */
export async function copyFileUp(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<void> {
  const source = plainName(request.testbed);
  const destination = await followLinks(plainName(request.host));
  const step = `cannot copy ${named(source)} of ${place.label} to ${named(request.host)}`;
  const found = await stat(bufferOf(destination)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new CopyFailed({ step: `${step}: ${cause.message}`, cause });
  });
  if (found?.isDirectory()) {
    throw new CopyFailed({ step: `${step}: ${named(request.host)} is a directory` });
  }
  const incoming = { place, source, step, log: options.log, signal };
  // A terminal, a pipe, /dev/null: there is nothing to keep whole.
  if (found && !found.isFile()) return receiveFile(incoming, destination, undefined);

  const parent = parentOf(destination);
  if (!found) {
    const directory = await stat(bufferOf(parent)).catch(() => undefined);
    if (!directory?.isDirectory()) {
      throw new CopyFailed({ step: `${step}: there is no directory ${named(parent)}` });
    }
  }
  const writable = await access(bufferOf(parent), constants.W_OK).then(
    () => true,
    () => false,
  );
  const beside = found && !writable ? bytesOf(tmpdir()) : parent;
  const replacement = planReplacement('host', destination, beside);
  const { fresh } = replacement;
  await journalled(
    replacement,
    options,
    () => settle(replacement, localPlace),
    async () => {
      let data = fresh;
      const small = await receiveSmall(incoming);
      if (small) await writeFile(bufferOf(fresh), small, { flag: 'wx' });
      else {
        await mkdir(bufferOf(fresh), 0o700);
        data = joinName(fresh, 'data');
        await receiveFile(incoming, data, fresh);
      }
      signal.throwIfAborted();
      if (found) await overwrite(data, destination, found, writable, step);
      else await rename(bufferOf(data), bufferOf(destination));
      await rm(bufferOf(fresh), { recursive: true, force: true });
    },
  );
}

interface Incoming {
  place: Place;
  source: Bytes;
  step: string;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Takes a file that is small with one command and no pipeline: most copies are of such files, and
 * starting processes is most of their time.
 *
 * @returns undefined where it is not small
 */
async function receiveSmall(incoming: Incoming): Promise<Buffer | undefined> {
  const { place, source, step, signal } = incoming;
  const outcome = await place.run(scriptArgv(place, 'copy-file-up', source, 'small'), {
    signal,
    maxOutput: SMALL + SMALL_WORD.length,
  });
  const { ending, stdout, stderr } = outcome;
  const status = 'status' in ending ? ending.status : 255;
  checkEnd(step, { source: status, sink: 0, words: stderr }, { source: place.label, sink: '' });
  // A file without a size, as in /proc, may have turned out to be big: its first line is then lost.
  return stdout.startsWith(SMALL_WORD) ? bufferOf(stdout.slice(SMALL_WORD.length)) : undefined;
}

/**
 * Brings the data into a file. The testbed says in a first line how they come: as they are, from
 * pipe to file without us, or where there are holes as an archive, which we sieve.
 *
 * @param staging the directory that the file is in, where holes can be made
 */
async function receiveFile(incoming: Incoming, file: Bytes, staging?: Bytes): Promise<void> {
  const { place, source, step, log, signal } = incoming;
  const how = staging ? 'sparse' : 'dense';
  const sink =
    '{ read -r how; case $how in\n' +
    `dense) cat >${quoteWord(file)} ;;\n` +
    'sparse) cat ;;\n' +
    // What a testbed sends that is not ours: read by nobody, refused.
    `*) exit 90 ;;\nesac; }`;
  const sender = quoteArgv([...place.prefix, ...scriptArgv(place, 'copy-file-up', source, how)]);
  const stop = new AbortController();
  const pass = () => stop.abort();
  signal.addEventListener('abort', pass, { once: true });
  try {
    const { output, ended } = startPipeline(sender, sink, 'ignore', stop.signal);
    const [trouble, end] = await followed(
      log,
      `copying ${named(source)} of ${place.label}`,
      () => writtenSoFar(file),
      async () => {
        const found = await takeHoles(output as Readable, staging, stop.signal);
        if (found) stop.abort();
        return [found, await ended.catch(() => undefined)] as const;
      },
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
    signal.removeEventListener('abort', pass);
  }
}

/** Extracts an archive that comes instead of plain data. @returns what was wrong with it */
async function takeHoles(
  output: Readable,
  staging: Bytes | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const chunks = output[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
  if (first.done) return undefined;
  if (staging === undefined) return 'what was not asked for';
  const archive = Readable.from(
    (async function* () {
      yield first.value;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    })(),
    { objectMode: false },
  );
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

/**
 * Puts new data into a file that is there and keeps its mode and owner: by a rename, which shows
 * no half of it, wherever the new file can be made the same; else by writing into it.
 */
async function overwrite(
  data: Bytes,
  destination: Bytes,
  found: Stats,
  writable: boolean,
  step: string,
): Promise<void> {
  const user = process.geteuid?.() ?? 0;
  if (writable && found.nlink === 1 && (user === 0 || found.uid === user)) {
    const owned = await chown(bufferOf(data), found.uid, found.gid).then(
      () => true,
      () => false,
    );
    if (owned) {
      await chmod(bufferOf(data), found.mode & 0o1777);
      await rename(bufferOf(data), bufferOf(destination));
      return;
    }
  }
  const outcome = await localPlace.run(['cp', '--', data, destination], { deadline: 120_000 });
  if (succeeded(outcome)) return;
  const status = describeEnding(outcome.ending);
  throw new CopyFailed({ step: `${step}: the host`, status, output: outcome.stderr });
}

/** The name behind the links that a caller's name may be, also where there is nothing yet. */
async function followLinks(name: Bytes): Promise<Bytes> {
  let path = name;
  for (let links = 0; links < 40; links++) {
    const found = await lstat(bufferOf(path)).catch(() => undefined);
    if (!found?.isSymbolicLink()) return path;
    const target = (await readlink(bufferOf(path), 'buffer')).toString('latin1');
    path = target.startsWith('/') ? target : joinName(parentOf(path), target);
  }
  return path;
}
