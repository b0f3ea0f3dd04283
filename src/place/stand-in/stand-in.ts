import { gunzipSync } from 'node:zlib';

import { PROGRAMS } from './programs.ts';

/**
 * The program that stands in for a shell: process 1 that idles, `run [VAR=VALUE]... -- COMMAND...`,
 * and our scripts by their names. `decode` before these says that the words that follow have octal
 * escapes (`\0ooo`). Static, a few kilobytes, and it needs nothing but Linux 4.11.
 *
 * @param machine as container engines name it, as `amd64`
 * @returns undefined where there is none for that machine
 */
export function standInProgram(machine: string): Buffer | undefined {
  const text = PROGRAMS[machine];
  return text === undefined ? undefined : gunzipSync(Buffer.from(text, 'base64'));
}
