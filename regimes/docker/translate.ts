import type { ContainerCreateOptions, HostConfig } from 'dockerode';

import { textOf, type Argv } from '../../src/bytes.ts';
import { shown, TestbedError } from '../../src/errors.ts';
import type { Recipe } from './recipe.ts';

interface Draft {
  body: ContainerCreateOptions & { Env: string[] };
  host: HostConfig & Record<string, unknown>;
  recipe: Recipe;
}

type Apply = (draft: Draft, value: string) => void;

const append =
  (key: string): Apply =>
  ({ host }, value) => {
    host[key] = [...((host[key] as string[] | undefined) ?? []), value];
  };

/** Arguments of `docker run` with a value, as the engine's API has them. */
const WITH_VALUE: Partial<Record<string, Apply>> = {
  'add-host': append('ExtraHosts'),
  'cap-add': append('CapAdd'),
  'cap-drop': append('CapDrop'),
  cpus: ({ host }, value) => void (host.NanoCpus = Math.round(Number(value) * 1e9)),
  device: ({ host }, value) => {
    const [PathOnHost = '', PathInContainer = PathOnHost, CgroupPermissions = 'rwm'] =
      value.split(':');
    host.Devices = [
      ...((host.Devices ?? []) as object[]),
      { PathOnHost, PathInContainer, CgroupPermissions },
    ];
  },
  dns: append('Dns'),
  env: ({ body }, value) => {
    const whole = value.includes('=') ? value : `${value}=${process.env[value] ?? ''}`;
    if (value.includes('=') || process.env[value] !== undefined) body.Env.push(whole);
  },
  'group-add': append('GroupAdd'),
  hostname: ({ body }, value) => void (body.Hostname = value),
  ipc: ({ host }, value) => void (host.IpcMode = value),
  label: ({ body }, value) => {
    const [key = '', ...rest] = value.split('=');
    body.Labels = { ...body.Labels, [key]: rest.join('=') };
  },
  memory: ({ host }, value) => void (host.Memory = readBytes('memory', value)),
  'memory-swap': ({ host }, value) =>
    void (host.MemorySwap = value === '-1' ? -1 : readBytes('memory-swap', value)),
  name: ({ recipe }, value) => void (recipe.name = value),
  network: ({ host }, value) => void (host.NetworkMode = value),
  pid: ({ host }, value) => void (host.PidMode = value),
  'pids-limit': ({ host }, value) => void (host.PidsLimit = Number(value)),
  platform: ({ recipe }, value) => void (recipe.platform = value),
  runtime: ({ host }, value) => void (host['Runtime'] = value),
  'security-opt': append('SecurityOpt'),
  'shm-size': ({ host }, value) => void (host.ShmSize = readBytes('shm-size', value)),
  tmpfs: ({ host }, value) => {
    const [path = '', ...rest] = value.split(':');
    host.Tmpfs = { ...(host.Tmpfs as Record<string, string> | undefined), [path]: rest.join(':') };
  },
  user: ({ body }, value) => void (body.User = value),
  volume: ({ body, host }, value) => {
    if (value.includes(':')) host.Binds = [...(host.Binds ?? []), value];
    else body.Volumes = { ...body.Volumes, [value]: {} };
  },
  workdir: ({ body }, value) => void (body.WorkingDir = value),
};

/** Arguments without a value. */
const SWITCHES: Partial<Record<string, Apply>> = {
  detach: () => {},
  init: ({ host }) => void (host.Init = true),
  interactive: ({ body }) => void (body.OpenStdin = true),
  privileged: ({ host }) => void (host.Privileged = true),
  'read-only': ({ host }) => void (host.ReadonlyRootfs = true),
  rm: () => {},
  tty: ({ body }) => void (body.Tty = true),
};

const SHORT: Partial<Record<string, string>> = {
  d: 'detach',
  e: 'env',
  h: 'hostname',
  i: 'interactive',
  l: 'label',
  m: 'memory',
  t: 'tty',
  u: 'user',
  v: 'volume',
  w: 'workdir',
};
const OTHER_NAMES: Partial<Record<string, string>> = { net: 'network' };

/**
 * Translates the common arguments of `docker run` where there is no docker command to do it.
 * @param command what the container runs
 * @throws TestbedError that names the one that is not known
 */
export function translateArguments(args: Argv, image: string, command: Argv): Recipe {
  const host: Draft['host'] = {};
  const body: Draft['body'] = { Image: image, Cmd: [...command], Env: [], HostConfig: host };
  const recipe: Recipe = { body, networks: [] };
  const queue = args.map(textOf);
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const { name, bound } = nameOf(word);
    const [plain, valued] = [SWITCHES[name], WITH_VALUE[name]];
    if (plain && (bound === undefined || bound === 'true')) plain({ body, host, recipe }, '');
    else if (plain && bound === 'false') continue;
    else if (valued) valued({ body, host, recipe }, bound ?? needValue(word, queue.shift()));
    else throw unknownArgument(word);
  }
  return recipe;
}

function nameOf(word: string): { name: string; bound?: string } {
  const [, long, bound] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (long !== undefined) {
    return { name: OTHER_NAMES[long] ?? long, ...(bound !== undefined && { bound }) };
  }
  const [, letter = '', rest = ''] = /^-([a-zA-Z])=?(.*)$/s.exec(word) ?? [];
  const name = SHORT[letter];
  if (name === undefined) throw unknownArgument(word);
  return { name, ...(rest !== '' && { bound: rest }) };
}

function needValue(word: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new TestbedError({ step: `the argument ${shown(word)} of docker run needs a value` });
}

function unknownArgument(word: string): TestbedError {
  return new TestbedError({
    step: `the argument ${shown(word)} of docker run is not known to regime`,
    hint: 'with the docker command installed all of them are',
  });
}

const UNITS: Partial<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

function readBytes(name: string, value: string): number {
  const [, digits, unit = 'b'] = /^([0-9.]+)([bkmgt]?)b?$/i.exec(value) ?? [];
  const factor = UNITS[(unit || 'b').toLowerCase()];
  if (digits !== undefined && factor !== undefined) return Math.floor(Number(digits) * factor);
  throw new TestbedError({
    step: `the argument --${name} of docker run: not a size: ${shown(value)}`,
  });
}
