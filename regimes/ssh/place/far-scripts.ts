import type { Argv, Bytes } from '../../../src/bytes.ts';
import { readScript } from '../../../src/place/script.ts';

/** The argv of a script of ours for the far side. */
export function farScript(name: 'keeper' | 'signal' | 'end' | 'discard', ...args: Argv): Argv {
  return ['/bin/sh', '-c', part('library') + part(name), `regime-${name}`, ...args];
}

function part(name: string): Bytes {
  return readScript(`far-${name}.sh`, import.meta.url);
}
