import { homedir, userInfo } from 'node:os';

/** What a command line or a setup script says about a host; plain JSON, without secrets. */
export interface Request {
  /** As it was named: a host, an address, an alias of a configuration file. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** Files with private keys that are tried before all others. */
  readonly identityFiles?: readonly string[];
  /** Keywords of ssh_config(5) with their values, which go before the configuration files. */
  readonly options?: readonly (readonly [keyword: string, value: string])[];
  /** `accept-new`: a host that is not known is added to the known ones. */
  readonly hostKey?: 'strict' | 'accept-new';
  /** Stands in for the user's known_hosts: for hosts that a setup script has just made. */
  readonly knownHosts?: string;
}

/** How the key of a host is checked. */
export interface HostKeyRules {
  /** `yes` refuses what is not known, the other two add it; a key that changed is always refused. */
  readonly checking: 'yes' | 'accept-new' | 'no';
  /** Stands in for the host's name in the files. */
  readonly alias?: string;
  readonly userFiles: readonly string[];
  readonly globalFiles: readonly string[];
  /** True where names are hashed when they are added. */
  readonly hashNames: boolean;
}

/** A way to a host that is not a TCP connection from here. */
export type Route = { readonly jump: Target } | { readonly command: string };

/** All that is known about a host before it is reached. */
export interface Target {
  /** user@host as it was named, for messages. */
  readonly label: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** The socket of an agent. */
  readonly agent?: string;
  readonly hostKeys: HostKeyRules;
  readonly route?: Route;
  /** Milliseconds until a connection that is being made is given up. */
  readonly connectTimeout: number;
  /** A peer that leaves `count` questions, `interval` milliseconds apart, without an answer is dead. */
  readonly keepAlive: { readonly interval: number; readonly count: number };
}

/**
 * What configuration files, options and defaults say together about a host.
 * @throws UsageError for what can't be followed
 */
export function resolveTarget(request: Request): Promise<Target> {
  const { host, user = userInfo().username, port = 22 } = request;
  const home = homedir();
  return Promise.resolve({
    label: `${user}@${host}`,
    hostName: host,
    port,
    user,
    identityFiles: request.identityFiles ?? [`${home}/.ssh/id_ed25519`],
    identitiesOnly: false,
    hostKeys: {
      checking: request.hostKey === 'accept-new' ? 'accept-new' : 'yes',
      userFiles: [request.knownHosts ?? `${home}/.ssh/known_hosts`],
      globalFiles: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
      hashNames: false,
    },
    connectTimeout: 30_000,
    keepAlive: { interval: 8000, count: 2 },
  });
}
