// Builds our programs in C for all machines and writes them into a programs.ts beside their sources. For
// who changes these; wants Debian's gcc-*-linux-gnu* and linux-libc-dev-*-cross.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('../src', import.meta.url));

/** Each with all that it is made of; the last is what is compiled. */
const programs = {
  'place/stand-in': ['system.h', 'tools.h', 'copies.h', 'session.h', 'stand-in.c'],
  auxverb: ['../place/stand-in/system.h', '../place/stand-in/tools.h', 'terminal.h', 'auxverb.c'],
};

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
  // Of tools.h each takes what it needs.
  '-Wno-unused-function',
  '-Wl,--build-id=none,-n,-z,noseparate-code,-z,noexecstack,--no-warn-rwx-segments',
];

for (const [folder, sources] of Object.entries(programs)) build(join(root, folder), sources);

function build(directory, sources) {
  const hash = createHash('sha256');
  for (const name of sources) hash.update(readFileSync(join(directory, name)));
  const source = sources.at(-1);
  const lines = Object.entries(compilers).map(([machine, compiler]) => {
    const text = compile(directory, source, compiler).toString('base64');
    // As prettier has it: a short name does not stand on a line of its own.
    return `  ${machine}:${machine.length > 3 ? '\n   ' : ''} '${text}',\n`;
  });
  writeFileSync(
    join(directory, 'programs.ts'),
    `// Written by scripts/programs.mjs: ${source} for each machine, with gzip and in base64.

/** The SHA-256 of the sources that these were made of, one after the other. */
export const SOURCES = '${hash.digest('hex')}';

/** By the names that container engines have for machines. */
export const PROGRAMS: Readonly<Partial<Record<string, string>>> = {
${lines.join('')}};
`,
  );
}

function compile(directory, source, [compiler, ...options]) {
  const folder = mkdtempSync(join(tmpdir(), 'programs-'));
  try {
    const output = join(folder, 'program');
    const argv = [...options, ...flags, '-o', output, source];
    const { status, error } = spawnSync(compiler, argv, { cwd: directory, stdio: 'inherit' });
    if (error ?? status !== 0) throw error ?? new Error(`${compiler} fails`);
    return gzipSync(readFileSync(output), { level: 9 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
