import type { Bytes } from '../../../src/bytes.ts';

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
  /** Stands in for the user's and the system's configuration; `none` for no file at all. */
  readonly configFile?: string;
  /** `accept-new`: a host that is not known is added to the known ones. */
  readonly hostKey?: 'strict' | 'accept-new';
  /** Stands in for the user's known_hosts: for hosts that a setup script has just made. */
  readonly knownHosts?: string;
}

/** How the key of a host is checked. */
export interface HostKeyRules {
  /** `yes` refuses what is not known, `accept-new` adds it; a key that changed is always refused. */
  readonly checking: 'yes' | 'accept-new';
  /** Stands in for the host's name in the files. */
  readonly alias?: string;
  /** New keys are added to the first. */
  readonly userFiles: readonly string[];
  readonly globalFiles: readonly string[];
  /** True where names are hashed when they are added. */
  readonly hashNames: boolean;
}

/** Who we say that we are, and how we show it. */
export interface Credentials {
  /** Ways to log in, in the order to try them: names of RFC 4252. */
  readonly methods: readonly string[];
  /** False where nobody may be asked (BatchMode), or there is no terminal. */
  readonly mayAsk: boolean;
  readonly identityFiles: readonly string[];
  /** True where the files were named, and are not just those that people mostly have. */
  readonly namesFiles: boolean;
  /** True where an agent's other keys are left alone. */
  readonly identitiesOnly: boolean;
  /** The socket of an agent. */
  readonly agent?: string;
  /**
   * What the account is called among the answers: a host behind another never shares a name with that,
   * though both be named alike.
   */
  readonly account: string;
  /** Passphrases by the files of their keys, and passwords: what somebody has answered before. */
  readonly answers: Map<string, Bytes>;
  /** The password that was given; a function, so that it is in no record and no log. */
  readonly password?: () => Promise<Bytes>;
}

/** A way to a host that is no TCP connection from here. */
export type Route = { readonly jump: Target } | { readonly command: string };

/** All that is known about a host before it is reached. */
export interface Target {
  /** user@host as it was named, for messages. */
  readonly label: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** 4 or 6 where only addresses of that kind are tried, else 0. */
  readonly family: 0 | 4 | 6;
  readonly credentials: Credentials;
  readonly hostKeys: HostKeyRules;
  readonly route?: Route;
  /** Milliseconds until a connection that is being made is given up. */
  readonly connectTimeout: number;
  /** A peer that leaves `count` questions, `interval` milliseconds apart, without an answer is dead. */
  readonly keepAlive: { readonly interval: number; readonly count: number };
}
