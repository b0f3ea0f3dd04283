import { UsageError } from '../errors.ts';
import { textOf, type Argv } from '../bytes.ts';
import type { OptionSpec } from '../regime.ts';
import { builtInRegimes } from '../regimes.ts';
import { completionFunction } from './completion-function.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { commands } from './commands.ts';
import { listManual } from './manual/find-page.ts';
import { serverOptions } from './options.ts';

/** `regime completion` */
export const completionCommand: Command = {
  name: 'completion',
  operands: 'bash',
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
    const { operands, options } = (await load()).regime;
    regimes.push({ name, operands, options: [...options, ...serverOptions] });
  }
  const others: Subject[] = [];
  for (const { name, usage, load } of commands) {
    const { spec } = await load();
    others.push({ name, operands: spec?.operands ?? usage, options: spec?.options ?? [] });
  }
  const subjects = [{ name: '', operands: '', options: serverOptions }, ...regimes, ...others];
  return completionFunction({
    regimes: namesOf(regimes),
    commands: namesOf(others),
    topics: listManual().map(({ name }) => name.replace(/^regime-/, '')),
    options: subjects.map(({ name, options }) => [name, options.map(optionWord)]),
    values: subjects.flatMap(({ name, options }) =>
      options.flatMap((option) =>
        option.value ? [[`${name}:--${option.name}`, kindOf(option.value)]] : [],
      ),
    ),
    operands: subjects.map(({ name, operands }) => [name, kindOf(operands)]),
  });
}

function namesOf(subjects: readonly Subject[]): string[] {
  return subjects.map(({ name }) => name);
}

/** With `=` where a value has to follow. */
function optionWord({ name, value, implied }: OptionSpec): string {
  return `--${name}${value && implied === undefined ? '=' : ''}`;
}

/** Closed words as they are; else what stands for them in the function, or nothing. */
function kindOf(value: string): string[] {
  if (/^[a-z-]+(\|[a-z-]+)*$/.test(value)) return value.split('|');
  const [, kind] = /\b(DIR|FILE|TARBALL|SCRIPT|ID|NAME|SERVER|REGIME)\b/.exec(value) ?? [];
  if (kind === 'TARBALL' || kind === 'SCRIPT' || /DIR \|/.test(value)) return ['FILE'];
  return kind === undefined ? [] : [kind];
}
