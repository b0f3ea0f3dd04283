import type { Argv } from '../bytes.ts';
import { lastWords } from '../errors.ts';
import type { Finding } from '../regime.ts';
import { describeEnding, succeeded, type Ending, type Place } from './place.ts';

/** A program that something needs. */
export interface NeededProgram {
  /** What runs it to see whether it is there, as `tar --version`. */
  argv: Argv;
  /** What it is needed for, as a phrase. */
  purpose: string;
  /** The package of Debian that holds it. */
  package: string;
  /** What its absence means. */
  without: 'limited' | 'missing';
}

/** Runs a program to see whether it is there. */
export async function checkProgram(
  outer: Place,
  { argv, purpose, package: holder, without }: NeededProgram,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `${argv[0] ?? ''}, ${purpose}`;
  const outcome = await outer.run(argv, { signal });
  if (succeeded(outcome)) return { what, state: 'works' };
  const { ending, stderr } = outcome;
  const detail = isAbsent(ending)
    ? 'there is no such program'
    : lastWords(stderr) || describeEnding(ending);
  return { what, state: without, detail, fix: installing(holder) };
}

/** Whether a command ended so because there was no such program: 127, and 126 on some engines. */
export function isAbsent(ending: Ending): boolean {
  return 'status' in ending && (ending.status === 127 || ending.status === 126);
}

/** perl runs the auxverbs of most regimes. */
export function checkPerl(
  outer: Place,
  signal: AbortSignal,
  without: 'limited' | 'missing' = 'missing',
): Promise<Finding> {
  const purpose = 'which runs the commands of callers';
  const argv = ['perl', '-MPOSIX', '-MSocket', '-e', '1'];
  return checkProgram(outer, { argv, purpose, package: 'perl-base', without }, signal);
}

/** The command that installs a package of Debian; what others call it they know best. */
export function installing(holder: string): string {
  return asRoot(`apt-get install ${holder}`);
}

/** A command as who runs this has to enter it. */
export function asRoot(command: string): string {
  return process.geteuid?.() === 0 ? command : `sudo ${command}`;
}
