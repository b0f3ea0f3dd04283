import { readFileSync } from 'node:fs';

import type { Bytes } from '../bytes.ts';

/** The scripts by their names, where the build has put them into the program. */
declare const REGIME_SCRIPTS: Readonly<Partial<Record<string, Bytes>>> | undefined;

/**
 * The text of a script of ours in another language, a real file beside the code that uses it. In the
 * built program it is part of the program, which may be replaced on disk while a server runs.
 * @param name with its ending, as `probe.sh`; unique in the whole project
 * @param from `import.meta.url` of the code that uses it
 */
export function readScript(name: string, from: string): Bytes {
  const built = typeof REGIME_SCRIPTS === 'undefined' ? undefined : REGIME_SCRIPTS[name];
  return built ?? readFileSync(new URL(`./${name}`, from), 'latin1');
}
