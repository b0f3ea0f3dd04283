import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { Skip } from './case.ts';
import { PROJECT, run, type Workshop } from './workshop.ts';

/** A root file system of Debian, unpacked. Never write into it. */
export function debianTree(workshop: Workshop): string {
  requireRoot();
  return fixture(workshop, 'minbase');
}

/** The same as an uncompressed tar archive that everybody can read. */
export function debianTarball(workshop: Workshop): string {
  return fixture(workshop, 'minbase.tar');
}

/** A copy of the tree that may be written into. */
export function ownTree(workshop: Workshop): string {
  return workshop.shared('own tree', () => {
    const tree = join(workshop.directory, 'tree');
    run(['cp', '-a', '--reflink=auto', debianTree(workshop), tree]);
    return tree;
  });
}

/** An overlay chroot of schroot over the tree, as its users have it. @returns its name */
export function overlaySchroot(workshop: Workshop): string {
  const tree = debianTree(workshop);
  if (!existsSync('/etc/schroot/chroot.d')) throw new Skip('schroot is not installed');
  return workshop.shared('schroot', () => {
    const fstab = join(workshop.directory, 'schroot.fstab');
    writeFileSync(fstab, '/proc /proc none rw,bind 0 0\n/dev /dev none rw,bind 0 0\n');
    const lines = [
      `[${workshop.schroot}]`,
      'type=directory',
      `directory=${tree}`,
      'union-type=overlay',
      'root-users=root',
      // The least that schroot brings along: it copies resolv.conf and the accounts, no more.
      'profile=minimal',
      // It puts its own directory before the name.
      `setup.fstab=${relative('/etc/schroot', fstab)}`,
    ];
    writeFileSync(`/etc/schroot/chroot.d/${workshop.schroot}`, `${lines.join('\n')}\n`);
    return workshop.schroot;
  });
}

/** @throws Skip for a plain user */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new Skip('it takes root');
}

/** @throws Skip where this machine has none */
export function fixture(workshop: Workshop, name: string): string {
  const path = join(workshop.shared('fixtures', makeFixtures), name);
  if (!existsSync(path)) throw new Skip(`there is no fixture ${name} on this machine`);
  return path;
}

/** Half a minute each the first time; they are kept. */
function makeFixtures(): string {
  const argv = [process.execPath, [join(PROJECT, 'scripts/fixtures.mjs')]] as const;
  const { status, stdout, stderr } = spawnSync(...argv, { encoding: 'utf8' });
  if (status !== 0) throw new Skip(`cannot make the fixtures: ${stderr.trim()}`);
  return stdout.trim();
}
