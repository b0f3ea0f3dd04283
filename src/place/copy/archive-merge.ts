import { readdir } from 'node:fs/promises';

import { bufferOf, type Bytes } from '../../bytes.ts';
import { CopyFailed } from '../../errors.ts';
import type { Archive } from '../place.ts';
import { readEntry } from '../tar-sieve.ts';
import { readBytes } from '../tar-reader.ts';
import { joinName, named, parentOf } from './paths.ts';

/** Numbers of an account. */
export interface Owner {
  uid: number;
  gid: number;
}

/** Where a tree goes that meets what is there. */
export interface MergePlan {
  /** The target, with no link at its end. */
  top: Bytes;
  /** Directories of the source that meet a link to a directory, by their path, and where it leads. */
  moved: Map<Bytes, Bytes>;
  /** The owners of the directories that are there, by their absolute path. */
  owners: Map<Bytes, Owner>;
}

/** Links in a row that the kernel follows. */
const LINKS = 40;

/**
 * Looks at what a tree of the host meets on a testbed. Who extracts the archive would put a directory
 * in the place of a link to one (/lib is one on Debian) and take existing directories' owners away.
 * @throws CopyFailed where a directory meets something else
 */
export async function planMerge(
  archive: Archive,
  source: Bytes,
  target: Bytes,
  step: string,
  signal: AbortSignal,
): Promise<MergePlan> {
  const plan: MergePlan = { top: target, moved: new Map(), owners: new Map() };
  const visit = async (path: Bytes, goal: Bytes): Promise<void> => {
    const found = await followedLink(archive, goal, signal);
    if (!found) return;
    if (found.type !== '5') {
      throw new CopyFailed({ step: `${step}: ${named(goal)} is there and is no directory` });
    }
    if (path === '') plan.top = found.path;
    else if (found.path !== goal) plan.moved.set(path, found.path);
    plan.owners.set(found.path, { uid: found.uid, gid: found.gid });
    const folder = bufferOf(joinName(source, path === '' ? '.' : path));
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      if (!entry.isDirectory()) continue;
      const name = entry.name.toString('latin1');
      await visit(path === '' ? name : `${path}/${name}`, joinName(found.path, name));
    }
  };
  await visit('', target);
  return plan;
}

/** What a path leads to; undefined where there is nothing. */
export async function followedLink(archive: Archive, name: Bytes, signal: AbortSignal) {
  let path = name;
  for (let links = 0; links < LINKS; links++) {
    const found = await lookAt(archive, path, signal);
    if (!found) return undefined;
    if (found.type !== '2') return { ...found, path };
    path = absolute(found.linkName, parentOf(path));
  }
  throw new CopyFailed({ step: `too many links on the way to ${named(name)}` });
}

/** The first header of an archive of it. */
async function lookAt(archive: Archive, path: Bytes, signal: AbortSignal) {
  const stream = await archive.get(path, signal);
  try {
    return stream && (await readEntry(readBytes(stream as AsyncIterable<Buffer>)));
  } finally {
    stream?.destroy();
  }
}

/** A link's target without `.` and `..`, which count from the directory as it is named. */
function absolute(target: Bytes, directory: Bytes): Bytes {
  const parts: Bytes[] = [];
  for (const part of (target.startsWith('/') ? target : `${directory}/${target}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
