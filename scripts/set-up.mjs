// What `npm run demo` and `npm test` need before they can start: the packages and the build.
// It runs in a fresh clone, so it imports nothing but Node's own modules.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const DIST = join(ROOT, 'dist');

/** Installs what package-lock.json names, where that was not done since it changed. */
export function ensureInstalled() {
  // npm writes this file when it has finished, so a half-done installation is done again.
  const installed = modified(join(ROOT, 'node_modules/.package-lock.json'));
  if (installed >= modified(join(ROOT, 'package-lock.json'))) return;
  note('installing the packages that the build and the tests need (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Builds dist/ where a source is newer than it. */
export function ensureBuilt() {
  ensureInstalled();
  if (!isBuildStale()) return;
  note('building');
  run(process.execPath, [join(ROOT, 'build.mjs')]);
}

/** True where something that goes into dist/ is newer than what is there. */
export function isBuildStale() {
  const built = modified(join(DIST, 'main.js'));
  const single = ['package.json', 'package-lock.json', 'build.mjs'].map((name) => join(ROOT, name));
  return [...single, ...sources('src'), ...sources('regimes')].some((f) => modified(f) > built);
}

/** Runs a step whose output belongs on the terminal; ends this process where it fails. */
export function run(program, args, options = {}) {
  // Their stdout goes to our stderr: stdout is for results.
  const { status, error } = spawnSync(program, args, {
    cwd: ROOT,
    stdio: ['ignore', process.stderr.fd, process.stderr.fd],
    ...options,
  });
  if (status === 0) return;
  note(`failed: ${[program, ...args].join(' ')}: ${error?.message ?? `exit status ${status}`}`);
  process.exit(1);
}

export function note(message) {
  process.stderr.write(`== ${message}\n`);
}

/** The directories too: a file that was taken away changes the time of its directory. */
function sources(folder) {
  const top = join(ROOT, folder);
  return [top, ...readdirSync(top, { recursive: true }).map((name) => join(top, name))];
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}
