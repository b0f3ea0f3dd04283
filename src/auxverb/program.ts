import { writeFileSync } from 'node:fs';

import { bufferOf, type Argv, type Bytes } from '../bytes.ts';
import { readScript } from '../place/script.ts';

/**
 * Puts the program that callers run into the directory of the server's socket.
 * @param path the same directory under a short name, which goes with the server
 * @returns the argv that comes before a command
 */
export function installProgram(directory: Bytes, path: string): Argv {
  const program = bufferOf(readScript('auxverb.pl', import.meta.url));
  writeFileSync(bufferOf(`${directory}/auxverb.pl`), program);
  // What a caller's locale or its PERL_BADLANG makes perl say is no word of the command's.
  const start =
    'test -e "$0/socket" || exit 255; export PERL_BADLANG=0; exec perl "$0/auxverb.pl" "$0/socket" "$@"';
  return ['/bin/sh', '-c', start, path];
}
