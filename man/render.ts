/**
 * Puts the options of the server and of each regime into their manual pages, between two marker
 * comments. Run by `npm run man`; a test says when it is due.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { commands } from '../src/cli/commands.ts';
import { fold, optionHelp } from '../src/cli/help.ts';
import { serverOptions } from '../src/cli/options.ts';
import type { OptionSpec } from '../src/regime.ts';
import { builtInRegimes } from '../src/regimes.ts';

const BEGIN = '.\\" Options: rendered by "npm run man", do not edit.';
const END = '.\\" End of options.';

/** A manual page whose options are rendered. */
export interface Page {
  /** Its file. */
  path: string;
  options: readonly OptionSpec[];
}

/** The pages of the server, of the commands and of every regime that comes with it. */
export async function listPages(): Promise<Page[]> {
  const pages = [{ path: pathOf('regime.1'), options: serverOptions }];
  for (const { name, load } of commands) {
    const { spec } = await load();
    if (spec) pages.push({ path: pathOf(`regime-${name}.1`), options: spec.options });
  }
  for (const { name, load } of builtInRegimes) {
    const { regime } = await load();
    pages.push({ path: pathOf(`regime-${name}.1`), options: regime.options });
  }
  return pages;
}

function pathOf(page: string): string {
  return fileURLToPath(new URL(page, import.meta.url));
}

/**
 * A page with its options as they are now.
 * @throws Error where the page has not both markers
 */
export function replaceOptions(text: string, options: readonly OptionSpec[]): string {
  const begin = text.indexOf(`${BEGIN}\n`);
  const end = text.indexOf(`${END}\n`, begin);
  if (begin < 0 || end < 0) throw new Error(`the page needs the lines ${BEGIN} and ${END}`);
  return text.slice(0, begin + BEGIN.length + 1) + renderOptions(options) + text.slice(end);
}

/** Options as an mdoc list, or nothing where there are none. */
function renderOptions(options: readonly OptionSpec[]): string {
  if (options.length === 0) return '';
  const items = options.map((option) => `.It ${head(option)}\n${body(optionHelp(option))}`);
  return `.Bl -tag -width Ds\n${items.join('')}.El\n`;
}

function head({ name, short, value, implied }: OptionSpec): string {
  const bound = implied === undefined ? 'Ns = Ns Ar' : 'Ns Oo = Ns Ar';
  const argument = value ? ` ${bound} ${value}${implied === undefined ? '' : ' Oc'}` : '';
  return `${short ? `Fl ${short} , ` : ''}Fl -${name}${argument}`;
}

/** Each sentence on lines of its own, as mdoc wants it, of 80 columns at most. */
function body(help: string): string {
  const sentences = help.split(/(?<=[.!?]) (?=[A-Z])/);
  const lines = sentences.flatMap((sentence) => fold(escapeText(sentence), 0));
  // What begins with either of these roff would take for a request.
  return lines.map((line) => `${line.replace(/^[.']/, '\\&$&')}\n`).join('');
}

/** Text whose dashes can be copied into a shell. */
function escapeText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replace(/(?<![A-Za-z0-9])--?(?=[a-z])/g, (dashes) => dashes.replaceAll('-', '\\-'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, options } of await listPages()) {
    writeFileSync(path, replaceOptions(readFileSync(path, 'utf8'), options));
  }
}
