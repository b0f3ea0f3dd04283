import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

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
  return {
    lines,
    save() {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        // What is typed may hold what is nobody else's business.
        const fresh = `${path}.${process.pid}`;
        writeFileSync(fresh, [...lines.slice(0, LIMIT).reverse(), ''].join('\n'), { mode: 0o600 });
        chmodSync(fresh, 0o600);
        renameSync(fresh, path);
      } catch {
        // A state directory that can't be written to.
      }
    },
  };
}

function readLines(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').reverse();
  } catch {
    return [];
  }
}
