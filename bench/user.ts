import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { Skip } from './case.ts';
import type { Workshop } from './workshop.ts';

/** Somebody who is not root and has subordinate ids. */
export interface PlainUser {
  /** The argv that runs a command as this user, in an environment of their own. */
  as(argv: readonly string[]): string[];
  /** The argv of our server for `as`. */
  ours(...args: string[]): string[];
}

/** The account that `npm test` makes. Who runs the benchmark without root is their own. */
const ACCOUNT = 'regime-test';

/** @throws Skip where there is none */
export function plainUser(workshop: Workshop): PlainUser {
  return workshop.shared('plain user', () => makeUser(workshop));
}

function makeUser(workshop: Workshop): PlainUser {
  if (process.getuid?.() !== 0) {
    return { as: (argv) => [...argv], ours: (...args) => workshop.ours(...args) };
  }
  const [uid, gid] = [idOf('-u'), idOf('-g')];
  const home = join(workshop.directory, 'user');
  for (const path of [home, ...['state', 'cache', 'tmp'].map((name) => join(home, name))]) {
    mkdirSync(path, { mode: path === home ? 0o755 : 0o700 });
    chownSync(path, uid, gid);
  }
  const [node = '', program = ''] = workshop.ours();
  const variables = [
    ...['PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', 'LANG=C.UTF-8', 'SHELL=/bin/sh'],
    ...[`HOME=${home}`, `USER=${ACCOUNT}`, `LOGNAME=${ACCOUNT}`, `TMPDIR=${home}/tmp`],
    ...[`XDG_STATE_HOME=${home}/state`, `XDG_CACHE_HOME=${home}/cache`],
    `REGIME_BENCH=${workshop.directory}`,
  ];
  const change = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups'];
  const as: PlainUser['as'] = (argv) => [...change, 'env', '-i', '-C', home, ...variables, ...argv];
  const ownNode = readableNode(workshop, node, uid);
  return { as, ours: (...args) => [ownNode, program, ...args] };
}

/** Node may live in a home directory that only its owner can enter. */
function readableNode(workshop: Workshop, node: string, uid: number): string {
  const probe = [`--reuid=${uid}`, '--clear-groups', node, '--version'];
  if (spawnSync('setpriv', probe).status === 0) return node;
  const copy = join(workshop.directory, 'node');
  cpSync(node, copy);
  return copy;
}

function idOf(option: string): number {
  const { status, stdout } = spawnSync('id', [option, ACCOUNT], { encoding: 'utf8' });
  if (status !== 0) throw new Skip(`there is no account ${ACCOUNT}; npm test makes it`);
  return Number(stdout);
}
