import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import type { FAULT_POINTS } from '../../src/fault.ts';
import { sshWords } from '../regimes/ssh/support.ts';
import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { makeAccount, type AccountOptions } from '../support/account.ts';
import { importBusybox, startEngine } from '../support/docker.ts';
import { debianTarball, hasFixtures } from '../support/fixtures.ts';
import { startPodman } from '../support/podman.ts';
import { skip } from '../support/skip.ts';
import { startSshd } from '../support/sshd.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';
import { plainAs, selfAs, type Caller } from './caller.ts';

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** A way to have a testbed, of which nothing may be left. */
export interface Kind {
  title: string;
  /** Makes ready what it needs, or skips. */
  prepare(context: Mocha.Context): Promise<Ready>;
  /** At which moments it is killed. */
  points: 'all' | 'own' | 'few';
  reverts: boolean;
  /** True where an engine makes containers, which do not go with their server. */
  containers?: boolean;
}

/** A kind that can be started. */
export interface Ready {
  caller: Caller;
  /** The words of the regime. */
  args: string[];
  /** Those of a session that lives beside it. Default: the same. */
  bystander?: string[];
  /** Where its user's files and processes, or an engine's containers, are; what there is of them. */
  footprint?: () => string[];
  /** Where its scratch spaces are made, where that is on this host: nobody else's are. */
  temporary?: string;
  /** How many containers there are as long as only bystanders are there. */
  containers?: number;
}

const linesOf = (text: string) => text.split('\n').filter(Boolean);
const here = (): Caller => selfAs(fileTempDir());

/** Outlives the file: a tree that all may share. */
let sharedTree = '';
const tree = () => (sharedTree ||= makeSmallTree(`${fileTempDir()}/tree`));

export const kinds: readonly Kind[] = [
  {
    title: 'null',
    async prepare() {
      const caller = here();
      const temporary = `${fileTempDir()}/tmp`;
      mkdirSync(temporary);
      const env = { ...caller.env, TMPDIR: temporary };
      return { caller: { ...caller, env }, args: ['null'], temporary };
    },
    points: 'all',
    reverts: false,
  },
  {
    // With a limit, which makes control groups too.
    title: 'chroot, as root',
    prepare: async () => ({ caller: here(), args: ['chroot', '--memory=1G', tree()] }),
    points: 'all',
    reverts: true,
  },
  {
    title: 'chroot, as a plain user',
    async prepare(context) {
      if (!hasPlainUser()) skip(context, 'there is no plain user');
      if (!hasFixtures()) skip(context, 'there is no Debian tarball');
      return { caller: plainAs(), args: ['chroot', debianTarball()] };
    },
    points: 'few',
    reverts: true,
  },
  {
    title: 'chroot --in-place',
    prepare: async () => ({
      caller: here(),
      args: ['chroot', '--in-place', makeSmallTree(`${fileTempDir()}/tree`)],
      bystander: ['chroot', tree()],
    }),
    points: 'all',
    reverts: false,
  },
  {
    title: 'docker',
    async prepare(context) {
      const engine = await startEngine(context);
      importBusybox(engine);
      const name = 'regime-aaaaaaaaaa-1';
      engine.docker('run', '-d', '--name', name, 'busybox:test', 'sleep', '1000000');
      const caller = here();
      return {
        caller: { ...caller, env: { ...engine.env, XDG_STATE_HOME: caller.state } },
        args: ['docker', 'busybox:test'],
        footprint: () => [...engine.containers(), ...linesOf(engine.docker('volume', 'ls', '-q'))],
        // One of ours, one that stands by, and the foreign one.
        containers: 3,
      };
    },
    points: 'few',
    reverts: true,
    containers: true,
  },
  {
    title: 'podman',
    async prepare(context) {
      if (!hasFixtures()) skip(context, 'there is no Debian tarball');
      const { podman, host } = await startPodman(context);
      podman('import', debianTarball(), 'localhost/debian:test');
      return {
        caller: here(),
        args: ['podman', '--host', host, '--standby=0', 'localhost/debian:test'],
        footprint: () => [
          ...linesOf(podman('ps', '--all', '--format', '{{.Names}}')),
          ...linesOf(podman('volume', 'ls', '-q')),
        ],
        containers: 1,
      };
    },
    points: 'few',
    reverts: true,
    containers: true,
  },
  {
    title: 'ssh',
    prepare: async (context) => ({
      ...(await prepareSsh(context, {}, [])),
      // It has the machine for itself.
      bystander: ['chroot', tree()],
    }),
    points: 'few',
    reverts: false,
  },
  {
    title: 'ssh + chroot /',
    prepare: (context) => prepareSsh(context, { root: true }, ['+', 'chroot', '/']),
    points: 'few',
    reverts: true,
  },
  {
    title: 'ssh + chroot, as a plain user there',
    async prepare(context) {
      if (!hasFixtures()) skip(context, 'there is no Debian tarball');
      return prepareSsh(context, {}, ['+', 'chroot', debianTarball()]);
    },
    points: 'few',
    reverts: true,
  },
];

/** An account that only the session has which is killed, so that all of it can be seen. */
async function prepareSsh(
  context: Mocha.Context,
  account: AccountOptions,
  inside: string[],
): Promise<Ready> {
  const sshd = await startSshd(context);
  const wordsFor = (name: string) => [...sshWords(sshd, name), ...inside];
  const { name, uid, home } = makeAccount({ shell: '/bin/sh', ...account });
  const footprint = () => {
    const testbeds = `${home}/.local/state/regime/testbeds`;
    const script =
      'ls -A "$1" 2>/dev/null; [ "$2" = 0 ] || find /tmp /var/tmp -maxdepth 1 -uid "$2"';
    const files = spawnSync('sh', ['-c', script, 'sh', testbeds, String(uid)]);
    const processes =
      uid === 0 ? '' : spawnSync('ps', ['-o', 'stat=,args=', '-U', String(uid)]).stdout;
    const lines = `${files.stdout.toString()}${processes.toString()}`.split('\n');
    return lines.filter((line) => line !== '' && !line.startsWith('Z') && !line.includes(home));
  };
  const other = makeAccount({ shell: '/bin/sh', ...account });
  return { caller: here(), args: wordsFor(name), bystander: wordsFor(other.name), footprint };
}
