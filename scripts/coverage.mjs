// `npm run coverage`: the suite under c8. What runs is the built server, as a user's would: V8 writes
// the coverage of each process, and the build's source maps lead back to the TypeScript.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { ROOT, ensureInstalled, run } from './set-up.mjs';

ensureInstalled();
const build = join(ROOT, 'build.mjs');
run(process.execPath, [build, '--separate']);
const c8 = join(ROOT, 'node_modules/c8/bin/c8.js');
const test = join(ROOT, 'scripts/test.mjs');
const words = [c8, process.execPath, test, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' });
run(process.execPath, [build]);
process.exitCode = status ?? 1;
