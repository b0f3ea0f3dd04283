// `npm run bench`: sets up and builds as the tests do, then compares us with the incumbents.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { installPackages } from './packages.mjs';
import { ROOT, ensureBuilt } from './set-up.mjs';

ensureBuilt();
installPackages();
const words = ['--import', 'tsx', join(ROOT, 'bench/main.ts'), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' });
process.exitCode = status ?? 1;
