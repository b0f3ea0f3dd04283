#!/usr/bin/env node
import { basename } from 'node:path';

import type { Argv } from './bytes.ts';
import { CommandLineError, isUsageError, readCommandLine } from './cli/command-line.ts';
import { commands } from './cli/commands.ts';
import { readOwnWords } from './cli/own-words.ts';
import { print } from './cli/print.ts';
import { asError } from './errors.ts';
import { writeStderr } from './log.ts';

async function main(): Promise<void> {
  const words = readOwnWords();
  const incumbent = /^autopkgtest-virt-(.+)$/.exec(basename(process.argv[1] ?? ''))?.[1];
  if (incumbent !== undefined && incumbent !== 'regime') return standIn(incumbent, words);
  const command = commands.find(({ name }) => name === words[0]);
  if (command) {
    process.exitCode = await (await command.load()).run(words.slice(1));
    return;
  }
  if (!words.some((word) => word.startsWith('@'))) return serveOrExplain(words);
  const { expandArgumentFiles } = await import('./cli/arguments-file.ts');
  return serveOrExplain(expandArgumentFiles(words));
}

/** Called through a link `autopkgtest-virt-NAME`: the options are those of that server. */
async function standIn(name: string, words: Argv): Promise<void> {
  const { readIncumbentWords } = await import('./cli/incumbents.ts');
  const wish = readIncumbentWords(name, words);
  return wish.kind === 'help' ? print(wish.text) : serveOrExplain(wish.words);
}

async function serveOrExplain(words: Argv): Promise<void> {
  const wish = await readCommandLine(words);
  if (wish.kind === 'serve') return (await import('./cli/serve.ts')).serve(wish.request);
  if (wish.kind === 'version') {
    return print(`regime ${(await import('./cli/version.ts')).readVersion()}\n`);
  }
  const { renderHelp, renderRegimeHelp } = await import('./cli/help.ts');
  print(wish.regime ? renderRegimeHelp(wish.regime) : renderHelp());
}

function report(thrown: unknown): void {
  const error = asError(thrown);
  if (isUsageError(error)) {
    const usage = error instanceof CommandLineError ? error.usage : 'regime --help';
    writeStderr(`regime: ${error.message.replaceAll('\n', ' ')} (try '${usage}')\n`);
    process.exitCode = 2;
  } else {
    writeStderr(`regime: this is a bug, please report it: ${error.stack ?? error.message}\n`);
    process.exitCode = 16;
  }
}

main().catch(report);
