// Installs the Debian packages that the tests need, where this is Debian and we are root.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, note, run } from './set-up.mjs';

export function installPackages() {
  const missing = findMissing();
  if (missing.length === 0) return;
  if (process.getuid() !== 0 || !existsSync('/etc/debian_version')) {
    note(`tests that need these packages will be skipped: ${missing.join(' ')}`);
    return;
  }
  note(`installing the packages that the tests need: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = ['-qq', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300'];
  run('apt-get', [...quiet, 'update'], { env });
  run('apt-get', [...quiet, '-y', '--no-install-recommends', 'install', ...missing], { env });
}

function findMissing() {
  const lines = readFileSync(join(ROOT, 'scripts/packages.txt'), 'utf8').split('\n');
  const wanted = lines.filter((line) => line && !line.startsWith('#'));
  const query = ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...wanted];
  const { stdout } = spawnSync('dpkg-query', query, { encoding: 'utf8' });
  const installed = new Set(
    (stdout ?? '').split('\n').filter((line) => line.endsWith(' installed')),
  );
  return wanted.filter((name) => !installed.has(`${name} installed`));
}
