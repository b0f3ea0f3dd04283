import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { keyType, lookupName, type KeyTarget } from './host-key.ts';
import { hashName } from './known-hosts.ts';

/**
 * Adds the key of a host to the first of its known_hosts files, in one write at the end, so that
 * nothing that others write there meanwhile is lost.
 * @returns the file
 * @throws Error where it can't be written
 */
export function addKnownHost(target: KeyTarget, key: Buffer): string {
  const [file] = target.hostKeys.userFiles;
  if (file === undefined) throw new Error('there is no known_hosts file to add it to');
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const name = lookupName(target);
  const salt = randomBytes(20).toString('base64');
  const host = target.hostKeys.hashNames ? `|1|${salt}|${hashName(name, salt)}` : name;
  const line = `${host} ${keyType(key)} ${key.toString('base64')}\n`;
  const descriptor = openSync(file, 'a+', 0o600);
  try {
    writeSync(descriptor, endsInLine(descriptor) ? line : `\n${line}`);
  } finally {
    closeSync(descriptor);
  }
  return file;
}

function endsInLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size === 0 || readSync(descriptor, last, 0, 1, size - 1) === 0 || last[0] === 0x0a;
}
