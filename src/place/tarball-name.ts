import type { Bytes } from '../bytes.ts';

/** Whether something is named as a tarball is, packed or not: all that can be said of one before a look. */
export function isTarballName(name: Bytes): boolean {
  return /\.(tar|tgz|txz|tar\.[a-z0-9]+)$/.test(name);
}
