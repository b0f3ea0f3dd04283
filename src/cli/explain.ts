import { bytesOf, textOf, type Argv } from '../bytes.ts';
import { locateRegime } from '../regimes.ts';
import { noSuchName } from './command-line.ts';
import { commands } from './commands.ts';
import { renderHelp, renderRegimeHelp } from './help.ts';
import { findPage } from './manual/find-page.ts';
import { showPage } from './manual/show-page.ts';
import { print } from './print.ts';
import { explainTopic } from './terminal/help.ts';
import { topics } from './terminal/topics.ts';

/**
 * `regime help [NAME]`: the usage, or the page of a regime, a command or a subject; of a word of the
 * protocol what `help` at the prompt says; of a regime from outside, which has no page, its usage.
 * @throws CommandLineError where there is nothing of that name
 */
export async function explain(words: Argv): Promise<number> {
  const name = textOf(words[0] ?? 'help');
  if (name === 'help' || name.startsWith('-')) {
    print(renderHelp());
    return 0;
  }
  const page = findPage(name);
  if (page) {
    await showPage(page);
    return 0;
  }
  // The pages may have been taken away, as packagers do.
  const command = await commands.find((entry) => entry.name === name)?.load();
  if (command) return command.run(['--help']);
  // What is said to a server has no page of its own.
  if (topics.some((topic) => topic.name === name)) {
    print(`${explainTopic(bytesOf(name))}\nSee 'regime help protocol'.\n`);
    return 0;
  }
  const found = await locateRegime(name);
  if (!found) throw noSuchName(name);
  print(renderRegimeHelp(found.regime));
  return 0;
}
