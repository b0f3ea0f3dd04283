import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { bufferOf, bytesOf, type Argv, type Bytes } from '../bytes.ts';
import { quoteWord } from '../place/quote.ts';
import { readScript } from '../place/script.ts';
import { PROGRAMS } from './programs.ts';

/** A way to have the program that callers run; all are the same to them but for the time they take. */
export interface AuxverbProgram {
  file: string;
  /** What is in the file; undefined where there is none for this machine. */
  content(): Buffer | undefined;
  /** For a shell: runs it, where `$0` is the directory of the file. */
  start: Bytes;
}

const script = (name: string) => bufferOf(readScript(name, import.meta.url));

/** The fastest first. */
export const AUXVERB_PROGRAMS: Readonly<Record<'native' | 'perl' | 'node', AuxverbProgram>> = {
  native: { file: 'auxverb', content: nativeProgram, start: 'exec "$0/auxverb"' },
  perl: {
    file: 'auxverb.pl',
    content: () => script('auxverb.pl'),
    // What a caller's environment makes perl say or do is no business of the command's.
    start:
      'unset PERL5OPT PERL5LIB PERLLIB PERLIO PERL_UNICODE; export PERL_BADLANG=0; ' +
      'exec perl "$0/auxverb.pl"',
  },
  node: {
    file: 'auxverb.cjs',
    content: () => script('auxverb.cjs'),
    start: `unset NODE_OPTIONS; exec ${quoteWord(bytesOf(process.execPath))} "$0/auxverb.cjs"`,
  },
};

/**
 * Puts the program that callers run into the directory of the server's socket: the first that runs
 * here. A file system may forbid it (noexec), and perl may be missing.
 * @param path the same directory under a short name, which goes with the server
 * @returns the argv that comes before a command
 */
export async function installProgram(
  directory: Bytes,
  path: string,
  programs: readonly AuxverbProgram[] = Object.values(AUXVERB_PROGRAMS),
): Promise<Argv> {
  for (const { file, content, start } of programs) {
    const bytes = content();
    if (!bytes) continue;
    writeFileSync(bufferOf(`${directory}/${file}`), bytes, { mode: 0o700 });
    const line = `test -e "$0/socket" || exit 255; ${start} "$0/socket" "$@"`;
    const prefix = ['/bin/sh', '-c', line, path];
    if (await runs(prefix)) return prefix;
  }
  throw new Error('no program for auxverbs runs on this host');
}

/** Without a command the program ends at once, with 0. */
function runs([shell = '', ...words]: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    spawn(shell, words, { stdio: 'ignore' })
      .once('error', () => resolve(false))
      .once('close', (status) => resolve(status === 0));
  });
}

/** By Node's names: those that container engines have for machines. */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  ...{ x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' },
  ...{ riscv64: 'riscv64', ppc64: 'ppc64le', s390x: 's390x' },
};

function nativeProgram(): Buffer | undefined {
  const text = PROGRAMS[MACHINES[process.arch] ?? ''];
  return text === undefined ? undefined : gunzipSync(Buffer.from(text, 'base64'));
}
