import { readdirSync, readFileSync } from 'node:fs';

/**
 * The processes of this machine whose environment has the word, as their ids: what a test started
 * inherits what `--env` gave it, also after it has left its session.
 */
export function processesWith(word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).split('\0').includes(word))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // Gone since, or somebody else's.
    return '';
  }
}
