import { existsSync, readdirSync, readFileSync } from 'node:fs';

import type { Bytes } from '../../bytes.ts';
import { check, checkEnding, checkEqual, fail } from '../check.ts';
import type { Client } from '../../client/client.ts';
import { pause } from '../../client/deadline.ts';
import { valuesOf } from '../facts.ts';
import type { Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';

/** Sends a line that is a protocol error: no reply, words on stderr, exit status 12. */
export async function expectProtocolError(client: Client, line: Bytes): Promise<void> {
  client.send(`${line}\n`);
  await expectFailure(client, line);
}

/** The server ends by itself with 12, without a reply and not without a word on stderr. */
export async function expectFailure(client: Client, after: Bytes): Promise<void> {
  const reply = await client.line();
  if (reply !== undefined) fail(`${after.slice(0, 100)} got the reply ${reply}, not an error`);
  checkEnding(await client.ended(), { status: 12 });
  check(client.stderr.trim() !== '', 'the server says nothing on stderr');
}

/** The session goes on. */
export async function expectAlive(client: Client): Promise<void> {
  checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the next reply');
}

/** Where the scratch space can be seen from this host; undefined where it can't. */
export function scratchOnHost(trial: Trial, bed: Bed): string | undefined {
  const [shared] = valuesOf(trial.facts, 'downtmp-host');
  if (shared === undefined) return trial.facts.isHost ? bed.scratch : undefined;
  // The facts are another session's: the directory has this session's name.
  const at = shared.lastIndexOf('/');
  return `${shared.slice(0, at)}/${bed.scratch.slice(bed.scratch.lastIndexOf('/') + 1)}`;
}

/** Nothing is left of a session that has ended: its scratch space is gone from this host. */
export async function expectGone(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  for (let tries = 0; tries < 20 && existsSync(path); tries++) await pause(50);
  check(!existsSync(path), `the scratch space ${path} is left behind`);
}

/** True where a process of this host, in whatever namespace, has a word in its command line. */
export function processOnHost(word: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(word);
      } catch {
        return false;
      }
    });
}

/** Waits until no process of this host has a word in its command line. */
export async function expectNoProcess(word: string): Promise<void> {
  for (let tries = 0; tries < 60 && processOnHost(word); tries++) await pause(50);
  check(!processOnHost(word), 'a process of the testbed is still there');
}

/** A script that shows the words of all command lines of the testbed, one a line. */
export const COMMAND_LINES = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"';

/** A script that lives for a while under a name to look for, which is its `$0`. */
export function sleeper(name: string): Bytes[] {
  return ['sh', '-c', 'echo up; sleep 20; :', name];
}
