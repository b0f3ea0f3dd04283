import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { asError, UsageError } from '../errors.ts';
import type { Regime } from '../regime.ts';
import type { FoundRegime } from '../regimes.ts';

/**
 * Loads a regime that someone else wrote: a word with a slash is the path of its module, another
 * is NAME of a package `regime-NAME`, installed above the working directory or beside this program.
 * @throws UsageError where the module does not load or exports no `regime`
 */
export async function locateOutsideRegime(word: string): Promise<FoundRegime | undefined> {
  const path = word.includes('/') ? modulePath(word) : packagePath(word);
  return path === undefined ? undefined : { reference: path, regime: await load(path) };
}

function modulePath(word: string): string | undefined {
  if (!/\.[cm]?[jt]s$/.test(word)) return undefined;
  const path = resolve(word);
  if (!isFile(path)) throw new UsageError(`there is no file ${path} to load a regime from`);
  return path;
}

/**
 * Looks where Node would. `require.resolve` can't be asked: it finds no package whose exports are
 * for `import` only, and `import.meta.resolve` knows no directory but this program's.
 */
function packagePath(name: string): string | undefined {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) return undefined;
  for (const start of [process.cwd(), dirname(fileURLToPath(import.meta.url))]) {
    for (let above = start; ; above = dirname(above)) {
      const path = entryOf(join(above, 'node_modules', `regime-${name}`));
      if (path !== undefined) return path;
      if (above === dirname(above)) break;
    }
  }
  return undefined;
}

/** The file that a package says it is imported by. */
function entryOf(directory: string): string | undefined {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  } catch {
    return undefined;
  }
  const { exports, main } = manifest as { exports?: unknown; main?: unknown };
  const entry = importTarget(exports) ?? (typeof main === 'string' ? main : 'index.js');
  return join(directory, entry);
}

/** The target of `.` for `import`, in any of the shapes that `exports` has. */
function importTarget(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return undefined;
  for (const [condition, target] of Object.entries(exports)) {
    if (!['.', 'node', 'import', 'default'].includes(condition)) continue;
    const found = importTarget(target);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function load(path: string): Promise<Regime> {
  let module: { regime?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { regime?: unknown };
  } catch (cause) {
    throw new UsageError(`cannot load a regime from ${path}: ${asError(cause).message}`, { cause });
  }
  if (isRegime(module.regime)) return module.regime;
  throw new UsageError(`${path} has no export "regime" that is a regime`);
}

function isRegime(value: unknown): value is Regime {
  if (typeof value !== 'object' || value === null) return false;
  const { name, summary, operands, options, ...rest } = value as Partial<Regime>;
  return (
    [name, summary, operands].every((text) => typeof text === 'string') &&
    Array.isArray(options) &&
    [rest.configure, rest.plan, rest.open, rest.discard].every((f) => typeof f === 'function')
  );
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
