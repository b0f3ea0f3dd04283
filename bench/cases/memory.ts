import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Case } from '../case.ts';
import { debianTree } from '../fixtures.ts';
import { residentMemory } from '../machine.ts';
import { openSession } from '../session.ts';

/** Milliseconds after which a server has done what it does in the background after its start. */
const SETTLED = 500;

/** A process that has ended has no memory to look at. */
async function endProcess(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill();
  await ended;
}

export const memoryCases: readonly Case[] = [
  {
    name: 'resident memory, chroot, open',
    against: 'node, idle',
    unit: 'MiB',
    target: { kind: 'at-most', times: 1.4 },
    rounds: 3,
    prepare(workshop) {
      const argv = workshop.ours('chroot', debianTree(workshop));
      const { env } = workshop;
      return {
        async ours() {
          const { client } = await openSession(workshop, argv);
          await sleep(SETTLED);
          const size = residentMemory(client.pid);
          client.send('quit\n');
          await client.ended();
          return size;
        },
        async theirs() {
          const idle = spawn(process.execPath, ['-e', 'setInterval(()=>{},1e6)'], {
            stdio: ['pipe', 'ignore', 'inherit'],
            env,
          });
          workshop.afterCase(() => void idle.kill());
          await sleep(SETTLED);
          const size = residentMemory(idle.pid ?? 0);
          await endProcess(idle);
          return size;
        },
      };
    },
  },
];
