import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from 'mocha';

import { importTarball, startEngine } from './docker.ts';
import { debianTarball, harnessTarball, harnessTree, hasFixtures } from './fixtures.ts';
import { inHarnessTurn } from './harness-turn.ts';
import { projectRoot, serverPath } from './server.ts';
import { skip } from './skip.ts';
import { startSshd } from './sshd.ts';
import { fileTempDir } from './tempdir.ts';

/** An example of the documents that is marked runnable. */
export interface Example {
  /**
   * `root`; `node` for one in JavaScript; `engine` and `box` for what `startNeighbours` starts; or the
   * names of programs that have to be there.
   */
  words: string[];
  script: string;
}

/** Where examples run. */
export interface ExampleRoom {
  directory: string;
  /** The environment of examples, `process.env` among it. */
  env: NodeJS.ProcessEnv;
}

/** Words of an example that are no programs. */
const CONDITIONS = ['', 'root', 'node', 'engine', 'box'];

/**
 * Where examples run: `regime` is on their PATH and can be imported; home, state and cache are below
 * the directory, names below /srv are found below `srv` there, and the files are there that the
 * examples speak of.
 */
export function makeExampleRoom(): ExampleRoom {
  const directory = fileTempDir();
  for (const name of ['bin', 'srv/data', 'node_modules', 'home/.ssh']) {
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
      symlinkSync(harnessTree(), join(directory, 'srv', tree));
    }
    symlinkSync(debianTarball(), join(directory, 'sid.tar'));
  }
  return {
    directory,
    env: {
      ...process.env,
      PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      HOME: join(directory, 'home'),
      XDG_STATE_HOME: join(directory, 'state'),
      XDG_CACHE_HOME: join(directory, 'cache'),
    },
  };
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

/**
 * For a `before` hook: an engine with the image debian:bookworm, which also listens at
 * /srv/docker.sock, and a machine `box`, which ssh_config(5) has and where the engine is at its usual
 * socket. @returns the room with the variables that point there
 */
export async function startNeighbours(context: Context, room: ExampleRoom): Promise<ExampleRoom> {
  if (!hasFixtures()) skip(context, 'there is no Debian here');
  const engine = await startEngine(context);
  importTarball(engine, harnessTarball(), 'debian:bookworm');
  symlinkSync(engine.socket, join(room.directory, 'srv/docker.sock'));
  const script =
    'mount -t tmpfs home /root && mount -t tmpfs run /run && mkdir -m 1777 /run/lock && ' +
    'mkdir /run/sshd && ln -s "$0" /run/docker.sock && exec "$@"';
  const box = await startSshd(context, {
    within: () => ['unshare', '--mount', 'sh', '-c', script, engine.socket],
  });
  const host = [
    'Host box',
    `HostName ${box.host}`,
    `Port ${box.port}`,
    `IdentityFile ${box.identity}`,
    `UserKnownHostsFile ${box.knownHosts}`,
    '',
  ];
  writeFileSync(join(room.directory, 'home/.ssh/config'), host.join('\n'), { mode: 0o600 });
  return { ...room, env: { ...room.env, ...pick(engine.env, 'DOCKER_HOST', 'DOCKER_CONFIG') } };
}

function pick(env: NodeJS.ProcessEnv, ...names: string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

/** True for an example that needs what `startNeighbours` starts. */
export function needsNeighbours({ words }: Example): boolean {
  return words.includes('engine') || words.includes('box');
}

/** Runs an example; skips the test where it needs what is not there. */
export function runExample(context: Context, room: ExampleRoom, { words, script }: Example) {
  if (words.includes('root') && process.getuid?.() !== 0) skip(context, 'it needs root');
  for (const program of words.filter((word) => !CONDITIONS.includes(word))) {
    if (spawnSync(program, ['--help']).error) skip(context, `there is no ${program} here`);
  }
  if (/\/srv\/|sid\.tar/.test(script) && !hasFixtures()) skip(context, 'there is no Debian here');
  const text = script.replaceAll('/srv/', `${room.directory}/srv/`);
  const argv = words.includes('node')
    ? ['node', '--input-type=module', '-e', text]
    : [words.includes('bash') ? 'bash' : 'sh', '-ec', text];
  const [program = '', ...args] = words.includes('autopkgtest') ? inHarnessTurn(argv) : argv;
  const options = { cwd: room.directory, env: room.env, encoding: 'utf8', input: '' } as const;
  return spawnSync(program, args, options);
}
