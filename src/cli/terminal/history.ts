import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { hide } from '../secrets.ts';

/** Lines that are kept. */
const LIMIT = 1000;

/** The lines that were typed, the newest first, as readline has them. */
export interface History {
  readonly lines: string[];
  /** Writes them down; where that can't be done they are lost, which is no reason to say so. */
  save(): void;
}

/** @param path a file, which need not be there */
export function readHistory(path: string): History {
  const lines = readLines(path);
  const before = lines.length;
  return {
    lines,
    save() {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        // What is typed may hold what is nobody else's business.
        const fresh = `${path}.${process.pid}`;
        // Other terminals have added to it meanwhile.
        const typed = lines.slice(0, lines.length - before).filter(isNoSecret);
        const all = [...typed, ...readLines(path)].slice(0, LIMIT);
        writeFileSync(fresh, [...all.reverse(), ''].join('\n'), { mode: 0o600 });
        chmodSync(fresh, 0o600);
        renameSync(fresh, path);
      } catch {
        // A state directory that can't be written to.
      }
    },
  };
}

/** As in a shell, what begins with a blank is not kept; nor is what a transcript would leave out. */
function isNoSecret(line: string): boolean {
  return !line.startsWith(' ') && hide(line) === line;
}

function readLines(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').reverse();
  } catch {
    return [];
  }
}
