import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from 'mocha';

import { debianTarball, debianTree, hasFixtures } from './fixtures.ts';
import { projectRoot, serverPath } from './server.ts';
import { skip } from './skip.ts';
import { fileTempDir } from './tempdir.ts';

/** An example of the documents that is marked runnable. */
export interface Example {
  /** `root`, `node` for one in JavaScript, or the names of programs that have to be there. */
  words: string[];
  script: string;
}

/**
 * Where examples run: `regime` is on their PATH and can be imported, state is below the directory, names
 * below /srv are found below `srv` there, and the files are there that the examples speak of.
 */
export function exampleDirectory(): string {
  const directory = fileTempDir();
  for (const name of ['bin', 'srv/data', 'node_modules']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  symlinkSync(serverPath(), join(directory, 'bin/regime'));
  symlinkSync(serverPath(), join(directory, 'bin/autopkgtest-virt-regime'));
  symlinkSync(projectRoot, join(directory, 'node_modules/regime'));
  cpSync(join(projectRoot, 'test/house/hello'), join(directory, 'hello-2.10'), { recursive: true });
  writeFileSync(join(directory, 'build.sh'), 'mkdir out && date >out/built\n');
  makePackage(directory);
  if (hasFixtures()) {
    for (const tree of ['sid', 'base', 'inner']) {
      symlinkSync(debianTree(), join(directory, 'srv', tree));
    }
    symlinkSync(debianTarball(), join(directory, 'sid.tar'));
  }
  return directory;
}

/** A Debian package with nothing in it; not there where there is no dpkg. */
function makePackage(directory: string): void {
  mkdirSync(join(directory, 'new/DEBIAN'), { recursive: true });
  const fields = ['Package: new', 'Version: 1', 'Architecture: all', 'Description: new'];
  const control = [...fields, 'Maintainer: Nobody <nobody@example.org>', ''].join('\n');
  writeFileSync(join(directory, 'new/DEBIAN/control'), control);
  chmodSync(join(directory, 'new/DEBIAN'), 0o755);
  spawnSync('dpkg-deb', ['--build', 'new', 'new.deb'], { cwd: directory });
}

/** Runs an example; skips the test where it needs what is not there. */
export function runExample(context: Context, directory: string, { words, script }: Example) {
  if (words.includes('root') && process.getuid?.() !== 0) skip(context, 'it needs root');
  for (const program of words.filter((word) => !['', 'root', 'node'].includes(word))) {
    if (spawnSync(program, ['--help']).error) skip(context, `there is no ${program} here`);
  }
  if (/\/srv\/|sid\.tar/.test(script) && !hasFixtures()) skip(context, 'there is no Debian here');
  const text = script.replaceAll('/srv/', `${directory}/srv/`);
  const argv = words.includes('node')
    ? ['node', '--input-type=module', '-e', text]
    : ['sh', '-ec', text];
  const [program = '', ...args] = argv;
  return spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    input: '',
    env: {
      ...process.env,
      PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      XDG_STATE_HOME: join(directory, 'state'),
    },
  });
}
