import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { ownedBy, processesOf, sshWords } from '../regimes/ssh/support.ts';
import { until } from '../regimes/support/until.ts';
import { makeAccount, type TestAccount } from '../support/account.ts';
import { SOAK } from '../support/soak.ts';
import { startSshd, type TestSshd } from '../support/sshd.ts';
import { fileTempDir } from '../support/tempdir.ts';
import {
  prefixOf,
  reapAs,
  selfAs,
  serverOf,
  sessionsOf,
  startThrough,
  type Caller,
} from './caller.ts';
import { seeded, type Random } from './random.ts';

const ROUNDS = SOAK ? 200 : 20;

/** What a session goes through, in this order, and how long a step may take: ms. */
const STEPS = { start: 100, open: 500, down: 200, execute: 100, up: 200, close: 100, quit: 100 };
type Step = keyof typeof STEPS;

/** Milliseconds in which what a dead server left ends on the far side. */
const LIMIT = 60_000;

describe('a server that is killed, of a machine behind ssh', function () {
  this.timeout(ROUNDS * 30_000);
  let sshd: TestSshd;
  let account: TestAccount;
  let caller: Caller;

  before(async function () {
    sshd = await startSshd(this);
    account = makeAccount({ shell: '/bin/sh' });
    caller = selfAs(fileTempDir());
    mkdirSync(`${caller.work}/tree`);
    for (let n = 0; n < 200; n += 1) {
      writeFileSync(`${caller.work}/tree/${n}`, Buffer.alloc(20_000, n));
    }
  });

  it(`leaves nothing there, at ${ROUNDS} random moments`, () =>
    seeded(async (random) => {
      // The number of the account may have been somebody's before.
      const atFirst = ownedBy(account);
      for (let round = 0; round < ROUNDS; round += 1) {
        const what = `round ${round}: killed ${await killOnce(random)}`;
        await until(() => processesOf(account) === 0, `${what}, and nothing of it runs`, LIMIT);
        const said = reapAs(caller);
        expect(sessionsOf(caller), `${what}: ${said}`).to.deep.equal([]);
        const left = ownedBy(account).filter((path) => !atFirst.includes(path));
        expect(left, `${what}: ${said}`).to.deep.equal([]);
      }
    }));

  /** Takes a session up to a random step and kills its server in the middle of that. */
  async function killOnce(random: Random): Promise<string> {
    const last = random.pick(Object.keys(STEPS) as Step[]);
    const delay = random.next() * STEPS[last];
    const server = serverOf(caller, sshWords(sshd, account.name, '--dialect=classic'));
    let scratch = '';
    for (const step of Object.keys(STEPS) as Step[]) {
      if (step !== 'start') server.send(`${lineOf(step, scratch)}\n`);
      if (step === last) break;
      const reply = await server.reply();
      expect(reply, step).to.match(/^ok/);
      if (step !== 'open') continue;
      scratch = reply.slice(3);
      const prefix = prefixOf(await server.command('print-execute-command'));
      const script = `trap '' HUP INT TERM; sleep 975 & wait`;
      startThrough(prefix, ['sh', '-c', script]).stdin?.on('error', () => {});
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
    server.child.kill('SIGKILL');
    await server.ended;
    return `${delay.toFixed(1)} ms into ${last}`;
  }

  function lineOf(step: Step, scratch: string): string {
    const { work } = caller;
    const lines: Partial<Record<Step, string>> = {
      down: `copydown ${work}/tree/ ${scratch}/tree/`,
      up: `copyup ${scratch}/tree/ ${work}/back/`,
      execute: `execute sh,-c,sleep%200.05 /dev/null /dev/null /dev/null /`,
    };
    return lines[step] ?? step;
  }
});
