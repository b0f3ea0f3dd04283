import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isKept } from './kept.ts';
import { decodeRecord, type SessionRecord } from './record.ts';
import { LOCK_FILE } from './remove.ts';
import { CHECKPOINT } from './storage.ts';

/** A session's directory as it was found. */
export interface Found {
  id: string;
  directory: string;
  /** Undefined where its server has not come that far. */
  record: SessionRecord | undefined;
  /** True where it is to stay after its server's end. */
  kept: boolean;
  /** Milliseconds since 1970: when it was made, and when it was written to. */
  created: number;
  changed: number;
}

/**
 * Looks at a session's directory; undefined where it has gone, or is another user's.
 * @throws RecordError where its record can't be used
 */
export function look(id: string, directory: string): Found | undefined {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  if (!status?.isDirectory() || status.uid !== process.geteuid?.()) return undefined;
  const bytes = readIfThere(join(directory, CHECKPOINT));
  const kept = isKept(directory);
  const times = { created: status.birthtimeMs || status.mtimeMs, changed: status.mtimeMs };
  if (!bytes) return { id, directory, record: undefined, kept, ...times };
  const record = decodeRecord(bytes);
  const [created, changed] = [record.created, record.changed].map((time) => Date.parse(time));
  return { id, directory, record, kept, created: created ?? 0, changed: changed ?? 0 };
}

/**
 * The machine that a session without a record is of. Empty where there is no lock file, or its server
 * died before it wrote the name.
 */
export function machineInLock(directory: string): string {
  return readIfThere(join(directory, LOCK_FILE))?.toString('latin1').trim() ?? '';
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
