import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Skip } from './case.ts';
import { debianTarball, fixture, requireRoot } from './fixtures.ts';
import { run, type Workshop } from './workshop.ts';

/** Milliseconds that an engine may take to answer. */
const PATIENCE = 30_000;

/**
 * A Docker engine of the benchmark's own, ended with it by clean-up.sh. All that is started in the
 * workshop finds it by a context of the docker command: with DOCKER_HOST the incumbent would take it
 * for one on another machine, and share no directory with it as it does for most of its users.
 */
function startEngine(workshop: Workshop): void {
  requireRoot();
  for (const name of ['dockerd', 'docker', 'containerd', 'runc'])
    if (spawnSync('sh', ['-c', 'command -v "$0"', name]).status !== 0) {
      throw new Skip(`there is no ${name}`);
    }
  workshop.shared('docker engine', () => {
    const directory = join(workshop.directory, 'docker');
    mkdirSync(directory);
    const host = `unix://${directory}/docker.sock`;
    const places = [`--data-root=${directory}/data`, `--exec-root=${directory}/exec`];
    const network = ['--bridge=none', '--iptables=false', '--ip-masq=false'];
    const log = openSync(`${directory}/log`, 'a');
    const argv = ['--host', host, `--pidfile=${directory}/pid`, ...places, ...network];
    const daemon = spawn('dockerd', argv, {
      stdio: ['ignore', log, log],
      // Not ended by Ctrl-C, nor as one of the servers: it is needed to take away their containers.
      detached: true,
      env: { ...workshop.env, REGIME_BENCH: undefined },
    });
    daemon.unref();
    closeSync(log);
    const limit = Date.now() + PATIENCE;
    while (spawnSync('docker', ['--host', host, 'version']).status !== 0) {
      if (Date.now() < limit) continue;
      throw new Skip(readFileSync(`${directory}/log`, 'utf8').trim().split('\n').at(-1) ?? '');
    }
    delete workshop.env['DOCKER_HOST'];
    workshop.env['DOCKER_CONFIG'] = directory;
    const create = ['context', 'create', 'bench', '--docker', `host=${host}`];
    run(['docker', ...create], workshop.env);
    workshop.env['DOCKER_CONTEXT'] = 'bench';
  });
}

/** The name of an image of a small Debian. */
export function debianImage(workshop: Workshop): string {
  return importImage(workshop, 'minbase', debianTarball(workshop));
}

/** The name of an image that a harness can run tests in. */
export function harnessImage(workshop: Workshop): string {
  if (!existsSync('/usr/bin/autopkgtest')) throw new Skip('autopkgtest is not installed');
  return importImage(workshop, 'harness', fixture(workshop, 'harness.tar'));
}

function importImage(workshop: Workshop, name: string, tarball: string): string {
  startEngine(workshop);
  return workshop.shared(`image ${name}`, () => {
    run(['docker', 'import', tarball, `${name}:bench`], workshop.env);
    return `${name}:bench`;
  });
}
