// A small root file system for a plain user: some of this machine's programs and their libraries.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const PROGRAMS = (
  'sh env cat ls cp mv ln rm rmdir mkdir mktemp touch chmod chown stat test true false sleep sort ' +
  'head tail wc tr cut find xargs grep sed tar sha256sum id uname printf readlink dirname ' +
  'basename kill setsid mkfifo mknod'
).split(' ');

/** @returns the directory, for `regime chroot` */
export function makeTree(tree) {
  for (const name of 'usr/bin usr/sbin usr/lib usr/lib64 etc root proc sys dev run'.split(' ')) {
    mkdirSync(`${tree}/${name}`, { recursive: true });
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, `${tree}/${name}`);
  for (const name of ['tmp', 'var/tmp']) {
    mkdirSync(`${tree}/${name}`, { recursive: true });
    chmodSync(`${tree}/${name}`, 0o1777);
  }
  writeFileSync(`${tree}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(`${tree}/etc/group`, 'root:x:0:\n');
  for (const name of PROGRAMS) copyProgram(name, tree);
  return tree;
}

function copyProgram(name, tree) {
  const program = ['/usr/bin', '/bin', '/usr/sbin', '/sbin']
    .map((folder) => `${folder}/${name}`)
    .find((path) => existsSync(path));
  if (!program) return;
  copyFileSync(program, `${tree}/usr/bin/${name}`);
  chmodSync(`${tree}/usr/bin/${name}`, 0o755);
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  for (const [, library] of (stdout ?? '').matchAll(/(\/\S+) \(0x/g)) copyLibrary(library, tree);
}

function copyLibrary(library, tree) {
  if (existsSync(`${tree}${library}`)) return;
  mkdirSync(dirname(`${tree}${library}`), { recursive: true });
  copyFileSync(library, `${tree}${library}`);
  chmodSync(`${tree}${library}`, 0o755);
}
