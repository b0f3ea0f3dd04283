import type { HostConfig } from 'dockerode';

import type { Argv } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import type { Engine } from './engine.ts';
import type { Image } from './image.ts';
import { IDLE, type Recipe } from './recipe.ts';

/** Names the init that an image was made to boot, as `systemd`; autopkgtest-build-docker(1) sets it. */
const LABEL = 'org.debian.autopkgtest.init';

/** Whether an image is booted: as the command line says, else as the image's label does. */
export function bootsInit(wish: boolean | undefined, { labels }: Image): boolean {
  return wish ?? !/^(none|no|false|0)?$/.test(labels[LABEL] ?? '');
}

/** What a container's process 1 is. */
export function firstProcess(image: Image, init: boolean): Argv {
  if (!init) return IDLE;
  // An image that boots by itself knows best where its init is.
  const [program = ''] = image.command;
  return /(^|\/)(init|systemd)$/.test(program) ? image.command : ['/sbin/init'];
}

type Host = HostConfig & { CgroupnsMode?: 'host' | 'private' | '' };

/** What the engine hides in /proc and /sys unless it is told what to hide. */
const HIDDEN = [
  ...['asound', 'acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats'],
  ...['interrupts', 'sched_debug', 'scsi'],
].map((name) => `/proc/${name}`);
const RELEASE_AGENT = '/sys/fs/cgroup/systemd/release_agent';

/** The first version of the API where cgroups can be made writable and nothing else is. */
const WRITABLE_CGROUPS = 48;

/**
 * Adds to a recipe what an init needs and the arguments of `docker run` do not give it already.
 * podman sees by the command's name that an init is wanted and does most of it itself.
 * @throws TestbedError where the arguments leave no room for an init
 */
export async function prepareForInit(engine: Engine, recipe: Recipe): Promise<void> {
  const { body } = recipe;
  const host: Host = { ...body.HostConfig };
  if (host.PidMode) {
    throw new TestbedError({
      step: `no init can be booted with --pid=${host.PidMode}: it has to be process 1`,
      hint: 'leave --pid out, or say --no-init',
    });
  }
  body.HostConfig = host;
  // Its console: what it says there, without colours, becomes the container's log.
  body.Tty = true;
  body.Env = ['TERM=dumb', ...(body.Env ?? [])];
  // A reaper of the engine's own would be process 1.
  host.Init = false;
  addRightToReboot(host);
  const version: Version = await engine.docker.version();
  const info = (await engine.docker.info()) as Info;
  if (isPodman(version)) return;
  // systemd.io/CONTAINER_INTERFACE: what tells systemd, and others, that this is no machine.
  body.Env.unshift('container=docker');
  addTmpfs(recipe, host, '/run', 'exec,mode=755');
  addTmpfs(recipe, host, '/run/lock', 'mode=1777');
  const cgroups = mountPoints(recipe, host).some((path) => path.startsWith('/sys/fs/cgroup'));
  if (!host.Privileged && !cgroups) openCgroups(host, info, engine.apiVersion);
}

/** As far as the answers of the engine count here. */
interface Version {
  Components?: { Name: string }[];
}
interface Info {
  CgroupVersion?: string;
  SecurityOptions?: string[] | null;
}

function isPodman({ Components = [] }: Version): boolean {
  return Components.some(({ Name }) => Name.startsWith('Podman'));
}

/**
 * With it sysvinit can end a container as it ends a machine; without it a reboot stands still at its
 * last step. In a pid namespace it ends that namespace only (reboot(2)).
 */
function addRightToReboot(host: Host): void {
  const dropped = [host.CapDrop ?? []].flat() as string[];
  if (dropped.some((name) => /^(CAP_)?(SYS_BOOT|ALL)$/i.test(name))) return;
  host.CapAdd = [...([host.CapAdd ?? []].flat() as string[]), 'SYS_BOOT'];
}

function addTmpfs(recipe: Recipe, host: Host, path: string, options: string): void {
  if (mountPoints(recipe, host).includes(path)) return;
  host.Tmpfs = { ...(host.Tmpfs as Record<string, string> | undefined), [path]: options };
}

/** Where something is mounted already. */
function mountPoints({ body }: Recipe, { Binds, Mounts, Tmpfs }: Host): string[] {
  return [
    ...(Binds ?? []).map((word) => word.split(':')[1] ?? ''),
    ...(Mounts ?? []).map(({ Target }) => Target),
    ...Object.keys((Tmpfs ?? {}) as object),
    ...Object.keys(body.Volumes ?? {}),
  ].map((path) => path.replace(/(.)\/+$/, '$1'));
}

/**
 * systemd makes control groups of its own below the container's. The engine mounts them read-only.
 * Version 1: only the hierarchy that limits nothing is opened, but all of it, as podman does.
 */
function openCgroups(host: Host, info: Info, apiVersion: string): void {
  const open = (path: string) => {
    // In a namespace of its own the container would take the host's root for its own.
    host.CgroupnsMode = 'host';
    host.Binds = [...(host.Binds ?? []), `${path}:${path}`];
  };
  const apart = host.CgroupnsMode === 'private';
  if (info.CgroupVersion !== '2') {
    if (apart) return;
    open('/sys/fs/cgroup/systemd');
    // Kernels before 5.17 let who can write it run a program outside.
    host.MaskedPaths ??= [...HIDDEN, '/sys/firmware', RELEASE_AGENT];
    return;
  }
  const own = (info.SecurityOptions ?? []).some((word) => /name=(userns|rootless)/.test(word));
  const [, minor = 0] = apiVersion.split('.').map(Number);
  if (own) return;
  if (minor < WRITABLE_CGROUPS) return apart ? undefined : open('/sys/fs/cgroup');
  host.CgroupnsMode ||= 'private';
  host.SecurityOpt = [...((host.SecurityOpt ?? []) as string[]), 'writable-cgroups=true'];
}
