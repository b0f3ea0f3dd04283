import { isUtf8 } from 'node:buffer';

import { bufferOf, textOf, type Argv, type Bytes } from '../bytes.ts';

/**
 * Rebuilds arguments that Node can't pass. Each of its arguments is headed `p` (plain) or
 * `b` (bytes, with `\0ooo` escapes that printf's %b turns back). The full stop keeps newlines
 * at the end from the command substitution.
 */
const REBUILD = `LC_ALL=C
n=$#
while [ "$n" -gt 0 ]; do
  case $1 in
    b*) a=$(printf '%b.' "\${1#b}"); a=\${a%.} ;;
    *) a=\${1#p} ;;
  esac
  shift
  set -- "$@" "$a"
  n=$((n - 1))
done
unset n a
exec "$@"`;

/**
 * An argv of bytes as the strings that Node's spawn takes. Node encodes argv as UTF-8; where a
 * member isn't UTF-8 the command travels through `sh` as ASCII escapes.
 */
export function spawnableArgv(argv: Argv): string[] {
  if (argv.every(isUtf8Bytes)) return argv.map(textOf);
  return ['sh', '-c', REBUILD, 'sh', ...argv.map(marked)];
}

function marked(word: Bytes): string {
  if (isUtf8Bytes(word)) return `p${textOf(word)}`;
  return `b${word.replace(/[^A-Za-z0-9/._-]/g, octal)}`;
}

function octal(character: string): string {
  return `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function isUtf8Bytes(word: Bytes): boolean {
  return isUtf8(bufferOf(word));
}
