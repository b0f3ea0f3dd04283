import { renameSync, rmSync, writeFileSync } from 'node:fs';

import { bufferOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { readScript } from '../../src/place/script.ts';
import type { OwnDirectory } from './directory.ts';
import type { Engine } from './engine.ts';

/** The files that auxverbs of one session need, in a directory of its own. */
export interface Auxverbs {
  /**
   * Writes down how commands reach a container. Without an environment they get the container's.
   * @param standIn the program that sets it where there is no shell
   */
  allow(container: string, environment: Argv, standIn?: Bytes): void;
  /** From now on its commands fail: their testbed has gone. */
  forbid(container: string): void;
  /** The argv to put before a command for a container. */
  prefix(container: string): Argv;
  remove(): void;
}

/** Puts the program that auxverbs run into a directory. */
export function prepareAuxverbs(engine: Engine, { path, short, remove }: OwnDirectory): Auxverbs {
  const program = bufferOf(readScript('docker-auxverb.pl', import.meta.url));
  writeFileSync(bufferOf(`${path}/auxverb.pl`), program);
  return {
    allow(container, environment, standIn = '') {
      const members = [engine.socketPath, '', container, standIn, ...environment];
      const text = members.map((member) => `${member}\0`).join('');
      // One that starts meanwhile reads either all of the old or all of the new one.
      const fresh = bufferOf(`${path}/${container}.next`);
      writeFileSync(fresh, bufferOf(text), { mode: 0o600 });
      renameSync(fresh, bufferOf(`${path}/${container}`));
    },
    forbid: (container) => rmSync(bufferOf(`${path}/${container}`), { force: true }),
    prefix(container) {
      const start = `test -e "$0" || exit 255; exec perl ${short}/auxverb.pl "$0" "$@"`;
      return ['/bin/sh', '-c', start, `${short}/${container}`];
    },
    remove,
  };
}
