import { UsageError } from '../errors.ts';
import { textOf, type Argv } from '../bytes.ts';
import type { OptionSpec } from '../regime.ts';
import { builtInRegimes } from '../regimes.ts';
import { completionFunction, type Table } from './completion-function.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { commands } from './commands.ts';
import { listManual } from './manual/find-page.ts';
import { serverOptions } from './options.ts';
import { topics } from './terminal/topics.ts';

/** `regime completion` */
export const completionCommand: Command = {
  name: 'completion',
  summary:
    'Prints what makes bash complete the regimes, the commands, their options and the values of these. ' +
    'For ~/.bashrc: eval "$(regime completion bash)"',
  options: [commonOptions.help],
  page: 'regime-completion(1)',
};

/** What may be completed after a regime or a command. */
interface Subject {
  name: string;
  operands: string;
  options: readonly OptionSpec[];
  passesArguments?: boolean | undefined;
}

/** `regime completion bash`: resolves with the exit status. */
export async function completion(words: Argv): Promise<number> {
  return runCommand(completionCommand, words, async ({ operands }) => {
    const shell = textOf(operands[0] ?? '');
    if (shell !== 'bash' || operands.length > 1) throw new UsageError('completion: bash is wanted');
    process.stdout.write(await renderCompletion());
    return 0;
  });
}

/** The script that `bash` reads. */
export async function renderCompletion(): Promise<string> {
  const regimes: Subject[] = [];
  for (const { name, load } of builtInRegimes) {
    const { operands, options, borrowedOptions = [], passesArguments } = (await load()).regime;
    const all = [...options, ...borrowedOptions];
    regimes.push({ name, operands, options: all, passesArguments });
  }
  const others: Subject[] = [];
  for (const { name, operands, load } of commands) {
    const { options = [], passesArguments } = (await load()).spec ?? {};
    others.push({ name, operands, options, passesArguments });
  }
  const server: Subject = { name: '', operands: '', options: serverOptions };
  // The first pattern that fits counts: the server's, which fits all regimes, stands last.
  const subjects = [...regimes, ...others, server];
  const withServer = regimes.map((one) => ({
    ...one,
    options: [...one.options, ...serverOptions],
  }));
  return completionFunction({
    regimes: namesOf(regimes),
    commands: namesOf(others),
    passing: namesOf(subjects.filter(({ passesArguments }) => passesArguments)),
    topics: listManual().map(({ name }) => name.replace(/^regime-/, '')),
    options: [...withServer, ...others, server].map(({ name, options }) => [
      name,
      options.map(optionWord),
    ]),
    values: subjects.flatMap(valuesOf),
    operands: subjects.flatMap(operandsOf),
  });
}

function namesOf(subjects: readonly Subject[]): string[] {
  return subjects.map(({ name }) => name);
}

/** With `=` where a value has to follow. */
function optionWord({ name, value, implied }: OptionSpec): string {
  return `--${name}${value && implied === undefined ? '=' : ''}`;
}

/** By option; one whose value may be left out has it only after `=`. */
function valuesOf({ name: subject, options }: Subject): Table {
  const name = subject || '*';
  return options.flatMap((option) => {
    if (option.value === undefined) return [];
    const words = kindOf(option.value);
    const known = words.length > 0 ? words : ['-'];
    if (option.implied !== undefined) return [[`${name}:--${option.name}=`, known]];
    const short = option.short === undefined ? '' : `|${name}:-${option.short}`;
    return [[`${name}:--${option.name}${short}`, known]];
  });
}

/** By position: words to say stand before what they are said of; `[KIND]...` is any number. */
function operandsOf({ name, operands }: Subject): Table {
  const said = operands.match(/(?<![\w-])[a-z]+(?![\w-])/g) ?? [];
  const kind = kindOf(operands);
  if (said.length > 0)
    return [
      [`${name}:1`, said],
      [`${name}:2`, said.length > 1 ? kind : []],
    ];
  return [[`${name}:${/^\[\w+\]\.\.\.$/.test(operands) ? '*' : '1'}`, kind]];
}

/** The capabilities, as far as they have names. */
const capabilities = topics.flatMap(({ name, usage }) => (usage === undefined ? [name] : []));

/** Closed words as they are; else what stands for them in the function, or nothing. */
function kindOf(value: string): string[] {
  if (/^[a-z-]+(\|[a-z-]+)*$/.test(value)) return value.split('|');
  if (value === 'WORD') return ['revert', 'reboot', ...capabilities];
  if (value.startsWith('[USER@]HOST')) return ['HOST'];
  if (/\b(TARBALL|SCRIPT|HOST:TESTBED)\b/.test(value)) return ['FILE'];
  const [, kind] = /\b(DIR|FILE|ID|IMAGE|NAME|SERVER|REGIME)\b/.exec(value) ?? [];
  return kind === undefined || value === 'TESTBED:HOST' ? [] : [kind];
}
