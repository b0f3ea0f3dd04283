import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { matchesPatterns } from './patterns.ts';

/** The files that a pattern of `Include` names, in the order of their names as glob(3) gives them. */
export function listFiles(pattern: string, base: string): string[] {
  const path = pattern.replace(/^~(?=\/)/, homedir());
  const absolute = path.startsWith('/') ? path : join(base, path);
  let found = ['/'];
  for (const part of absolute.split('/').filter(Boolean)) {
    found = found.flatMap((folder) => membersOf(folder, part).map((name) => join(folder, name)));
  }
  return found.filter((file) => existsSync(file));
}

function membersOf(folder: string, part: string): string[] {
  if (!/[*?]/.test(part)) return [part];
  try {
    const names = readdirSync(folder).filter((name) => matchesPatterns(name, [part]));
    return names.filter((name) => !name.startsWith('.') || part.startsWith('.')).sort();
  } catch {
    return [];
  }
}
