import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { print } from '../print.ts';
import type { ManualPage } from './find-page.ts';
import { renderPage } from './render.ts';

/** Columns of a page at most: longer lines are hard to read. */
const WIDEST = 80;

/** Shows a page by man(1) where there is a terminal to show it on, else as text on stdout. */
export async function showPage({ path }: ManualPage): Promise<void> {
  if (process.stdout.isTTY && (await showByMan(path))) return;
  const columns = Math.min(process.stdout.columns || WIDEST, WIDEST) - 1;
  print(renderPage(readFileSync(path, 'utf8'), columns));
}

/** Resolves with false where there is no man(1), or only one that shows nothing. */
function showByMan(path: string): Promise<boolean> {
  // Ctrl-C is for the pager then.
  const stay = () => {};
  process.on('SIGINT', stay);
  return new Promise<boolean>((resolve) => {
    const man = spawn('man', ['-l', path], { stdio: ['inherit', 'inherit', 'ignore'] });
    man.once('error', () => resolve(false));
    man.once('exit', (status) => resolve(status === 0));
  }).finally(() => process.off('SIGINT', stay));
}
