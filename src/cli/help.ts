import type { OptionSpec, Regime } from '../regime.ts';
import { builtInRegimes } from '../regimes.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import type { Incumbent } from './incumbents.ts';
import { serverOptions } from './options.ts';

const WIDTH = 79;
/** Columns from the margin to what is said of a regime or a command. */
const NAMES = 14;
/** Columns from the margin to an option's help. */
const INDENT = 26;

/** What `regime --help` says. */
export function renderHelp(): string {
  return [
    'Usage: regime REGIME [OPTION]... [OPERAND]... [+ REGIME ...]',
    ...commands.map(
      ({ name, plain, operands }) =>
        `       regime ${name} ${plain ? operands : `[OPTION]... ${operands}`}`,
    ),
    '',
    ...fold(
      'Gives a test harness a testbed and takes it back: a virtualisation server that speaks ' +
        "autopkgtest's protocol on standard input and output. With + the next regime is inside " +
        'the one before.',
      0,
    ),
    '',
    'To begin with:',
    ...entry('regime doctor', 'what works on this machine?', INDENT + 2),
    ...entry('regime chroot /', 'a prompt: open makes a testbed of this machine', INDENT + 2),
    ...entry("regime run 'chroot /' ls", 'one command in such a testbed', INDENT + 2),
    ...entry('regime help chroot', 'its manual page, as for all names below', INDENT + 2),
    '',
    'Regimes:',
    ...builtInRegimes.flatMap(({ name, summary }) => entry(name, summary, NAMES)),
    ...entry('./FILE.js', 'a regime of your own, from a module', NAMES),
    ...entry('NAME', 'a regime from an installed package regime-NAME', NAMES),
    '',
    'Commands:',
    ...commands.flatMap(({ name, summary }) => entry(name, summary, NAMES)),
    '',
    'Options with every regime:',
    ...renderOptions(serverOptions),
    ...entry('@FILE', 'Stands for the lines of FILE, one argument each.', INDENT),
    '',
    "See regime(1), and 'regime REGIME --help' for the options of one regime.",
    '',
  ].join('\n');
}

/** What `regime REGIME --help` says. */
export function renderRegimeHelp(regime: Regime): string {
  const { name, summary, operands, options, borrowedOptions } = regime;
  return [
    ...usage(`regime ${name}`, '[OPTION]...', operands, '[+ REGIME ...]'),
    '',
    ...fold(`${name}: ${summary}.`, 0),
    '',
    ...(options.length > 0 ? ['Options:', ...renderOptions(options), ''] : []),
    ...(borrowedOptions
      ? [
          ...fold(
            'Also the options of the regimes that it chooses from: only those that have them are then tried.',
            0,
          ),
          '',
        ]
      : []),
    'Options with every regime:',
    ...renderOptions(serverOptions),
    '',
    `See regime-${name}(1), and regime(1) for what all regimes share.`,
    '',
  ].join('\n');
}

/** What `regime COMMAND --help` says. */
export function renderCommandHelp({ name, summary, options, page }: Command): string {
  const { operands = '' } = commands.find((one) => one.name === name) ?? {};
  return [
    ...usage(`regime ${name}`, '[OPTION]...', operands),
    '',
    ...fold(summary, 0),
    '',
    'Options:',
    ...renderOptions(options),
    '',
    `See ${page}.`,
    '',
  ].join('\n');
}

/** What a link `autopkgtest-virt-NAME` says to `--help`. */
export function renderIncumbentHelp(program: string, { operands, options }: Incumbent): string {
  return [
    ...usage(program, '[OPTION]...', ...operands),
    '',
    ...fold('This is regime, with the options of the autopkgtest server of that name.', 0),
    '',
    'Options:',
    ...renderOptions(options),
    ...entry('-h, --help', 'Shows the options and exits.', INDENT),
    '',
    "See regime(1), and 'regime --help'.",
    '',
  ].join('\n');
}

/** How something is called; further lines stand below the first word after its name. */
export function usage(program: string, ...words: readonly string[]): string[] {
  const head = `Usage: ${program} `;
  const [first = '', ...more] = fold(words.filter((word) => word !== '').join(' '), head.length);
  return [head + first.trimStart(), ...more];
}

/** The lines that explain some options. */
export function renderOptions(options: readonly OptionSpec[]): string[] {
  return options.flatMap((option) => entry(optionHead(option), optionHelp(option), INDENT));
}

/** A help text, with what the spec says beside it. */
export function optionHelp({ help, repeat }: OptionSpec): string {
  return repeat ? `${help} May be repeated.` : help;
}

function optionHead({ name, short, value, implied }: OptionSpec): string {
  const argument = value ? (implied === undefined ? `=${value}` : `[=${value}]`) : '';
  return `${short ? `-${short}, ` : '    '}--${name}${argument}`;
}

/** A head in the margin and its text beside it, or below where the head is too wide. */
export function entry(head: string, text: string, indent: number): string[] {
  const lines = fold(text, indent);
  const margin = `  ${head}`;
  if (margin.length + 2 > indent) return [margin, ...lines];
  return [margin.padEnd(indent) + (lines[0] ?? '').trimStart(), ...lines.slice(1)];
}

/** Text as lines that a terminal has room for, each set in by `indent` columns. */
export function fold(text: string, indent: number, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((folded) => ' '.repeat(indent) + folded);
}
