import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { KEPT_FILE } from './remove.ts';

/** True where a session's directory is marked: its user wants it to outlive its server. */
export function isKept(directory: string): boolean {
  return existsSync(join(directory, KEPT_FILE));
}

/** Marks a session's directory; the mark is on disk when it returns. */
export function keepDirectory(directory: string): void {
  closeSync(openSync(join(directory, KEPT_FILE), 'a', 0o600));
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Takes the mark back. */
export function forgetDirectory(directory: string): void {
  rmSync(join(directory, KEPT_FILE), { force: true });
}
