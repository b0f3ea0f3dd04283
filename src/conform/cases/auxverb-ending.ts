import { constants } from 'node:os';

import type { Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { check, checkEnding, fail, skip } from '../check.ts';
import { shellStatus } from '../../place/shell-status.ts';
import { pause } from '../../client/deadline.ts';
import { has } from '../facts.ts';
import type { Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';
import { sleeper } from './support.ts';

async function expectStatus(bed: Bed, script: Bytes, status: number): Promise<void> {
  const { ending } = await bed.run(['sh', '-c', script]);
  checkEnding(ending, { status }, `"${script}"`);
}

/** Starts something that keeps writing, does what should end it, and waits for its end. */
async function expectEndedBy(t: Trial, bed: Bed, end: () => Promise<unknown>): Promise<void> {
  const running = bed.spawn(sleeper(t.unique()));
  await running.said((text) => text.includes('up'), 10_000);
  await end();
  await running.ended(6000).catch(() => fail('the command still runs'));
}

export const auxverbEndingCases: readonly Case[] = [
  {
    rule: 'AUXVERB-6',
    name: 'exit status 0 to 125 is passed on',
    async run(t) {
      const bed = await t.share();
      for (const status of [0, 1, 2, 42, 124, 125])
        await expectStatus(bed, `exit ${status}`, status);
    },
  },
  {
    rule: 'AUXVERB-7',
    name: 'death by a signal shows as that signal or as 128+N',
    async run(t) {
      const bed = await t.share();
      for (const name of ['KILL', 'TERM', 'SEGV'] as const) {
        const { ending } = await bed.run(['sh', '-c', `kill -${name} $$; sleep 5`]);
        const number = constants.signals[`SIG${name}`];
        const status = shellStatus(ending);
        check(status === 128 + number, `SIG${name} shows as status ${status}`);
      }
    },
  },
  {
    rule: 'AUXVERB-8',
    name: 'a program that is not there gives 127',
    async run(t) {
      const bed = await t.share();
      for (const program of ['no-such-program-anywhere', `${bed.scratch}/no-such-program`]) {
        checkEnding((await bed.run([program])).ending, { status: 127 }, program);
      }
    },
  },
  {
    rule: 'AUXVERB-8',
    name: 'a program that can not be executed gives 126',
    async run(t) {
      const bed = await t.share();
      await bed.sh('cd "$1"; echo "#!/bin/sh" >script; chmod 644 script', bed.scratch);
      checkEnding(
        (await bed.run([`${bed.scratch}/script`])).ending,
        { status: 126 },
        'the program',
      );
    },
  },
  ...[254, 255].map((status): Case => ({
    rule: 'AUXVERB-9',
    name: `a command that exits with ${status} is reported as 253`,
    run: async (t) => expectStatus(await t.share(), `exit ${status}`, 253),
  })),
  {
    rule: 'AUXVERB-9',
    name: 'an auxverb whose testbed is gone gives 254 or 255',
    async run(t) {
      if (!has(t.facts, 'revert-full-system')) skip('the testbed may outlive its session');
      const bed = await t.open();
      await bed.client.ask('close');
      const { ending } = await bed.run(['true']);
      const status = shellStatus(ending);
      check(status === 254 || status === 255, `the status is ${status}`);
    },
  },
  {
    rule: 'AUXVERB-11',
    name: 'SIGTERM ends an auxverb at once',
    async run(t) {
      const bed = await t.share();
      const running = bed.spawn(sleeper(t.unique()));
      await running.said((text) => text.includes('up'), 10_000);
      running.signal('SIGTERM');
      const { ending } = await running.ended(3000);
      check(shellStatus(ending) !== 0, 'it looks like success');
    },
  },
  {
    rule: 'AUXVERB-13',
    name: 'close ends an auxverb that still runs',
    async run(t) {
      const bed = await t.open();
      await expectEndedBy(t, bed, () => bed.client.ask('close'));
    },
  },
  {
    rule: 'AUXVERB-13',
    name: 'quit ends an auxverb that still runs',
    async run(t) {
      const bed = await t.open();
      await expectEndedBy(t, bed, () => {
        bed.client.send('quit\n');
        return bed.client.ended();
      });
      // Whether quit is answered is the business of another case.
      await bed.client.line();
    },
  },
  {
    rule: 'AUXVERB-13',
    name: 'revert ends an auxverb that still runs, and it has no effect on the new testbed',
    async run(t) {
      if (!has(t.facts, 'revert')) skip('no revert is advertised');
      const bed = await t.open();
      const script = 'echo up; while :; do echo again >"$1/after"; sleep 0.05; done';
      const running = bed.spawn(['sh', '-c', script, 'sh', bed.scratch]);
      await running.said((text) => text.includes('up'), 10_000);
      await bed.client.ask('revert');
      await bed.refresh();
      await running.ended(6000).catch(() => fail('the command still runs'));
      await pause(200);
      check(!(await bed.test('-e', `${bed.scratch}/after`)), 'it wrote to the new scratch space');
    },
  },
];
