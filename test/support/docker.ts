import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanUpAfterFile } from './clean-up.ts';
import { skip } from './skip.ts';
import { fileTempDir } from './tempdir.ts';

/** A Docker engine of the tests' own. It has no bridge: containers have no network, or the host's. */
export interface TestEngine {
  /** As DOCKER_HOST has it. */
  host: string;
  /** The path of its socket. */
  socket: string;
  /** Variables that point the server and the docker command at it. */
  env: NodeJS.ProcessEnv;
  /** Runs the docker command and gives its stdout. @throws where it fails */
  docker(...args: string[]): string;
  /** The names of all containers there are. */
  containers(): string[];
  /** Ends the engine at once, as a crash does. Its containers run on until it is back. */
  kill(): Promise<void>;
  /** Starts it again on what the last one left. */
  start(): Promise<void>;
}

/** Milliseconds that the engine may take to answer. */
const PATIENCE = 60_000;

/**
 * For a `before` hook: an engine that is gone after the file, or a skip with the reason.
 * @param more further arguments of dockerd
 */
export async function startEngine(
  context: Mocha.Context,
  more: readonly string[] = [],
): Promise<TestEngine> {
  context.timeout(PATIENCE * 2);
  const missing = ['dockerd', 'docker', 'containerd', 'runc'].filter((name) => !onPath(name));
  if (process.getuid?.() !== 0) skip(context, 'a Docker engine needs root');
  if (missing.length > 0) skip(context, `there is no ${missing.join(', ')} to test with`);
  const directory = fileTempDir();
  const engine = makeEngine(directory, more);
  try {
    await engine.start();
  } catch (cause) {
    skip(context, `no Docker engine starts here: ${String(cause).slice(0, 300)}`);
  }
  return engine;
}

function onPath(name: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.some((folder) => existsSync(`${folder}/${name}`));
}

function makeEngine(directory: string, more: readonly string[]): TestEngine {
  const socket = `${directory}/docker.sock`;
  const host = `unix://${socket}`;
  const group = `containers-of-${basename(directory)}`;
  const env: NodeJS.ProcessEnv = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: directory };
  delete env['DOCKER_CONTEXT'];
  let daemon: ChildProcess | undefined;
  const docker: TestEngine['docker'] = (...args) => {
    const { status, stdout, stderr } = spawnSync('docker', args, { env, encoding: 'utf8' });
    if (status === 0) return stdout.trim();
    throw new Error(`docker ${args.join(' ')}: ${stderr}`);
  };
  const end = async (signal: NodeJS.Signals) => {
    const ended = daemon;
    daemon = undefined;
    if (!ended || ended.exitCode !== null || ended.signalCode !== null) return;
    await new Promise((resolve) => {
      ended.once('close', resolve);
      ended.kill(signal);
    });
  };
  cleanUpAfterFile(async () => {
    // Where it was killed, its containers still run.
    if (!daemon) await engine.start();
    const all = docker('ps', '-aq').split('\n').filter(Boolean);
    // The engine would wait ten seconds for each to end by itself.
    if (all.length > 0) docker('rm', '-f', ...all);
    await end('SIGTERM');
    // One that was killed leaves the keepers of containers, whom the next one does not know.
    const keepers = spawnSync('pgrep', ['-f', `containerd-shim.*${directory}/`], {
      encoding: 'utf8',
    });
    for (const pid of keepers.stdout.split('\n').filter(Boolean)) killIfThere(Number(pid));
    // Nor a container that was being made.
    await endControlGroup(group);
    // And mounts that the next one does not take for its own.
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    for (const mount of mounts.map((line) => line.split(' ')[1] ?? '').reverse())
      if (mount.startsWith(`${directory}/`)) spawnSync('umount', ['-l', mount]);
  });
  const engine: TestEngine = {
    host,
    socket,
    env,
    docker,
    containers: () => docker('ps', '-a', '--format', '{{.Names}}').split('\n').filter(Boolean),
    async kill() {
      await end('SIGKILL');
      // Where process 1 leaves zombies the next engine would take this one for alive.
      rmSync(`${directory}/exec/containerd/containerd.pid`, { force: true });
    },
    async start() {
      const log = openSync(`${directory}/log`, 'a');
      daemon = spawn(
        'dockerd',
        [
          ...[
            '--host',
            host,
            '--data-root',
            `${directory}/data`,
            '--exec-root',
            `${directory}/exec`,
          ],
          ...['--pidfile', `${directory}/pid`, '--bridge=none', '--iptables=false'],
          ...['--ip-masq=false', '--storage-driver=overlay2', `--cgroup-parent=/${group}`],
          ...more,
        ],
        { stdio: ['ignore', log, log] },
      );
      closeSync(log);
      const limit = Date.now() + PATIENCE;
      while (!(await answers(socket))) {
        const gone = daemon.exitCode !== null;
        if (gone || Date.now() > limit) {
          if (gone) daemon = undefined;
          throw new Error(readFileSync(`${directory}/log`, 'utf8').trim().split('\n').at(-1));
        }
        await sleep(50);
      }
    },
  };
  return engine;
}

/** Kills what runs in a control group and those below it, and removes them in each hierarchy. */
async function endControlGroup(name: string): Promise<void> {
  const limit = Date.now() + PATIENCE;
  for (;;) {
    const { stdout } = spawnSync('grep', ['-lsE', `/${name}(/|$)`, ...cgroupFiles()], {
      encoding: 'utf8',
    });
    for (const [pid] of stdout.matchAll(/[0-9]+/g)) killIfThere(Number(pid));
    // One of which the last process is just ending can not be removed yet.
    const groups = ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${name}*`];
    spawnSync('find', [...groups, '-exec', 'rmdir', '{}', ';']);
    const { stdout: left } = spawnSync('find', groups, { encoding: 'utf8' });
    if (left === '' || Date.now() > limit) return;
    await sleep(50);
  }
}

function cgroupFiles(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  // A dead one that nobody fetches stays in its group.
  return pids.filter((pid) => !isZombie(pid)).map((pid) => `/proc/${pid}/cgroup`);
}

function isZombie(pid: string): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** True where an engine behind a socket says that it is well. */
export async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path, () =>
      connection.write('GET /_ping HTTP/1.0\r\n\r\n'),
    );
    connection.once('data', (data) => {
      connection.destroy();
      resolve(/^HTTP\/1\.. 200/.test(data.toString()));
    });
    connection.once('error', () => resolve(false));
    // An engine that ends as it starts takes the connection and says nothing.
    connection.once('close', () => resolve(false));
  });
}

/** An image with little but a static busybox. */
export function importBusybox(engine: TestEngine): string {
  const directory = fileTempDir();
  for (const folder of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev'])
    mkdirSync(`${directory}/${folder}`);
  const list = spawnSync('busybox', ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  for (const name of list)
    if (name !== 'busybox') symlinkSync('busybox', `${directory}/bin/${name}`);
  const script = `cp "$(command -v busybox)" "$0/bin/busybox"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$0/etc/passwd"; echo 'root:x:0:' >"$0/etc/group"
    chmod 1777 "$0/tmp"; chmod 755 "$0"
    # Debian's busybox has no cksum, which the conformance suite wants.
    for file in $(ldd "$(command -v cksum)" | grep -o '/[^ ]*') "$(command -v cksum)"; do
      mkdir -p "$0\${file%/*}" && cp -L "$file" "$0$file"
    done
    tar -C "$0" -c . | docker import - busybox:test`;
  const { status, stderr } = spawnSync('sh', ['-c', script, directory], { env: engine.env });
  if (status !== 0) throw new Error(`cannot import busybox: ${stderr.toString()}`);
  return 'busybox:test';
}

/** An image with one file in it, a static busybox that has no name of a shell's. */
export function importShellless(engine: TestEngine): string {
  const directory = fileTempDir();
  const script = `cp "$(command -v busybox)" "$0/busybox"
    tar -C "$0" -c . | docker import - shellless:test`;
  const { status, stderr } = spawnSync('sh', ['-c', script, directory], { env: engine.env });
  if (status !== 0) throw new Error(`cannot import it: ${stderr.toString()}`);
  return 'shellless:test';
}

/** An image of a root file system in a tar archive. */
export function importTarball(engine: TestEngine, tarball: string, name: string): string {
  engine.docker('import', tarball, name);
  return name;
}

/** The same image without tar. */
export function removeTar(engine: TestEngine, image: string): string {
  engine.docker('run', '--name', 'without-tar', image, 'rm', '/bin/tar');
  engine.docker('commit', 'without-tar', 'without-tar:test');
  engine.docker('rm', 'without-tar');
  return 'without-tar:test';
}
