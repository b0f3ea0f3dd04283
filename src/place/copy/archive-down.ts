import type { Readable } from 'node:stream';

import { relayAbort } from '../../abort.ts';
import type { Bytes } from '../../bytes.ts';
import { asError, CopyFailed, lastWords } from '../../errors.ts';
import { localPlace } from '../local.ts';
import type { Archive } from '../place.ts';
import { planMerge, type Owner } from './archive-merge.ts';
import { giveOwners } from './archive-owners.ts';
import { endOf, tarWords } from './pipeline.ts';

/** A tree of the host that goes to a testbed without a tar. */
export interface Sending {
  archive: Archive;
  source: Bytes;
  /** The directory to make or to merge into, absolute. Its parent is there. */
  target: Bytes;
  /** Who is to own what is made. */
  owner: Owner;
  step: string;
  signal: AbortSignal;
}

/**
 * Writes a tree as an archive that the testbed's keeper extracts: the host's tar gives each member
 * the name that it is to have there.
 *
 * @returns what tar says of a source that changed meanwhile
 * @throws CopyFailed, or the signal's reason; all processes have then ended
 */
export async function sendByArchive(sending: Sending): Promise<{ changed?: Bytes }> {
  const { archive, source, target, owner, step, signal } = sending;
  const met = await planMerge(archive, source, target, step, signal);
  // All names start from the root: Docker's engine refuses links that lead out of where it extracts.
  const goal = (path: Bytes) => (path === '/' ? '.' : path.slice(1));
  const rules = [...met.moved].map(([path, to]) => renaming(`./${path}`, goal(to)));
  const argv = [
    ...['env', '-u', 'TAR_OPTIONS', 'LC_ALL=C', 'tar', '-c', '-f', '-', '--format=posix'],
    ...['--pax-option=delete=atime,delete=ctime', '--sparse', '--numeric-owner', '--no-unquote'],
    ...[`--owner=:${owner.uid}`, `--group=:${owner.gid}`],
    // Deepest first: the name that a rule makes is not met by those that follow.
    ...[...rules.reverse(), renaming('.', goal(met.top))].map((rule) => `--transform=${rule}`),
    ...['-C', source, '.'],
  ];
  const { stop, end: endRelay } = relayAbort(signal);
  try {
    const tar = localPlace.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], signal: stop.signal });
    const end = endOf(tar, stop.signal);
    end.catch(() => {});
    const owners = new Map([...met.owners].map(([path, one]) => [goal(path), one]));
    const members = wholeArchive(giveOwners(tar.stdout as Readable, owners), end);
    const refusal = await archive.put('/', members, signal).then(
      () => undefined,
      (cause: unknown) => asError(cause),
    );
    if (refusal) stop.abort();
    const { status, words } = await end;
    signal.throwIfAborted();
    const said = lastWords(tarWords(words));
    if (status > 1 && said !== '') {
      throw new CopyFailed({ step: `${step}: the host`, output: said, status: exit(status) });
    }
    if (refusal) throw new CopyFailed({ step: `${step}: ${refusal.message}`, cause: refusal });
    return status === 1 ? { changed: words } : {};
  } finally {
    stop.abort();
    endRelay();
  }
}

/** An archive that ends too early breaks the request off, so that nobody takes it for the whole. */
async function* wholeArchive(
  members: AsyncIterable<Buffer>,
  end: Promise<{ status: number; words: Bytes }>,
): AsyncGenerator<Buffer> {
  yield* members;
  const { status } = await end;
  if (status > 1) throw new Error(`tar failed: ${exit(status)}`);
}

function exit(status: number): string {
  return `exit status ${status}`;
}

/** Characters that may stand between the parts of tar's expressions: one that is not in them. */
const SEPARATORS = ['@', ',', ':', ';', '!', '#', '%', '=', '+', '~', '\x01'];

/**
 * tar's expression that puts another name in the place of a path and of what it stands before; the
 * targets of symbolic links stay.
 */
function renaming(path: Bytes, to: Bytes): Bytes {
  const separator = SEPARATORS.find((one) => !path.includes(one) && !to.includes(one)) ?? '\x02';
  const pattern = `^${path.replace(/[.[*^$\\]/g, '\\$&')}\\(/.*\\)\\{0,1\\}$`;
  return ['s', pattern, `${to.replace(/[\\&]/g, '\\$&')}\\1`, 'S'].join(separator);
}
