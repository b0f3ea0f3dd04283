import { shown } from '../../errors.ts';
import { textOf, type Bytes } from '../../bytes.ts';
import { didYouMean } from '../closest.ts';
import { entry } from '../help.ts';
import { topics } from './topics.ts';

/** Columns from the margin to what is said of a command. */
const INDENT = 34;

/** What `help NAME` says; without a name all commands. */
export function explainTopic(name?: Bytes): string {
  if (name === undefined) {
    const commands = topics.filter(({ usage }) => usage !== undefined);
    return [
      ...commands.flatMap(({ usage = '', text }) => entry(usage, text, INDENT)),
      '',
      'Words are quoted as in a shell. Ctrl-C interrupts what runs, Ctrl-D leaves.',
      "Also: help CAPABILITY. All of it: 'regime help protocol'.",
      '',
    ].join('\n');
  }
  const wanted = name.replaceAll('_', '-');
  const topic = topics.find((one) => one.name === wanted);
  if (!topic) {
    const guess = didYouMean(
      textOf(wanted),
      topics.map((one) => one.name),
    );
    return `There is no help for ${shown(name)}${guess || ': try help'}\n`;
  }
  return [...entry(topic.usage ?? topic.name, topic.text, INDENT), ''].join('\n');
}
