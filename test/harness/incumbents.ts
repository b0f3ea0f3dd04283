import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

import { cleanUpAfterFile } from '../support/clean-up.ts';

let chroots = 0;
/**
 * A tree as an ephemeral chroot of `schroot` for the rest of the file, and the argv of the
 * incumbents' server for it: that has `revert`, which their chroot server has not. The definition
 * has to lie in /etc, so only root can do this; sessions and definition are gone afterwards.
 */
export function schrootServer(tree: string): string[] {
  const name = `regime-test-${process.pid}-${++chroots}`;
  const definition = `/etc/schroot/chroot.d/${name}`;
  const lines = [
    ...[`[${name}]`, 'type=directory', `directory=${tree}`, 'union-type=overlay'],
    // /proc and /sys are bound; accounts stay those of the tree.
    ...['root-users=root', 'users=root', 'profile=minimal', 'setup.nssdatabases='],
  ];
  cleanUpAfterFile(() => {
    endSessions(name);
    rmSync(definition, { force: true });
  });
  writeFileSync(definition, `${lines.join('\n')}\n`);
  return ['schroot', name];
}

/** True where schroot is installed and this process may define a chroot for it. */
export function hasSchroot(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/schroot');
}

/** Those of one chroot only: others belong to somebody. */
function endSessions(name: string): void {
  const { stdout } = spawnSync('schroot', ['--list', '--all-sessions'], { encoding: 'utf8' });
  for (const line of stdout.split('\n')) {
    const session = line.replace(/^session:/, '');
    if (session.startsWith(`${name}-`))
      spawnSync('schroot', ['--end-session', '--force', '--chroot', session]);
  }
}
