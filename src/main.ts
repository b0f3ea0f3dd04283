#!/usr/bin/env node
import { basename } from 'node:path';

import { textOf, type Argv } from './bytes.ts';
import { CommandLineError, isUsageError, readCommandLine } from './cli/command-line.ts';
import { readOwnWords } from './cli/own-words.ts';
import { asError } from './errors.ts';
import { writeStderr } from './log.ts';

/**
 * The commands that are no regime. Each is loaded when it is called, takes its words as bytes and
 * resolves with the exit status.
 */
const commands = new Map<string, (words: Argv) => Promise<number>>([
  ['completion', async (words) => (await import('./cli/completion.ts')).completion(words)],
  ['conform', async (words) => (await import('./cli/conform.ts')).conform(words.map(textOf))],
  ['doctor', async (words) => (await import('./cli/doctor.ts')).doctor(words)],
  ['reap', async (words) => (await import('./cli/reap.ts')).reap(words)],
  ['run', async (words) => (await import('./cli/run.ts')).run(words)],
  ['script', async (words) => (await import('./cli/script.ts')).script(words)],
  ['sessions', async (words) => (await import('./cli/sessions.ts')).sessions(words)],
  ['shell', async (words) => (await import('./cli/shell.ts')).shell(words)],
]);

async function main(): Promise<void> {
  const words = readOwnWords();
  const incumbent = /^autopkgtest-virt-(.+)$/.exec(basename(process.argv[1] ?? ''))?.[1];
  if (incumbent !== undefined && incumbent !== 'regime') return standIn(incumbent, words);
  const [first, ...args] = process.argv.slice(2);
  if (first === 'help') return explain(args);
  const command = commands.get(first ?? '');
  if (command) {
    process.exitCode = await command(words.slice(1));
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

/** `regime help [NAME]`: the page of a regime, a command or a subject; of a regime from outside its usage. */
async function explain([name = 'help']: readonly string[]): Promise<void> {
  if (name === 'help') return serveOrExplain(['--help']);
  const { findPage } = await import('./cli/manual/find-page.ts');
  const page = findPage(name);
  if (!page) return serveOrExplain([name, '--help']);
  await (await import('./cli/manual/show-page.ts')).showPage(page);
}

/** Where the reader has gone, as `head` does, there is nothing to say about it. */
function print(text: string): void {
  process.stdout.on('error', () => {});
  process.stdout.write(text);
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
