import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cleanUpAfterFile, cleanUpAfterTest } from './clean-up.ts';

/** Every directory that a test makes bears this prefix; the leak check looks for it. */
const PREFIX = 'regime-test-';

/** A new directory, mode 0700, that is removed after the test. */
export function tempDir(): string {
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  cleanUpAfterTest(() => removeTree(directory));
  return directory;
}

/** A new directory, mode 0700, that is removed after the last test of the file. */
export function fileTempDir(): string {
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  cleanUpAfterFile(() => removeTree(directory));
  return directory;
}

/** Removes a tree whose names may be any bytes (which Node's own rm can't), but nothing mounted in it. */
export function removeTree(directory: string): void {
  const { status, stderr } = spawnSync('rm', ['-rf', '--one-file-system', '--', directory]);
  if (status !== 0) throw new Error(`cannot remove ${directory}: ${stderr.toString()}`);
}
