import { parseArgs } from 'node:util';

import { textOf, type Argv, type Bytes } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import type { OptionSpec } from '../regime.ts';
import { didYouMean } from './closest.ts';

/** One option as it was given. */
export interface GivenOption {
  name: string;
  /** Left out for a switch. */
  value?: Bytes;
}

/** An option that is not known where it stands. */
export class UnknownOption extends UsageError {
  constructor(
    option: string,
    /** What was meant, perhaps; else empty. */
    readonly guess: string,
  ) {
    super(`there is no option ${option}${guess}`);
  }
}

/** To be thrown where an option has a value that is none for it. */
export function wrongValue(name: string, value: Bytes, wanted: string): UsageError {
  return new UsageError(`option --${name}: ${wanted} is wanted, not "${textOf(value)}"`);
}

/** The words of a command line, told apart. */
export interface ParsedWords {
  /** In the order in which they were given. */
  options: GivenOption[];
  operands: Argv;
}

/**
 * Tells options from operands. Both may be mixed, `--` ends the options. With `untilOperand` the
 * first operand ends them too, and all after it are operands, a later `--` among them.
 * @throws UsageError that names the option that is unknown, or lacks a value, or takes none
 */
export function parseWords(
  words: Argv,
  specs: readonly OptionSpec[],
  untilOperand = false,
): ParsedWords {
  const known = new Map(specs.map((spec) => [spec.name, spec]));
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(specs.map((spec) => [spec.name, parserOption(spec)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options: GivenOption[] = [];
  const operands: Bytes[] = [];
  for (const token of tokens) {
    if (token.kind === 'option') {
      options.push(checkOption(token, known));
    } else if (token.kind === 'positional') {
      if (untilOperand) return { options, operands: words.slice(token.index) };
      operands.push(token.value);
    }
  }
  return { options, operands };
}

function parserOption({ short, value, implied }: OptionSpec) {
  const takesNext = value !== undefined && implied === undefined;
  return { type: takesNext ? ('string' as const) : ('boolean' as const), ...(short && { short }) };
}

interface OptionToken {
  name: string;
  /** As it was written, dashes and all. */
  rawName: string;
  value: string | undefined;
  inlineValue: boolean | undefined;
}

function checkOption(token: OptionToken, known: ReadonlyMap<string, OptionSpec>): GivenOption {
  const { name, inlineValue } = token;
  const spec = known.get(name);
  const value = token.value ?? spec?.implied;
  const shown = textOf(token.rawName);
  if (!spec) {
    const names = [...known.keys()].map((each) => `--${each}`);
    throw new UnknownOption(shown, didYouMean(shown, names));
  }
  if (!spec.value) {
    if (value !== undefined) throw new UsageError(`option ${shown} takes no value`);
    return { name };
  }
  if (value === undefined) throw new UsageError(`option ${shown} needs a value, ${spec.value}`);
  // More likely a value that was forgotten than one that looks like an option.
  if (!inlineValue && /^-./.test(value)) {
    throw new UsageError(
      `option ${shown} needs a value, ${spec.value} (one that begins with a dash is written --${name}=${textOf(value)})`,
    );
  }
  return { name, value };
}
