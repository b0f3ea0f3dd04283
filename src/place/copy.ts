import type { Bytes } from '../bytes.ts';
import type { Logger } from '../log.ts';
import type { Place } from './place.ts';
import type { Replacement } from './copy/replacement.ts';
import { withinTime } from './copy/time-limit.ts';

export type { Replacement } from './copy/replacement.ts';

/** What `copydown` and `copyup` ask for. */
export interface CopyRequest {
  /** Names as the caller gave them, with or without slashes at the end. */
  host: Bytes;
  testbed: Bytes;
  kind: 'file' | 'directory';
  /** How a directory meets one that is there: it takes its place, or goes into it. */
  existing: 'replace' | 'merge';
}

export interface CopyOptions {
  signal: AbortSignal;
  log: Logger;
  /** Milliseconds; then both ends are stopped and the copy rejects with TimedOut. */
  timeLimit: number;
  /** Told what is about to be made beside the destination, so that a reaper can undo it. */
  journal?: CopyJournal;
  /**
   * True where all that the testbed has goes with its server, so that nothing that a copy leaves in it
   * need be undone after a crash.
   */
  disposable?: boolean;
}

export interface CopyJournal {
  /** Resolves when it is on disk. Nothing is made before that. */
  planned(replacement: Replacement): Promise<void>;
  /** Nothing is beside the destination any more. */
  done(): Promise<void>;
}

/**
 * Copies from the host to the testbed, as the protocol's `copydown`: directories as
 * `cp -dR --preserve=mode,timestamps` does (a directory that is merged into another gives it its
 * mode and times too), a file's data as a redirection would.
 *
 * @throws CopyFailed with one line, TimedOut, or the reason of the signal; both ends have then
 * stopped and nothing is left beside the destination unless the testbed is gone
 */
export async function copyDown(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
): Promise<void> {
  await withinTime(`copydown of ${request.host}`, options, async (signal) => {
    if (request.kind === 'file') {
      const { copyFileDown } = await import('./copy/file-down.ts');
      await copyFileDown(place, request, options, signal);
    } else {
      const { copyDirectoryDown } = await import('./copy/directory-down.ts');
      await copyDirectoryDown(place, request, options, signal);
    }
  });
}

/**
 * Copies from the testbed to the host, as the protocol's `copyup`. The testbed is not trusted:
 * nothing is written outside the destination, no link below it is followed, no device is made,
 * set-uid and set-gid bits are dropped.
 *
 * @throws as copyDown
 */
export async function copyUp(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
): Promise<void> {
  await withinTime(`copyup of ${request.testbed}`, options, async (signal) => {
    if (request.kind === 'file') {
      const { copyFileUp } = await import('./copy/file-up.ts');
      await copyFileUp(place, request, options, signal);
    } else {
      const { copyDirectoryUp } = await import('./copy/directory-up.ts');
      await copyDirectoryUp(place, request, options, signal);
    }
  });
}

/**
 * Takes away what a dead server's copy left beside its destination: the old tree is put back, or
 * the new one kept where it had taken its place. May be called again.
 *
 * @param place the testbed, where the replacement is on the testbed
 */
export async function settleReplacement(replacement: Replacement, place: Place): Promise<void> {
  const { settle } = await import('./copy/settle.ts');
  await settle(replacement, place);
}
