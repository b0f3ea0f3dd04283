import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';

import type { Place } from '../../../../src/place/place.ts';
import { localPlace } from '../../../../src/place/local.ts';
import { prefixedPlace } from '../../../../src/place/prefixed.ts';
import type { CopyOptions } from '../../../../src/place/copy.ts';

/** A Place behind an auxverb that does nothing. Fresh, as what is known of a Place is kept with it. */
export function envPlace(...words: string[]): Place {
  return prefixedPlace('the testbed', ['env', ...words], localPlace);
}

/** How data get from end to end: by a pipe of the kernel, or through this process. */
export const WAYS: readonly [how: string, more: Pick<Place, 'relayed'>][] = [
  ['by a pipe', {}],
  ['through us', { relayed: true }],
];

/**
 * A Place where `tar` is a shell script that claims to be GNU tar.
 * @param script what it does for anything but --version; $REAL is the machine's tar
 */
export function placeWithTar(directory: string, script: string): Place {
  mkdirSync(`${directory}/bin`);
  const path = process.env['PATH'] ?? '/usr/bin:/bin';
  const text = `#!/bin/sh
[ "$1" = --version ] && { echo 'tar (GNU tar) 1.34'; exit; }
real() { PATH='${path}' tar "$@"; }
${script}
`;
  writeFileSync(`${directory}/bin/tar`, text);
  chmodSync(`${directory}/bin/tar`, 0o755);
  return envPlace(`PATH=${directory}/bin:${path}`);
}

/** Options of a copy, and what it warned of. */
export function copyOptions(
  extra: Partial<CopyOptions> = {},
): CopyOptions & { warnings: string[] } {
  const warnings: string[] = [];
  return {
    signal: new AbortController().signal,
    log: { warn: (line) => warnings.push(line), debug: () => {} },
    timeLimit: 60_000,
    warnings,
    ...extra,
  };
}

/** What a promise rejects with; fails where it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not reject');
}
