import type { Argv, Bytes } from '../../../src/bytes.ts';

/** How commands become root on the far side. */
export type Becoming =
  | { readonly by: 'nothing' }
  | { readonly by: 'sudo' }
  | { readonly by: 'sudo'; readonly password: Bytes };

/**
 * The wrapper. It says who it is (`MARK PID.START.SESSION` on stdout, `MARK` on stderr where that is not the
 * same terminal: all before that is the login shell's), reads a line headed by MARK, and becomes what that says. START is when the
 * process started (proc(5)), so that its number can't be taken for another process's later.
 *
 * `read` takes no byte after its line, so the rest of stdin is the command's. Lines that have no MARK are
 * skipped: a password that sudo did not ask for must not become somebody's input.
 *
 * The text means the same to every login shell, in single quotes: csh would take `!` and newlines, and
 * fish backslashes, for their own.
 */
const WRAPPER = [
  'm=$1; LC_ALL=C; export LC_ALL; umask 022; cd /',
  's=; { read -r s </proc/self/stat; } 2>/dev/null; set -- $s; k=$$.${22:-0}.${6:-0}',
  'echo "$m $k"; [ -t 2 ] || echo "$m" >&2',
  'while IFS= read -r l; do case $l in "$m "*) eval "${l#* }"; exit 255;; esac; done',
  'exit 255',
].join('; ');

/** A pseudo-terminal must neither echo nor interpret what the wrapper reads. */
const RAW = 't=$(stty -g); stty raw -echo; ';

/** The command line that starts a wrapper, for any login shell. */
export function wrapperLine(mark: string, become: Becoming, terminal: boolean): Bytes {
  const sh = `/bin/sh -c '${terminal ? RAW : ''}${WRAPPER}' regime ${mark}`;
  if (become.by === 'nothing') return `exec ${sh}`;
  // -k: a ticket of an earlier time must not leave the password to the command.
  const how = 'password' in become ? `-k -S -p ${sudoPrompt(mark)}` : '-n';
  return `exec sudo -H ${how} -- ${sh}`;
}

/** What sudo says to ask for a password, where its configuration leaves that to us. */
export function sudoPrompt(mark: string): string {
  return `sudo-of-${mark.replace(/^[a-z]+/, '')}:`;
}

/** What a wrapper is to run. */
export interface Order {
  argv: Argv;
  /** The whole environment, `VAR=VALUE`; where there is none the command has the wrapper's. */
  environment: Argv;
  /**
   * A directory in which a file is made with the name of the wrapper's key, before the command runs. Where
   * it is not there it does not run.
   */
  directory?: Bytes;
  /** Gives the pseudo-terminal its usual behaviour back. */
  terminal: boolean;
}

/** The line that a wrapper reads. */
export function orderLine(mark: string, { argv, environment, directory, terminal }: Order): Bytes {
  // env(1) would take a program whose name holds = for a variable.
  const program = argv[0]?.includes('=') ? ['sh', '-c', 'exec "$0" "$@"', ...argv] : argv;
  const words = environment.length > 0 ? ['env', '-i', ...environment, ...program] : program;
  const command = `exec ${words.map(quoteOnLine).join(' ')}`;
  return [
    `${mark} `,
    ...(terminal ? ['stty "$t"; '] : []),
    ...(directory === undefined ? [] : [noteIn(quoteOnLine(directory))]),
    ...(command.includes('"$n"') ? [`n=$(printf '\\nx'); n=\${n%x}; `] : []),
    `${command}\n`,
  ].join('');
}

/** A full disk must not keep commands from running, so it is the directory that counts. */
function noteIn(directory: Bytes): Bytes {
  return `{ true >${directory}/"$k"; } 2>/dev/null || test -d ${directory} || exit 255; `;
}

/** A word for a POSIX shell that stays on one line; `$n` holds a newline. */
function quoteOnLine(word: Bytes): Bytes {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replace(/'/g, `'\\''`).replace(/\n/g, `'"$n"'`)}'`;
}
