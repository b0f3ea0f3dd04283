import { bytesOf, textOf, type Argv } from '../bytes.ts';
import { asError, shown, UsageError } from '../errors.ts';
import { writeStderr } from '../log.ts';
import type { OptionSpec } from '../regime.ts';
import { CommandLineError } from './command-line.ts';
import { parseWords } from './words.ts';

/** A command of `regime` that is no regime. */
export interface Command {
  /** As in the table of commands. */
  name: string;
  /** A sentence or more for `--help`. */
  summary: string;
  options: readonly OptionSpec[];
  /** True where the words after the first operand are another program's. */
  passesArguments?: boolean;
  /** Its manual page, as `regime-reap(1)`. */
  page: string;
}

/** What a command was given. */
export interface Given {
  operands: Argv;
  flag(name: string): boolean;
  /** The last value given, as text. */
  value(name: string): string | undefined;
  /** All values given, in order, as bytes. */
  values(name: string): Argv;
}

/** The options that commands share. */
export const commonOptions = {
  stateDir: {
    name: 'state-dir',
    value: 'DIR',
    help: 'Look for session records below DIR, not in the state directory of the user.',
  },
  debug: { name: 'debug', short: 'd', help: 'Say on standard error what is done.' },
  help: { name: 'help', short: 'h', help: 'Show the options and exit.' },
} satisfies Record<string, OptionSpec>;

/**
 * The words for a command on a testbed, as they stand after the first operand, with `--` before them or not.
 * @param before what the first operand is
 * @throws UsageError where they begin with an option, which is likely to be meant for us
 */
export function commandOf(name: string, before: string, words: Argv): Argv {
  const [first, ...rest] = words;
  if (first === '--') return rest;
  if (!first?.startsWith('-')) return words;
  throw new UsageError(
    `${name}: options stand before ${before}, and no command begins with a dash: ${textOf(first)}`,
  );
}

/**
 * Reads the words of a command and runs it. Resolves with the exit status: what `run` says, 1 where
 * it fails, 2 for wrong words.
 * @param words as bytes, without the name of the command
 */
export async function runCommand(
  command: Command,
  words: Argv,
  run: (given: Given) => Promise<number>,
): Promise<number> {
  // Whoever reads may go, as `head` does: the work goes on.
  process.stdout.on('error', () => {});
  try {
    const { options, operands } = parseWords(words, command.options, command.passesArguments);
    const flag = (wanted: string) => options.some(({ name }) => name === wanted);
    if (flag('help')) {
      const { renderCommandHelp } = await import('./help.ts');
      process.stdout.write(renderCommandHelp(command));
      return 0;
    }
    return await run({
      operands,
      flag,
      value: (wanted) => {
        const value = options.findLast(({ name }) => name === wanted)?.value;
        return value === undefined ? undefined : textOf(value);
      },
      values: (wanted) =>
        options.flatMap(({ name, value }) =>
          name === wanted && value !== undefined ? [value] : [],
        ),
    });
  } catch (cause) {
    const message = shown(bytesOf(asError(cause).message));
    if (cause instanceof UsageError) {
      // What is wrong with a regime's words its own usage explains.
      const usage =
        cause instanceof CommandLineError ? cause.usage : `regime ${command.name} --help`;
      writeStderr(`regime: ${message} (try '${usage}')\n`);
      return 2;
    }
    writeStderr(`regime: failure: ${message}\n`);
    return 1;
  }
}
