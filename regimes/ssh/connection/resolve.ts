import { homedir, userInfo } from 'node:os';

import type { Bytes } from '../../../src/bytes.ts';
import { TestbedError, UsageError } from '../../../src/errors.ts';
import type { Logger } from '../../../src/log.ts';
import { hasTerminal } from './ask.ts';
import { readConfig, type HostConfig } from './config.ts';
import { readHost } from './host-words.ts';
import {
  readChecking,
  readCount,
  readFamily,
  readFlag,
  readPort,
  readTime,
  readTimeout,
} from './keywords.ts';
import type { Request, Route, Target } from './target.ts';
import { expandPath, expandTokens, type Tokens } from './tokens.ts';

/** What a target needs to know besides the request. */
export interface Surroundings {
  readonly log: Logger;
  /** The password for the host itself; jump hosts never get it. */
  readonly password?: () => Promise<Bytes>;
  /** What somebody has answered at an earlier connection; grows. */
  readonly answers?: Map<string, Bytes>;
  /** True where nobody may be asked, whatever the configuration says. */
  readonly unattended?: boolean;
}

const DEFAULTS = {
  port: 22,
  connectTimeout: 30_000,
  // Three questions without an answer: dead within 24 s.
  keepAlive: { interval: 8000, count: 2 },
  methods: ['publickey', 'keyboard-interactive', 'password'],
  identities: ['id_rsa', 'id_ecdsa', 'id_ed25519'],
  userFiles: ['known_hosts', 'known_hosts2'],
  globalFiles: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
};

/** Hosts behind hosts: more is a circle. */
const MAX_JUMPS = 8;

/**
 * What the request, the configuration files and the defaults together say about a host.
 * @throws TestbedError for what can't be followed
 */
export async function resolveTarget(request: Request, surroundings: Surroundings): Promise<Target> {
  try {
    return await resolve(request, surroundings, 0);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const step = `the ssh configuration of ${request.host} can not be followed`;
    throw new TestbedError({ step, status: cause.message, cause });
  }
}

async function resolve(
  request: Request,
  { log, password, answers = new Map(), unattended = false }: Surroundings,
  jumps: number,
): Promise<Target> {
  const host = request.host.replace(/^\[(.*)\]$/, '$1');
  const { configFile: file, options = [] } = request;
  const lines = options.map(([keyword, value]) => `${keyword} ${value}\n`).join('');
  const given = givenKeywords(request);
  const config = await readConfig({ host, given, lines, log, ...(file !== undefined && { file }) });

  const first = <T>(keyword: string, read: (value: string) => T, otherwise: T): T => {
    const value = config.get(keyword)?.[0];
    return value === undefined ? otherwise : read(value);
  };
  const same = (value: string) => value;
  const user = first('user', same, userInfo().username);
  const port = first('port', readPort, DEFAULTS.port);
  const hostName = first('hostname', (name) => expandTokens(name, { h: host }), host);
  const alias = config.get('hostkeyalias')?.[0];
  const tokens: Tokens = { h: hostName, n: host, p: `${port}`, r: user, k: alias ?? host };
  const paths = (keyword: string, otherwise: readonly string[]) =>
    (config.get(keyword) ?? otherwise)
      .filter((path) => path.toLowerCase() !== 'none')
      .map((path) => expandPath(path, tokens));
  const home = `${homedir()}/.ssh`;
  const agent = findAgent(first('identityagent', same, 'SSH_AUTH_SOCK'), tokens);
  const route = await findRoute(config, request, tokens, { log, answers, unattended }, jumps);
  return {
    label: `${user}@${host}`,
    hostName,
    port,
    user,
    family: first('addressfamily', readFamily, 0),
    credentials: {
      methods: methodsOf(config),
      mayAsk: !unattended && !first('batchmode', readFlag, false) && hasTerminal(),
      identityFiles: paths(
        'identityfile',
        DEFAULTS.identities.map((name) => `${home}/${name}`),
      ),
      account: `${user}@${hostName}:${port}, ${jumps} jumps before the host`,
      answers,
      namesFiles: config.has('identityfile'),
      identitiesOnly: first('identitiesonly', readFlag, false),
      ...(agent !== undefined && { agent }),
      ...(password && { password }),
    },
    hostKeys: {
      checking: first('stricthostkeychecking', readChecking, 'yes'),
      ...(alias !== undefined && { alias }),
      userFiles: paths(
        'userknownhostsfile',
        DEFAULTS.userFiles.map((name) => `${home}/${name}`),
      ),
      globalFiles: paths('globalknownhostsfile', DEFAULTS.globalFiles),
      hashNames: first('hashknownhosts', readFlag, false),
    },
    ...(route && { route }),
    connectTimeout: first('connecttimeout', readTimeout, 0) || DEFAULTS.connectTimeout,
    keepAlive: {
      interval: first('serveraliveinterval', readTime, DEFAULTS.keepAlive.interval),
      count: first('serveralivecountmax', readCount, DEFAULTS.keepAlive.count),
    },
  };
}

/** What was said in other words than those of ssh_config(5). */
function givenKeywords({ user, port, identityFiles, hostKey, knownHosts }: Request) {
  const given = new Map<string, readonly string[]>();
  if (user !== undefined) given.set('user', [user]);
  if (port !== undefined) given.set('port', [`${port}`]);
  if (identityFiles) given.set('identityfile', identityFiles);
  if (hostKey === 'accept-new') given.set('stricthostkeychecking', [hostKey]);
  if (knownHosts !== undefined) given.set('userknownhostsfile', [knownHosts]);
  return given;
}

/** IdentityAgent: the name of a socket or of a variable that holds it. */
function findAgent(value: string, tokens: Tokens): string | undefined {
  if (value.toLowerCase() === 'none') return undefined;
  const variable = value === 'SSH_AUTH_SOCK' ? value : /^\$(\w+)$/.exec(value)?.[1];
  return variable === undefined ? expandPath(value, tokens) : process.env[variable] || undefined;
}

/** The ways to log in that are not switched off, the preferred ones first. */
function methodsOf(config: HostConfig): string[] {
  const switches: Record<string, string> = {
    publickey: 'pubkeyauthentication',
    'keyboard-interactive': 'kbdinteractiveauthentication',
    password: 'passwordauthentication',
  };
  const preferred = config.get('preferredauthentications')?.[0]?.split(',');
  return (preferred ?? DEFAULTS.methods).filter((method) => {
    const off = switches[method];
    return off !== undefined && readFlag(config.get(off)?.[0] ?? 'yes');
  });
}

async function findRoute(
  config: HostConfig,
  request: Request,
  tokens: Tokens,
  surroundings: Surroundings,
  jumps: number,
): Promise<Route | undefined> {
  const command = config.get('proxycommand')?.join(' ');
  if (command !== undefined && command.toLowerCase() !== 'none') {
    return { command: expandTokens(command, tokens) };
  }
  const hops = config.get('proxyjump')?.[0]?.split(',') ?? [];
  const hop = hops.pop();
  if (hop === undefined || hop.toLowerCase() === 'none') return undefined;
  if (jumps === MAX_JUMPS) throw new UsageError(`ProxyJump leads round in a circle at ${hop}`);
  const { configFile } = request;
  const before = hops.length > 0 ? [['ProxyJump', hops.join(',')] as const] : [];
  const named = readHost(hop);
  // A jump host has a configuration of its own; nothing that was said of the host counts for it.
  const own: Request = {
    ...named,
    options: before,
    ...(configFile !== undefined && { configFile }),
  };
  return { jump: await resolve(own, surroundings, jumps + 1) };
}
