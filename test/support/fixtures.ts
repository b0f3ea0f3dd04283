import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { projectRoot } from './server.ts';
import { fileTempDir } from './tempdir.ts';

/** A root file system of Debian (minbase), unpacked, owned by root. Never write into it. */
export function debianTree(): string {
  return fixture('minbase');
}

/** The same as a plain, uncompressed tar archive, readable by everybody. */
export function debianTarball(): string {
  return fixture('minbase.tar');
}

/**
 * One that has what the harness needs in its testbed (dpkg-dev, apt's lists, a user `tester`, uid
 * 1000), unpacked. Never write into it.
 */
export function harnessTree(): string {
  return fixture('harness');
}

/** The harness' tree as a tar archive. */
export function harnessTarball(): string {
  return fixture('harness.tar');
}

/** The same with an init system (and procps, which the harness wants where it is sysvinit). */
export function bootableTarball(init: 'systemd' | 'sysvinit'): string {
  return fixture(`${init}.tar`);
}

/** A copy of the minbase tree that the tests of this file may write into. */
export function ownTree(): string {
  const target = `${fileTempDir()}/tree`;
  const { status, stderr } = spawnSync('cp', ['-a', '--reflink=auto', debianTree(), target]);
  if (status !== 0) throw new Error(`cannot copy the tree: ${stderr.toString()}`);
  return target;
}

/** True where the fixtures are there or can be made: on Debian, as root or with mmdebstrap. */
export function hasFixtures(): boolean {
  try {
    return existsSync(directory());
  } catch {
    return false;
  }
}

let made: string | undefined;
/** Makes what is missing: half a minute for each the first time, nothing after that. */
function directory(): string {
  made ??= makeFixtures();
  return made;
}

function makeFixtures(): string {
  const script = `${projectRoot}/scripts/fixtures.mjs`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot make the fixtures: ${stderr}`);
  return stdout.trim();
}

function fixture(name: string): string {
  const path = `${directory()}/${name}`;
  if (!existsSync(path)) throw new Error(`there is no fixture ${name} on this machine`);
  return path;
}
