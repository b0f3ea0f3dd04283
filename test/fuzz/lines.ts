import type { Random } from '../crash/random.ts';

/** Where commands may point, so that no line of the fuzz can do any harm on the machine. */
export interface Playground {
  /** A directory of the test, which holds `file` and `tree/`. */
  directory: string;
}

const NAMES = [
  'capabilities',
  'open',
  'close',
  'revert',
  'reboot',
  'print-execute-command',
  'print-auxverb-command',
  'print-shstring-command',
  'execute',
  'copydown',
  'copyup',
  'auxverb_debug_fail',
  'auxverb-debug-fail',
  'quit',
  '__proto__',
  'constructor',
  'toString',
];

const BLANKS = [' ', '  ', '\t', '\r', '\v', '\f', ' \t '];

/** A line of the fuzz and whether the server may end with it. Never holds a newline. */
export function randomLine(random: Random, { directory }: Playground): string {
  const kind = random.below(10);
  if (kind < 2) return garbage(random, random.below(60));
  const blank = random.pick(BLANKS);
  const line = [random.pick(NAMES), ...words(random, directory)].join(blank);
  return kind < 5 ? mutate(random, line) : line;
}

/** A line that a careful caller could send while the testbed is open: it must be answered. */
export function goodLine(random: Random, { directory }: Playground): string {
  const name = `${directory}/${random.pick(['file', 'missing', 'new', '%FF%0A%2C', 'tree'])}`;
  return random.pick([
    'capabilities',
    'print-execute-command',
    'print_auxverb_command',
    'print-shstring-command',
    'auxverb_debug_fail',
    '',
    '\t \r',
    `copydown ${directory}/file ${name}`,
    `copyup ${directory}/missing ${name}`,
    `copydown\t${directory}/tree/\t${directory}/copy/`,
    `copyup ${directory}/missing/ ${directory}/copy/`,
    `execute true /dev/null /dev/null /dev/null ${directory}`,
    `execute sh,-c,exit%20${random.below(126)} /dev/null /dev/null /dev/null ${directory} env=A=b`,
  ]);
}

/** Words that name nothing outside the playground. `execute` gets nothing but harmless programs. */
function words(random: Random, directory: string): string[] {
  const inside = () =>
    `${directory}/${random.pick(['file', 'tree/', 'x', 'x/', '%FF', '%zz', '+'])}`;
  const word = () =>
    random.pick([
      () => random.pick(['true', 'false', 'true,a,b', 'echo,%41', 'nonexistent-program']),
      inside,
      inside,
      () => `env=${garbage(random, 4)}`,
      () => `timeout=${random.pick(['1', 'x', '-1', '0.5', '1e9', ''])}`,
      () => `debug=${random.below(30)}-${random.below(30)}`,
      () => `${directory}/sink`,
      () => '%00',
      () => garbage(random, 6),
      () => 'prepare-only',
    ])();
  // execute runs its first word whatever that is, and writes to its third and fourth.
  return Array.from({ length: random.below(9) }, word);
}

/** Letters and odd bytes, none of which makes a path or a program of the machine. */
function garbage(random: Random, length: number): string {
  const bytes = Array.from({ length }, () => {
    const kind = random.below(4);
    if (kind === 0)
      return random.pick(['%', '%2', '%zz', '%C3', '=', ',', '+', '"', ' ', '\0', '%00']);
    if (kind === 1) return String.fromCharCode(random.below(256));
    return String.fromCharCode(0x61 + random.below(26));
  });
  // A slash would make a name absolute or a program findable; a newline ends the line.
  return bytes.join('').replace(/[\n/~.]/g, '_');
}

/** Cuts, doubles or changes bytes of a line. No slash is added and none is taken from a path's front. */
function mutate(random: Random, line: string): string {
  const at = random.below(line.length + 1);
  switch (random.below(5)) {
    case 0:
      return line.slice(0, line.indexOf(' ') < 0 ? at : Math.min(at, line.indexOf(' ')));
    case 1:
      return `${line} ${garbage(random, 5)}`;
    case 2:
      return line.toUpperCase().replace(/\/.*/, '');
    case 3:
      return garbage(random, 3) + line.replace(/ .*/, '');
    default:
      return `${line.replace(/[\t\v\f\r ]+.*/, '')}${' x'.repeat(random.below(2000))}`;
  }
}
