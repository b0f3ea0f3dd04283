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

const PROGRAMS = [
  ...['sh', 'bash', 'env', 'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'rmdir', 'mkdir', 'chmod', 'chown'],
  ...[
    'stat',
    'touch',
    'find',
    'grep',
    'id',
    'uname',
    'head',
    'dd',
    'sleep',
    'tar',
    'true',
    'setsid',
  ],
  ...['mknod', 'kill', 'wc', 'sort', 'sed', 'readlink'],
];

/**
 * A root file system of some of this machine's programs: a few megabytes, made in a moment, for
 * tests that write into it or wrap it into an archive.
 */
export function makeSmallTree(tree: string): string {
  for (const name of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'root',
    'home',
    'srv',
  ]) {
    mkdirSync(`${tree}/${name}`, { recursive: true });
  }
  chmodSync(tree, 0o755);
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

/** Copies a program of this machine with the libraries that it needs. */
export function copyProgram(name: string, tree: string): void {
  const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  const program = folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
  if (!program) throw new Error(`this machine has no ${name}`);
  copyInto(program, `${tree}/usr/bin/${name}`);
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  for (const [, library = ''] of stdout.matchAll(/(\/\S+) \(0x/g)) {
    copyInto(library, `${tree}${library}`);
  }
}

function copyInto(source: string, target: string): void {
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, 0o755);
}
