import { open, rename, rm } from 'node:fs/promises';

import { anyOf } from '../abort.ts';
import type { Argv, Bytes } from '../bytes.ts';
import { asError, TestbedError } from '../errors.ts';
import { collect } from '../place/collect.ts';
import { describeEnding, type Place, type Stdio } from '../place/place.ts';
import { readScript } from '../place/script.ts';
import type { Context, SpareTestbed, Testbed } from '../regime.ts';
import { runScript, type Facts, type ScratchWish } from './probe.ts';
import { ignoreMissing } from './remove.ts';

/** Milliseconds that saving a share, or putting it back, may take. */
const DEADLINE = 300_000;

/** The directory in which the commands of one session pass files to each other. */
export interface Share {
  /** Its path on every testbed of the session. */
  readonly path: Bytes;
  /** What tells commands of it. */
  readonly variables: Argv;
  /** Makes it on a fresh testbed that has none of its own, with the owner and mode that a scratch space there has. */
  provide(
    testbed: Pick<SpareTestbed, 'place' | 'traits' | 'share'>,
    facts: Facts,
    wish: ScratchWish,
    context: Context,
  ): Promise<void>;
  /**
   * Copies what is in it to this host, out of a testbed that is about to be reverted. What can't be
   * read there must not stand in the way of that: it is a warning, and what was saved before counts.
   */
  save(place: Place, context: Context): Promise<void>;
  /** Puts back what was saved last. */
  restore(place: Place, context: Context): Promise<void>;
}

/** Where the share of a session is on its testbeds: in a directory that a reboot does not empty. */
export function sharePath(id: string): Bytes {
  return `/var/tmp/regime-${id}.share`;
}

/** True where the testbed itself carries the share over its revert. */
export function carriesShare({ share, revert }: Testbed): boolean {
  return share !== undefined && revert !== undefined;
}

/**
 * @param id the session's
 * @param directory the session's own on this host. What is saved there is one file, which only the
 *   testbed unpacks again: this host never looks into it
 */
export function createShare(id: string, directory: string): Share {
  const path = sharePath(id);
  const saved = `${directory}/share.tar`;
  return {
    path,
    // Its own name, and those that existing jobs use: Plainbox's and Checkbox's.
    variables: ['REGIME_SESSION_SHARE', 'PLAINBOX_SESSION_SHARE', 'CHECKBOX_DATA'].map(
      (name) => `${name}=${path}`,
    ),
    async provide({ place, traits, share }, facts, wish, context) {
      const foreign = !traits.ephemeral && !place.isHost && facts.uid === 0;
      const owner = wish.owner ?? (foreign ? (facts.normalUser ?? '') : '');
      const mode = wish.mode ?? (traits.ephemeral ? 0o1777 : 0o755);
      // What stands in for a shell knows nothing of it; there all commands are root's.
      if (share && place.standIn !== undefined) return;
      const words = [path, mode.toString(8), owner, share ? 'there' : ''];
      await runScript(place, 'provide-share', words, context);
    },
    async save(place, context) {
      const fresh = `${saved}.next`;
      try {
        const file = await open(fresh, 'w', 0o600);
        try {
          await pump(place, 'save-share', path, ['ignore', file.fd], context);
        } finally {
          await file.close();
        }
        await rename(fresh, saved);
      } catch (cause) {
        await rm(fresh, { force: true });
        context.signal.throwIfAborted();
        context.log.warn(`what is new in the session share is lost: ${asError(cause).message}`);
      }
    },
    async restore(place, context) {
      const file = await ignoreMissing(open(saved, 'r'));
      if (!file) return;
      try {
        // An empty file stands for a share that was empty.
        if ((await file.stat()).size === 0) return;
        await pump(place, 'restore-share', path, [file.fd, 'ignore'], context);
      } finally {
        await file.close();
      }
    },
  };
}

/** Runs a script that reads or writes an archive. @throws TestbedError */
async function pump(
  place: Place,
  name: string,
  path: Bytes,
  [stdin, stdout]: [Stdio, Stdio],
  context: Context,
): Promise<void> {
  const signal = anyOf(context.signal, AbortSignal.timeout(DEADLINE));
  const script = readScript(`${name}.sh`, import.meta.url);
  const running = place.spawn(['sh', '-c', script, name, path], {
    stdio: [stdin, stdout, 'pipe'],
    signal,
  });
  const [output, ending] = await Promise.all([collect(running.stderr, 4096), running.ended]);
  if ('status' in ending && ending.status === 0) return;
  throw new TestbedError({
    step: `cannot ${name.replace('-', ' ')} ${place.label}`,
    command: ['sh', `${name}.sh`],
    status: signal.aborted ? 'time is up' : describeEnding(ending),
    output,
  });
}
