import type { Bytes } from '../../bytes.ts';
import type { Bed } from '../bed.ts';
import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { has } from '../facts.ts';
import type { Trial } from '../trial.ts';
import { expectProtocolError, sleeper } from './support.ts';

const BOOT = 'cat /proc/sys/kernel/random/boot_id; cut -d" " -f22 /proc/1/stat';
const MARK = '/run/autopkgtest-reboot-prepare-mark';

/** Milliseconds until a command that reboots the testbed, or is ended by that, has ended. */
const ENDING = 20_000;

async function rebootable(t: Trial): Promise<Bed> {
  if (!has(t.facts, 'reboot')) skip('no reboot is advertised');
  return t.open();
}

/** The reply has no result word. */
async function reboot(bed: Bed, ...words: Bytes[]): Promise<void> {
  checkEqual((await bed.client.request('reboot', ...words)).line, 'ok', 'the reply');
  await bed.refresh();
}

/**
 * What a test does that reboots by itself: it leaves the mark, waits until that is gone, and reboots.
 * @param script what it does before its last step
 */
async function rebootByTest(t: Trial, bed: Bed, script: Bytes): Promise<void> {
  if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
  const waits = `touch ${MARK}; echo up; while [ -e ${MARK} ]; do sleep 0.1; done`;
  const running = bed.spawn(['sh', '-c', `${waits}; ${script}; reboot`, 'sh', bed.scratch]);
  await running.said((text) => text.includes('up'), ENDING);
  await reboot(bed, 'prepare-only');
}

/** A tree of what a copy loses easily; `LOOK` shows all of it. */
const FILL = `cd "$1"; mkdir -m 750 d; echo kept >d/file; chmod 640 d/file; ln d/file d/twin
  ln -s ../nowhere d/link; mkfifo d/fifo; : >"$(printf 'odd\\nname\\377')"; : >.hidden
  touch -t 202001020304.05 d`;
const LOOK = `cd "$1"; cat d/file; readlink d/link; ls -A; stat -c '%n %a %u %h %F' d d/*; stat -c %Y d
  stat -c '%a %u' .`;

export const rebootCases: readonly Case[] = [
  {
    rule: 'REBOOT-1',
    name: 'after reboot the scratch space is as it was',
    async run(t) {
      const bed = await rebootable(t);
      await bed.sh(FILL, bed.scratch);
      const before = await bed.sh(LOOK, bed.scratch);
      await reboot(bed);
      checkEqual(await bed.sh(LOOK, bed.scratch), before, 'the scratch space');
    },
  },
  {
    rule: 'REBOOT-2',
    name: 'reboot prepare-only removes the mark when the scratch space is saved',
    async run(t) {
      const bed = await rebootable(t);
      await bed.sh('echo kept >"$1/file"', bed.scratch);
      await rebootByTest(t, bed, 'rm "$1/file"');
      checkEqual(await bed.sh('cat "$1/file"', bed.scratch), 'kept\n', 'the file');
    },
  },
  {
    rule: 'REBOOT-2',
    name: 'after reboot the mark is gone',
    async run(t) {
      const bed = await rebootable(t);
      if (!(await bed.test('-w', '/run'))) skip('/run can not be written to');
      await bed.sh(`: >${MARK}`);
      await reboot(bed);
      check(!(await bed.test('-e', MARK)), 'the mark is there');
    },
  },
  {
    rule: 'REBOOT-3',
    name: 'reboot prepare-only waits for the testbed to go down by itself',
    async run(t) {
      const bed = await rebootable(t);
      const late = `/var/tmp/${t.unique()}`;
      const before = await bed.sh(BOOT);
      await rebootByTest(t, bed, `sleep 2; echo late >${late}; sync`);
      check((await bed.sh(BOOT)) !== before, 'it is the same boot');
      checkEqual(await bed.sh('cat "$1"; rm "$1"', late), 'late\n', 'what the test did last');
    },
  },
  {
    rule: 'REBOOT-3',
    name: 'reboot takes no other word than prepare-only',
    async run(t) {
      const bed = await rebootable(t);
      await expectProtocolError(bed.client, 'reboot now');
    },
  },
  {
    rule: 'REBOOT-4',
    name: 'reboot boots anew and keeps files, again and again',
    async run(t) {
      const bed = await rebootable(t);
      const kept = `/var/tmp/${t.unique()}`;
      const boots = [await bed.sh('echo kept >"$1"; ' + BOOT, kept)];
      for (let round = 0; round < 2; round++) {
        await reboot(bed);
        boots.push(await bed.sh(BOOT));
      }
      check(new Set(boots).size === 3, 'two of the boots are the same');
      checkEqual(await bed.sh('cat "$1"; rm "$1"', kept), 'kept\n', 'a file outside');
    },
  },
  {
    rule: 'REBOOT-4',
    name: 'after reboot the environment is as before, and what ran before has ended',
    async run(t) {
      const bed = await rebootable(t);
      const before = await bed.sh('env | sort');
      const capabilities = await bed.client.ask('capabilities');
      const running = bed.spawn(sleeper(t.unique()));
      await running.said((text) => text.includes('up'), ENDING);
      await reboot(bed);
      const { ending } = await running.ended(ENDING);
      check(!('status' in ending && ending.status === 0), 'a command has outlived the reboot');
      checkEqual(await bed.sh('env | sort'), before, 'the environment');
      const after = await bed.client.ask('capabilities');
      checkEqual(after.join(' '), capabilities.join(' '), 'the capabilities');
    },
  },
  {
    rule: 'REBOOT-4',
    name: 'a testbed that was rebooted can be reverted',
    async run(t) {
      const bed = await rebootable(t);
      if (!has(t.facts, 'revert-full-system')) skip('no revert-full-system is advertised');
      const file = `/var/tmp/${t.unique()}`;
      await bed.sh(': >"$1/file"; : >"$2"', bed.scratch, file);
      await reboot(bed);
      await bed.client.ask('revert');
      await bed.refresh();
      checkEqual(await bed.sh('ls -A "$1"', bed.scratch), '', 'the scratch space');
      check(!(await bed.test('-e', file)), 'a file outside is still there');
    },
  },
];
