import { UsageError } from '../../../src/errors.ts';

/** What one keyword of ssh_config(5) may say. @throws UsageError for what it may not */
type Check = (value: string) => unknown;

const anything: Check = (value) => value;

/** `yes` or `no`, and their other spellings. @throws UsageError */
export function readFlag(value: string): boolean {
  if (/^(yes|true|on)$/i.test(value)) return true;
  if (/^(no|false|off)$/i.test(value)) return false;
  throw new UsageError(`not yes or no: ${value}`);
}

/** A number of a port. @throws UsageError */
export function readPort(value: string): number {
  const port = readCount(value);
  if (port >= 1 && port <= 65535) return port;
  throw new UsageError(`not the number of a port: ${value}`);
}

/** @throws UsageError */
export function readCount(value: string): number {
  if (/^[0-9]{1,9}$/.test(value)) return Number(value);
  throw new UsageError(`not a number: ${value}`);
}

const UNITS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** TIME FORMATS of sshd_config(5), as 90 or 1m30s. @returns milliseconds @throws UsageError */
export function readTime(value: string): number {
  if (!/^([0-9]{1,9}[smhdw]?)+$/i.test(value)) throw new UsageError(`not a time: ${value}`);
  let seconds = 0;
  for (const [, number, unit = ''] of value.matchAll(/([0-9]+)([smhdw]?)/gi)) {
    seconds += Number(number) * (UNITS[unit.toLowerCase()] ?? 1);
  }
  return seconds * 1000;
}

/** A time, or `none` for 0. @returns milliseconds @throws UsageError */
export function readTimeout(value: string): number {
  return value.toLowerCase() === 'none' ? 0 : readTime(value);
}

/** How an unknown host is met. `ask` has nobody to ask. @throws UsageError */
export function readChecking(value: string): 'yes' | 'accept-new' {
  if (/^(yes|true|on|ask)$/i.test(value)) return 'yes';
  // ssh takes `no` for every key, also a changed one; here that is refused whatever is said.
  if (/^(accept-new|no|false|off)$/i.test(value)) return 'accept-new';
  throw new UsageError(`not yes, accept-new or no: ${value}`);
}

/** The address families that are tried: 0 is both. @throws UsageError */
export function readFamily(value: string): 0 | 4 | 6 {
  const families: Record<string, 0 | 4 | 6> = { any: 0, inet: 4, inet6: 6 };
  const family = families[value.toLowerCase()];
  if (family !== undefined) return family;
  throw new UsageError(`not any, inet or inet6: ${value}`);
}

/** The keywords that are followed, in lower case. */
const FOLLOWED: Record<string, Check> = {
  addressfamily: readFamily,
  batchmode: readFlag,
  connecttimeout: readTimeout,
  globalknownhostsfile: anything,
  hashknownhosts: readFlag,
  hostkeyalias: anything,
  hostname: anything,
  identitiesonly: readFlag,
  identityagent: anything,
  identityfile: anything,
  kbdinteractiveauthentication: readFlag,
  passwordauthentication: readFlag,
  port: readPort,
  preferredauthentications: anything,
  proxycommand: anything,
  proxyjump: anything,
  pubkeyauthentication: readFlag,
  serveralivecountmax: readCount,
  serveraliveinterval: readTime,
  stricthostkeychecking: readChecking,
  user: anything,
  userknownhostsfile: anything,
};

/** What other programs like to give ssh, and makes no difference to us: taken, and that is all. */
const IDLE = new Set(
  'checkhostip controlmaster controlpath controlpersist loglevel updatehostkeys'.split(' '),
);

/** What would change which machine is reached or trusted, and is not followed. */
const NOT_FOLLOWED = new Set(
  (
    'bindaddress bindinterface canonicalizehostname certificatefile ciphers hostkeyalgorithms ' +
    'kexalgorithms knownhostscommand macs pkcs11provider proxyusefdpass pubkeyacceptedalgorithms ' +
    'remotecommand revokedhostkeys securitykeyprovider verifyhostkeydns'
  ).split(' '),
);

/** How a keyword of a configuration file is met; all others are about things that we don't do. */
export function kindOfKeyword(keyword: string): 'followed' | 'not followed' | 'idle' {
  const name = keyword.toLowerCase();
  if (name in FOLLOWED) return 'followed';
  return NOT_FOLLOWED.has(name) ? 'not followed' : 'idle';
}

/** @throws UsageError that names the keyword, for a value that it can't have */
export function checkKeyword(keyword: string, value: string): void {
  try {
    FOLLOWED[keyword.toLowerCase()]?.(value);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(`${keyword}: ${cause.message}`);
  }
}

/**
 * Reads `KEYWORD=VALUE` or `KEYWORD VALUE`, as -o has it.
 * @throws UsageError for keywords that are not followed
 */
export function readOption(option: string): [keyword: string, value: string] {
  const [, keyword, value] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(\S.*?)\s*$/s.exec(option) ?? [];
  if (keyword === undefined || value === undefined || value.includes('\n')) {
    throw new UsageError(`not KEYWORD=VALUE: ${option}`);
  }
  if (kindOfKeyword(keyword) !== 'followed' && !IDLE.has(keyword.toLowerCase())) {
    throw new UsageError(`the keyword ${keyword} is not supported (see regime-ssh(1))`);
  }
  checkKeyword(keyword, value);
  return [keyword, value];
}
