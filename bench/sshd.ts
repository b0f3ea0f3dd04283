import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Skip } from './case.ts';
import { requireRoot } from './fixtures.ts';
import { run, type Workshop } from './workshop.ts';

const DAEMON = '/usr/sbin/sshd';

/** For unshare(1): the lock that reserves the machine is not to stay on this one. */
const MACHINE = [
  ...['--mount', 'sh', '-c'],
  ...['mount -t tmpfs -o mode=1777 locks /run/lock && exec "$@"', 'sh'],
];

/** Where an ssh server of the benchmark's own listens, and how root logs in. */
export interface BenchSshd {
  host: string;
  port: string;
  identity: string;
  knownHosts: string;
}

/** An OpenSSH server on loopback, ended with the benchmark by clean-up.sh. */
export function startSshd(workshop: Workshop): BenchSshd {
  requireRoot();
  if (!existsSync(DAEMON)) throw new Skip(`there is no ${DAEMON}`);
  return workshop.shared('sshd', () => {
    const directory = join(workshop.directory, 'sshd');
    mkdirSync(join(directory, 'home'), { recursive: true });
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const [host, identity] = ['127.0.0.1', `${directory}/key`];
    for (const key of [identity, `${directory}/host_key`]) {
      run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
    }
    const config = [
      `ListenAddress ${host}`,
      `HostKey ${directory}/host_key`,
      `PidFile ${directory}/pid`,
      `AuthorizedKeysFile ${identity}.pub`,
      // What this machine's root does at each log-in is neither side's.
      `SetEnv HOME=${directory}/home`,
      'PermitRootLogin yes',
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
    ];
    writeFileSync(`${directory}/config`, `${config.join('\n')}\n`);
    const port = startDaemon(directory);
    const [type, key] = readFileSync(`${directory}/host_key.pub`, 'utf8').split(' ');
    const knownHosts = `${directory}/known_hosts`;
    writeFileSync(knownHosts, `[${host}]:${port} ${type} ${key}\n`);
    return { host, port, identity, knownHosts };
  });
}

/** It goes into the background when it listens; a port that is taken is a failure. */
function startDaemon(directory: string): string {
  for (let attempt = 0; attempt < 10; attempt++) {
    const port = String(20_000 + Math.floor(Math.random() * 10_000));
    const argv = ['-f', `${directory}/config`, '-p', port, '-E', `${directory}/log`];
    const { REGIME_BENCH: _, ...env } = process.env;
    const start = [...MACHINE, DAEMON, ...argv];
    if (spawnSync('unshare', start, { env, stdio: 'ignore' }).status === 0) return port;
  }
  throw new Skip(`sshd does not start: ${readFileSync(`${directory}/log`, 'utf8').trim()}`);
}
