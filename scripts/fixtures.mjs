// Makes what the tests run on and prints the directory: root file systems of this Debian release
// (kept from run to run) and, as root, a plain user `regime-test` with subordinate ids.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { note, run } from './set-up.mjs';

/** Raise it when what is made below changes, and the old ones are not used any more. */
const VERSION = 1;
const root = process.getuid() === 0;

const cache = root ? '/var/cache' : process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const release = codename();
const directory = join(cache, 'regime-test', `${release}-${VERSION}`);

mkdirSync(directory, { recursive: true });
if (process.env.REGIME_FIXTURES_LOCKED) makeAll();
else runLocked();

/** Two test files may want them at once: the second waits, by a lock that the kernel takes back. */
function runLocked() {
  const self = [process.execPath, process.argv[1]];
  const env = { ...process.env, REGIME_FIXTURES_LOCKED: '1' };
  const { status } = spawnSync('flock', [directory, ...self], { stdio: 'inherit', env });
  process.exitCode = status ?? 1;
}

function makeAll() {
  if (root) makeUser('regime-test');
  makeTree(makeSystem('minbase', []));
  makeTree(makeSystem('harness', forHarness()));
  // Of those that boot only images of containers are made.
  makeSystem('systemd', forHarness('systemd-sysv', 'dbus'));
  makeSystem('sysvinit', forHarness('sysvinit-core', 'procps'));
  console.log(directory);
}

/** What the harness needs in its testbed, and more packages. */
function forHarness(...packages) {
  return [
    `--include=${['dpkg-dev', 'ca-certificates', ...packages].join(',')}`,
    '--skip=cleanup/apt/lists',
    '--customize-hook=chroot "$1" useradd -m -s /bin/bash -u 1000 tester',
  ];
}

/** A tar archive of a root file system, by its name. */
function makeSystem(name, options) {
  const tarball = join(directory, `${name}.tar`);
  if (!existsSync(tarball)) {
    note(`making a ${name} root file system of Debian ${release} (once)`);
    const raw = join(directory, `${name}.new.tar`);
    run('mmdebstrap', ['--quiet', '--variant=minbase', ...options, release, raw, ...sources()]);
    renameSync(raw, tarball);
  }
  return name;
}

/** As root: the tree that an archive holds. */
function makeTree(name) {
  const tarball = join(directory, `${name}.tar`);
  const tree = join(directory, name);
  if (!root || existsSync(tree)) return;
  const fresh = `${tree}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh);
  run('tar', ['-x', '-p', '--numeric-owner', '--xattrs', '-f', tarball, '-C', fresh]);
  renameSync(fresh, tree);
}

/** The machine's own package sources of the release: they may name a mirror that is near. */
function sources() {
  const candidates = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'];
  return candidates
    .filter((path) => existsSync(path) && /debian/.test(readFileSync(path)))
    .slice(0, 1);
}

function codename() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const found = /^VERSION_CODENAME=(.*)$/m.exec(text);
  if (!/^ID=debian$/m.test(text) || !found) {
    note('this is not a Debian release: there are no fixtures');
    process.exit(1);
  }
  return found[1];
}

function makeUser(name) {
  if (spawnSync('id', [name]).status === 0) return;
  note(`making a user ${name} for tests that run without root`);
  run('useradd', ['--create-home', '--shell', '/bin/bash', name]);
}
