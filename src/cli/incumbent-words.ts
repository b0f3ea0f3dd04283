import { textOf, type Argv, type Bytes } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import type { Arguments, OptionSpec } from '../regime.ts';

/** The words of an incumbent server's command line, told apart. */
export interface IncumbentWords extends Arguments {
  /** True where the usage is asked for. */
  readonly help: boolean;
}

/**
 * Tells options from operands as Python's argparse does, which the incumbents use: an option may be
 * shortened as long as it is clear, may take two values (a spec's `value` then has two words), and
 * no value begins with a dash unless it holds a space or is bound with `=`.
 * @param untilOperand all after the first operand are operands too (argparse's REMAINDER)
 * @throws UsageError that names the option
 */
export function parseIncumbentWords(
  words: Argv,
  specs: readonly OptionSpec[],
  untilOperand = false,
): IncumbentWords {
  const given: [name: string, value: Bytes][] = [];
  const operands: Bytes[] = [];
  const queue = [...words];
  const all: OptionSpec[] = [...specs, { name: 'help', short: 'h', help: '' }];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      operands.push(...queue.splice(0));
    } else if (!looksLikeOption(word, all)) {
      operands.push(word, ...(untilOperand ? queue.splice(0) : []));
    } else {
      const { spec, shown, bound } = findOption(word, all);
      const count = spec.value?.split(' ').length ?? 0;
      if (bound !== undefined && count === 0) {
        // A group of letters: what is bound to a switch is the next switch.
        if (word.startsWith('--')) throw new UsageError(`option ${shown} takes no value`);
        queue.unshift(`-${bound}`);
      }
      const values = count > 0 && bound !== undefined ? [bound] : takeValues(queue, count, all);
      if (values.length < count) throw new UsageError(`option ${shown} needs ${spec.value ?? ''}`);
      given.push(
        ...(count === 0 ? [''] : values).map((value) => [spec.name, value] as [string, Bytes]),
      );
    }
  }
  const values = (wanted: string) =>
    given.flatMap(([name, value]) => (name === wanted ? [value] : []));
  return {
    operands,
    help: values('help').length > 0,
    flag: (name) => values(name).length > 0,
    value: (name) => values(name).at(-1),
    values,
  };
}

/** A negative number, and a word with a space that is no known option, are taken for operands. */
function looksLikeOption(word: Bytes, specs: readonly OptionSpec[]): boolean {
  if (!word.startsWith('-') || word === '-') return false;
  if (matching(word, specs).length > 0) return true;
  return !/^-(\d+|\d*\.\d+)$/.test(word) && !word.includes(' ');
}

/** The options that a word can mean: one by its letter, or those that it is short for. */
function matching(word: Bytes, specs: readonly OptionSpec[]): readonly OptionSpec[] {
  if (!word.startsWith('--')) return specs.filter(({ short }) => short === word[1]);
  const name = word.slice(2).replace(/=.*/s, '');
  const exact = specs.filter((spec) => spec.name === name);
  return exact.length > 0 ? exact : specs.filter((spec) => spec.name.startsWith(name));
}

/** Removes up to `count` values from the head of a queue. */
function takeValues(queue: Bytes[], count: number, specs: readonly OptionSpec[]): Bytes[] {
  const stop = queue.findIndex((word) => looksLikeOption(word, specs));
  return queue.splice(0, stop < 0 ? count : Math.min(stop, count));
}

interface FoundOption {
  spec: OptionSpec;
  /** The option as it was written, for messages. */
  shown: string;
  /** What was written in the same word. */
  bound?: Bytes;
}

function findOption(word: Bytes, specs: readonly OptionSpec[]): FoundOption {
  const long = /^(--[^=]*)(?:=(.*))?$/s.exec(word);
  const shown = textOf(long?.[1] ?? word.slice(0, 2));
  const [spec, ...others] = matching(word, specs);
  if (!spec) throw new UsageError(`there is no option ${shown}`);
  if (others.length > 0) throw new UsageError(`option ${shown} could be several`);
  const rest = word.length > 2 ? word.slice(2) : undefined;
  const bound = long ? long[2] : spec.value ? rest?.replace(/^=/, '') : rest;
  return { spec, shown, ...(bound !== undefined && { bound }) };
}
