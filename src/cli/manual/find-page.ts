import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A page of the manual. */
export interface ManualPage {
  /** As `regime-run`. */
  name: string;
  /** Its file. */
  path: string;
}

/** The pages that came with the program; none where they were taken away. */
export function listManual(): ManualPage[] {
  const directory = manualDirectory();
  if (directory === undefined) return [];
  const files = readdirSync(directory).filter((file) => /\.[1-9]$/.test(file));
  return files.map((file) => ({ name: file.slice(0, -2), path: join(directory, file) }));
}

/** The page of a regime, a command or a subject: `run`, `regime-run` and `regime-run(1)` are one. */
export function findPage(subject: string): ManualPage | undefined {
  const wanted = subject.replace(/\([1-9]\)$|\.[1-9]$/, '');
  return listManual().find(({ name }) => name === wanted || name === `regime-${wanted}`);
}

/** `man/` is beside dist/ in the package, and above the sources. */
function manualDirectory(): string | undefined {
  let above = dirname(fileURLToPath(import.meta.url));
  for (let levels = 0; levels < 4; levels += 1) {
    const directory = join(above, 'man');
    if (isOurs(join(directory, 'regime.1'))) return directory;
    above = dirname(above);
  }
  return undefined;
}

function isOurs(page: string): boolean {
  try {
    return readFileSync(page, 'utf8').includes('.Dt REGIME 1');
  } catch {
    return false;
  }
}
