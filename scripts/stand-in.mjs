// Builds src/place/stand-in for all machines and writes the programs into programs.ts. For who changes
// its sources; wants Debian's gcc-*-linux-gnu* and linux-libc-dev-*-cross.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const directory = fileURLToPath(new URL('../src/place/stand-in', import.meta.url));

/** By the names that container engines have for machines. */
const compilers = {
  amd64: ['x86_64-linux-gnu-gcc'],
  386: ['x86_64-linux-gnu-gcc', '-m32', '-I/usr/include/x86_64-linux-gnu'],
  arm64: ['aarch64-linux-gnu-gcc'],
  arm: ['arm-linux-gnueabi-gcc', '-march=armv5te', '-marm'],
  riscv64: ['riscv64-linux-gnu-gcc', '-march=rv64imac', '-mabi=lp64'],
  ppc64le: ['powerpc64le-linux-gnu-gcc'],
  s390x: ['s390x-linux-gnu-gcc', '-march=z900'],
};

const flags = [
  ...['-Os', '-s', '-static', '-nostdlib', '-ffreestanding', '-fno-builtin', '-fno-pic', '-no-pie'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables'],
  ...['-fno-tree-loop-distribute-patterns', '-Wall', '-Wextra', '-Werror'],
  '-Wl,--build-id=none,-n,-z,noseparate-code,-z,noexecstack,--no-warn-rwx-segments',
];

const sources = ['system.h', 'tools.h', 'copies.h', 'session.h', 'stand-in.c'];
const hash = createHash('sha256');
for (const name of sources) hash.update(readFileSync(join(directory, name)));

const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
const lines = [];
try {
  for (const [machine, [compiler, ...options]] of Object.entries(compilers)) {
    const output = join(folder, machine);
    const argv = [...options, ...flags, '-o', output, 'stand-in.c'];
    const { status, error } = spawnSync(compiler, argv, { cwd: directory, stdio: 'inherit' });
    if (error ?? status !== 0) throw error ?? new Error(`${compiler} fails`);
    const text = gzipSync(readFileSync(output), { level: 9 }).toString('base64');
    // As prettier has it: a short name does not stand on a line of its own.
    lines.push(`  ${machine}:${machine.length > 3 ? '\n   ' : ''} '${text}',\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

writeFileSync(
  join(directory, 'programs.ts'),
  `// Written by scripts/stand-in.mjs: stand-in.c for each machine, with gzip and in base64.

/** The SHA-256 of the sources that these were made of, one after the other. */
export const SOURCES = '${hash.digest('hex')}';

/** By the names that container engines have for machines. */
export const PROGRAMS: Readonly<Partial<Record<string, string>>> = {
${lines.join('')}};
`,
);
