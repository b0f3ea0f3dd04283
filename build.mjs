// Builds dist/. `node build.mjs` builds always, `--if-stale` where a source is newer than the last
// build, `--clean` from nothing and without source maps, as it is packed, `--separate` each module as a
// file of its own (c8 can't tell the modules of one file apart), `--faults=DIR` into a directory of the
// caller's, with the moments at which tests kill a server (src/fault.ts).
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

import { DIST, ROOT, isBuildStale } from './scripts/set-up.mjs';

const ENTRY = join(ROOT, 'src/main.ts');
/** Milliseconds that a chunk of an older build stays: a server that runs may still load it. */
const KEEP_OLD = 10 * 60_000;

const clean = process.argv.includes('--clean');
// Coverage wants each module in a file of its own. Else the program is one file: it starts faster, and
// a server that runs does not miss anything when it is replaced. CommonJS, for `require` loads Node's
// own modules only when they are needed, where `import` loads them all at the start.
const separate = process.argv.includes('--separate');
const faults = process.argv.find((word) => word.startsWith('--faults='))?.slice('--faults='.length);
if (!existsSync(ENTRY)) {
  console.error('build: there is no src/main.ts, so there is nothing to build');
} else if (faults) {
  await bundle(faults).catch(giveUp);
} else if (clean || !process.argv.includes('--if-stale') || isBuildStale()) {
  await buildAll().catch(giveUp);
}

/** What esbuild found it has said itself, with file and line. */
function giveUp(cause) {
  if (!Array.isArray(cause?.errors)) throw cause;
  process.exitCode = 1;
}

async function buildAll() {
  if (clean) rmSync(DIST, { recursive: true, force: true });
  // Beside dist/, not below the temporary directory: rename works within one file system only.
  const fresh = mkdtempSync(join(ROOT, 'dist.new-'));
  try {
    await bundle(fresh);
    moveIn(fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function bundle(outdir) {
  // Loading esbuild takes longer than seeing that there is nothing to do.
  const { build } = await import('esbuild');
  const { dependencies, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: separate ? allModules() : { main: ENTRY, index: join(ROOT, 'src/index.ts') },
    outdir,
    bundle: true,
    splitting: separate,
    format: separate ? 'esm' : 'cjs',
    platform: 'node',
    target: 'node20',
    chunkNames: '[name]-[hash]',
    banner: { js: banner() },
    define: {
      REGIME_VERSION: JSON.stringify(version),
      REGIME_FAULT_POINTS: String(faults !== undefined),
      REGIME_SCRIPTS: JSON.stringify(scripts()),
      ...(!separate && { 'import.meta.url': 'importMetaUrl$' }),
    },
    // What package.json calls a dependency is installed beside us; all else becomes part of dist/.
    external: Object.keys(dependencies ?? {}),
    legalComments: 'none',
    // Names and lines stay as they are: a stack in a bug report is worth more than the bytes.
    sourcemap: clean ? false : 'linked',
    metafile: true,
    logLevel: 'warning',
    logLimit: 5,
  });
  writeNotices(metafile, outdir);
  const type = separate ? 'module' : 'commonjs';
  writeFileSync(join(outdir, 'package.json'), `${JSON.stringify({ type })}\n`);
}

/** With every module an entry, no two are needed by the same entries: each becomes a chunk. */
function allModules() {
  const files = ['src', 'regimes'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name)),
  );
  const modules = files.filter((file) => file.endsWith('.ts'));
  const nameOf = (file) => (file === 'src/main.ts' ? 'main' : file.replace(/\W+/g, '-'));
  return Object.fromEntries(modules.map((file) => [nameOf(file), join(ROOT, file)]));
}

/** CommonJS has no `import.meta`, and ESM no `require`, which bundled packages call. */
function banner() {
  if (!separate)
    return "const importMetaUrl$ = require('node:url').pathToFileURL(__filename).href;";
  return (
    "import { createRequire as createRequire$ } from 'node:module'; " +
    'const require = createRequire$(import.meta.url);'
  );
}

/** The licences of the packages that became part of the bundle: they ask for it. */
function writeNotices(metafile, outdir) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
    if (found) packages.add(found[0]);
  }
  const notices = [...packages].sort().map((directory) => {
    const { name, version } = JSON.parse(readFileSync(join(ROOT, directory, 'package.json')));
    const file = readdirSync(join(ROOT, directory)).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${directory} has no licence file`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, directory, file), 'utf8')}`;
  });
  writeFileSync(join(outdir, 'NOTICES.txt'), notices.join('\n----\n\n'));
}

/** The programs in other languages, by their names; their bytes as characters. */
function scripts() {
  const texts = {};
  for (const folder of ['src', 'regimes']) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true })) {
      if (!/\.(sh|pl|cjs)$/.test(file)) continue;
      const name = basename(file);
      if (name in texts) throw new Error(`two scripts are called ${name}`);
      texts[name] = readFileSync(join(ROOT, folder, file), 'latin1');
    }
  }
  return texts;
}

/**
 * File by file, the entry last: a server that starts meanwhile finds either the old program
 * whole or the new one, since chunks bear the hash of what they hold.
 */
function moveIn(fresh) {
  mkdirSync(DIST, { recursive: true });
  const names = readdirSync(fresh).sort(
    (a, b) => Number(a === 'main.js') - Number(b === 'main.js'),
  );
  chmodSync(join(fresh, 'main.js'), 0o755);
  for (const name of names) renameSync(join(fresh, name), join(DIST, name));
  for (const name of readdirSync(DIST)) {
    const path = join(DIST, name);
    if (names.includes(name) || Date.now() - statSync(path).mtimeMs < KEEP_OLD) continue;
    rmSync(path, { recursive: true, force: true });
  }
}
