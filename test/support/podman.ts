import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanUpAfterFile } from './clean-up.ts';
import { answers } from './docker.ts';
import { skip } from './skip.ts';
import { fileTempDir } from './tempdir.ts';

/** podman's service, of the tests' own; its containers have no network. */
export interface TestPodman {
  /** As CONTAINER_HOST has it. */
  host: string;
  /** Runs podman on the same storage and gives its stdout. @throws where it fails */
  podman(...args: string[]): string;
}

/**
 * What a machine needs where root lacks CAP_SYS_RESOURCE (the limits), where there is no systemd, and
 * where control groups are of both versions (runc).
 */
const CONFIGURATION = `[containers]
default_ulimits=["nofile=20000:20000","nproc=32768:32768"]
netns="none"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
`;

/** Milliseconds that the service may take to answer. */
const PATIENCE = 30_000;

/** For a `before` hook: a service that is gone after the file, or a skip with the reason. */
export async function startPodman(context: Mocha.Context): Promise<TestPodman> {
  context.timeout(PATIENCE * 2);
  if (process.getuid?.() !== 0) skip(context, 'this service of podman needs root');
  if (!existsSync('/usr/bin/podman')) skip(context, 'podman is not installed');
  const directory = fileTempDir();
  const socket = `${directory}/podman.sock`;
  writeFileSync(`${directory}/containers.conf`, CONFIGURATION);
  const env = { ...process.env, CONTAINERS_CONF: `${directory}/containers.conf` };
  const places = ['root', 'runroot', 'tmpdir'].flatMap((n) => [`--${n}`, `${directory}/${n}`]);
  const podman: TestPodman['podman'] = (...args) => {
    const done = spawnSync('podman', [...places, ...args], { env, encoding: 'utf8' });
    if (done.status === 0) return done.stdout.trim();
    throw new Error(`podman ${args.join(' ')}: ${done.stderr}`);
  };
  const argv = [...places, 'system', 'service', '--time=0', `unix://${socket}`];
  const service = spawn('podman', argv, { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => service.once('close', resolve));
  cleanUpAfterFile(async () => {
    podman('rm', '--all', '--force', '--time=0');
    service.kill('SIGTERM');
    await ended;
    // What a keeper starts at its end mounts the storage anew.
    for (let waited = 0; waited < PATIENCE; waited += 100) {
      if (!endKeepers(directory) && !unmountBelow(directory)) break;
      await sleep(100);
    }
    removeNetworks();
  });
  for (let waited = 0; !(await answers(socket)); waited += 50) {
    if (waited > PATIENCE || service.exitCode !== null) {
      skip(context, "podman's service does not start here");
    }
    await sleep(50);
  }
  return { host: `unix://${socket}`, podman };
}

/** podman keeps networks where ip-netns(8) does, and leaves the directory mounted on itself. */
function removeNetworks(): void {
  const directory = '/run/netns';
  if (!existsSync(directory) || readdirSync(directory).length > 0) return;
  // Another file's podman may just have begun to use it: that one removes it then.
  if (spawnSync('umount', [directory]).status === 0) rmdirSync(directory);
}

/** @returns whether anything was mounted there */
function unmountBelow(directory: string): boolean {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const mounts = lines.map((line) => line.split(' ')[1] ?? '');
  const below = mounts.filter((mount) => mount.startsWith(`${directory}/`)).reverse();
  for (const mount of below) spawnSync('umount', ['-l', mount]);
  return below.length > 0;
}

/**
 * podman keeps a process for each command that it ran over its API, five minutes long.
 * @returns whether there was one, or one that cleans up after it
 */
function endKeepers(directory: string): boolean {
  let found = false;
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
      if (/conmon|podman/.test(command) && command.includes(`${directory}/`)) {
        process.kill(Number(name), 'SIGKILL');
        found = true;
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}
