import { lstat, mkdir, realpath, rename, stat } from 'node:fs/promises';

import { bufferOf, type Bytes } from '../../bytes.ts';
import { asError, CopyFailed } from '../../errors.ts';
import { faultPoint } from '../../fault.ts';
import type { CopyOptions, CopyRequest } from '../copy.ts';
import { localPlace } from '../local.ts';
import type { Place } from '../place.ts';
import { finishDirectories, mergeTree } from './merge-tree.ts';
import { isWithin, joinName, named, parentOf, plainName } from './paths.ts';
import { receiveTree } from './receive.ts';
import { refuseReplacing } from './refusals.ts';
import { journalled, planReplacement } from './replacement.ts';
import { scriptArgv } from './scripts.ts';
import { settle } from './settle.ts';

/**
 * `copyup TESTBED/ HOST/`: the testbed's tree is extracted into a fresh directory of mode 0700,
 * which then takes its place as a whole or is moved into what is there.
 */
export async function copyDirectoryUp(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<void> {
  const source = plainName(request.testbed);
  const step = `cannot copy ${named(source)} of ${place.label} to ${named(request.host)}`;
  const { destination, there } = await findDestination(plainName(request.host), step);
  if (place.isHost && (await liesIn(destination, source))) {
    throw new CopyFailed({ step: `${step}: the destination lies in the source` });
  }
  const replacing = there && request.existing === 'replace';
  const merging = there && !replacing;
  if (replacing) await refuseReplacing(destination, step);
  // What is merged is made inside: a mount point's parent is on another file system.
  const beside = merging ? destination : parentOf(destination);
  const replacement = planReplacement('host', destination, beside);
  const { fresh, aside } = replacement;
  await journalled(
    replacement,
    options,
    () => settle(replacement, localPlace),
    async () => {
      await mkdir(bufferOf(fresh), 0o700).catch((cause: unknown) => {
        throw new CopyFailed({ step: `${step}: ${asError(cause).message}`, cause });
      });
      const tree = await receiveTree({
        place,
        step,
        argv: scriptArgv(place, 'copy-directory-up', source),
        source,
        into: fresh,
        log: options.log,
        signal,
      });
      faultPoint('copyup.received');
      signal.throwIfAborted();
      if (merging) {
        const met = await mergeTree(fresh, destination, tree, step, signal);
        // Taking the empty fresh directory away changes the destination's time: first that.
        await settle(replacement, localPlace);
        await finishDirectories(destination, met, tree, step);
        return;
      }
      // Never interrupted between the two: a signal is heard only before and after.
      if (replacing) await rename(bufferOf(destination), bufferOf(aside));
      faultPoint('copyup.aside');
      await rename(bufferOf(fresh), bufferOf(destination));
      faultPoint('copyup.placed');
      if (replacing) await settle(replacement, localPlace);
    },
  );
}

/** The destination without links in its way, and whether it is there. */
async function findDestination(
  name: Bytes,
  step: string,
): Promise<{ destination: Bytes; there: boolean }> {
  try {
    const destination = await real(name);
    if ((await stat(bufferOf(destination))).isDirectory()) return { destination, there: true };
    throw new CopyFailed({ step: `${step}: ${named(name)} is there and is no directory` });
  } catch (error) {
    if (error instanceof CopyFailed) throw error;
    if (
      await lstat(bufferOf(name)).then(
        () => true,
        () => false,
      )
    ) {
      throw new CopyFailed({ step: `${step}: ${named(name)} is a link to nowhere`, cause: error });
    }
    const parent = await real(parentOf(name)).catch((cause: unknown) => {
      throw new CopyFailed({
        step: `${step}: there is no directory ${named(parentOf(name))}`,
        cause,
      });
    });
    return { destination: joinName(parent, name.slice(name.lastIndexOf('/') + 1)), there: false };
  }
}

async function liesIn(destination: Bytes, source: Bytes): Promise<boolean> {
  const outer = await real(source).catch(() => undefined);
  return outer !== undefined && isWithin(destination, outer);
}

async function real(name: Bytes): Promise<Bytes> {
  return (await realpath(bufferOf(name), 'buffer')).toString('latin1');
}
