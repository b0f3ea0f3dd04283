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
  writeFile,
} from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { tmpdir } from 'node:os';

import { bufferOf, bytesOf, type Bytes } from '../../bytes.ts';
import { CopyFailed } from '../../errors.ts';
import type { CopyOptions, CopyRequest } from '../copy.ts';
import { localPlace } from '../local.ts';
import { describeEnding, succeeded, type Place } from '../place.ts';
import { joinName, named, parentOf, plainName } from './paths.ts';
import { checkEnd } from './pipeline.ts';
import { receiveFile, type Incoming } from './receive-file.ts';
import { journalled, planReplacement } from './replacement.ts';
import { scriptArgv } from './scripts.ts';
import { settle } from './settle.ts';

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
      if (small.data) await writeFile(bufferOf(fresh), small.data, { flag: 'wx' });
      else {
        await mkdir(bufferOf(fresh), 0o700);
        data = joinName(fresh, 'data');
        await receiveFile({ ...incoming, ...small }, data, fresh);
      }
      signal.throwIfAborted();
      if (found) await overwrite(data, destination, found, writable, step);
      else await rename(bufferOf(data), bufferOf(destination));
      await rm(bufferOf(fresh), { recursive: true, force: true });
    },
  );
}

/**
 * Takes a file that is small with one command and no pipeline: most copies are of such files, and
 * starting processes is most of their time.
 *
 * @returns its data, or where it is not small its size, if that is known
 */
async function receiveSmall(incoming: Incoming): Promise<{ data?: Buffer; size?: number }> {
  const { place, source, step, signal } = incoming;
  const outcome = await place.run(scriptArgv(place, 'copy-file-up', source, 'small'), {
    signal,
    maxOutput: SMALL + SMALL_WORD.length,
  });
  const { ending, stdout, stderr } = outcome;
  const status = 'status' in ending ? ending.status : 255;
  checkEnd(step, { source: status, sink: 0, words: stderr }, { source: place.label, sink: '' });
  // A file without a size, as in /proc, may have turned out to be big: its first line is then lost.
  if (stdout.startsWith(SMALL_WORD)) return { data: bufferOf(stdout.slice(SMALL_WORD.length)) };
  const size = Number(/^big (\d{1,15})\n$/.exec(stdout)?.[1] ?? 0);
  return size > 0 ? { size } : {};
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
      // Where something is mounted on the file, nothing can take its place.
      const placed = await rename(bufferOf(data), bufferOf(destination)).then(
        () => true,
        () => false,
      );
      if (placed) return;
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
