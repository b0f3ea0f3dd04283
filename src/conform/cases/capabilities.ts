import { existsSync, writeFileSync } from 'node:fs';

import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { decode } from '../../client/codec.ts';
import { has, valuesOf } from '../facts.ts';
import type { Trial } from '../trial.ts';

const SINGLE = [
  'revert',
  'revert-full-system',
  'reboot',
  'root-on-testbed',
  'isolation-container',
  'isolation-machine',
  'execute-debug',
];

function normalUsers({ facts }: Trial): string[] {
  const users = valuesOf(facts, 'suggested-normal-user');
  return users.length > 0 ? users : skip('no suggested-normal-user is advertised');
}

export const capabilityCases: readonly Case[] = [
  ...(['closed', 'open'] as const).map((state): Case => ({
    rule: 'CAP-1',
    name: `while ${state}, capabilities replies known words, each once`,
    async run(t) {
      const client = state === 'closed' ? await t.start() : (await t.open()).client;
      const words = await client.ask('capabilities');
      for (const word of words) {
        const known = SINGLE.includes(word) || /^(suggested-normal-user|downtmp-host)=./.test(word);
        check(known, `${word} is no capability`);
      }
      checkEqual(new Set(words).size, words.length, 'the number of different words');
      check(
        words.filter((word) => word.startsWith('downtmp-host=')).length < 2,
        'two downtmp-host',
      );
    },
  })),
  {
    rule: 'CAP-2',
    name: 'a second capabilities gets the same reply as the first',
    async run(t) {
      const client = await t.start();
      const first = (await client.request('capabilities')).line;
      checkEqual((await client.request('capabilities')).line, first, 'the second reply');
    },
  },
  {
    rule: 'CAP-3',
    name: 'revert-full-system is advertised together with revert',
    async run(t) {
      if (!has(t.facts, 'revert-full-system')) skip('no revert-full-system is advertised');
      check(has(t.facts, 'revert'), 'revert is not advertised');
      return Promise.resolve();
    },
  },
  {
    rule: 'CAP-4',
    name: 'downtmp-host and isolation are not advertised together',
    async run(t) {
      const words = await (await t.open()).client.ask('capabilities');
      const isolated = words.filter((word) => word.startsWith('isolation-'));
      const shared = words.filter((word) => word.startsWith('downtmp-host='));
      check(isolated.length === 0 || shared.length === 0, [...isolated, ...shared].join(' and '));
    },
  },
  {
    rule: 'CAP-5',
    name: 'with root-on-testbed commands run with uid 0',
    async run(t) {
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const bed = await t.open();
      checkEqual((await bed.sh('id -u')).trim(), '0', 'the uid');
      await bed.sh('cd "$1"; : >file; chown 1:1 file; stat -c %u file | grep -qx 1', bed.scratch);
    },
  },
  {
    rule: 'CAP-6',
    name: 'each suggested-normal-user is an account with a uid from 1000 to 59999',
    async run(t) {
      const users = normalUsers(t);
      const bed = await t.open();
      for (const user of users) {
        const uid = Number(await bed.sh('id -u "$1"', user));
        check(uid >= 1000 && uid <= 59999, `the uid of ${user} is ${uid}`);
      }
    },
  },
  {
    rule: 'CAP-6',
    name: 'where there is root, it can run commands as a suggested-normal-user',
    async run(t) {
      const [user = ''] = normalUsers(t);
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const bed = await t.open();
      const uid = await bed.sh('su -s /bin/sh "$1" -c "id -u"', user);
      check(Number(uid) >= 1000, `commands of ${user} run with uid ${uid}`);
    },
  },
  {
    rule: 'CAP-7',
    name: 'with revert-full-system and root there is a suggested-normal-user',
    async run(t) {
      if (!has(t.facts, 'revert-full-system') || !has(t.facts, 'root-on-testbed')) {
        skip('not both of revert-full-system and root-on-testbed are advertised');
      }
      check(valuesOf(t.facts, 'suggested-normal-user').length > 0, 'none is advertised');
      return Promise.resolve();
    },
  },
  {
    rule: 'CAP-8',
    name: 'downtmp-host holds the same files as the scratch space',
    async run(t) {
      const bed = await t.open();
      const word = (await bed.client.request('capabilities')).words.find((each) =>
        each.startsWith('downtmp-host='),
      );
      if (!word) skip('no downtmp-host is advertised');
      const shared = decode(word.slice('downtmp-host='.length));
      await bed.sh('cd "$1"; : >from-testbed', bed.scratch);
      check(existsSync(`${shared}/from-testbed`), 'a file of the testbed is not on the host');
      writeFileSync(`${shared}/from-host`, '');
      check(await bed.test('-f', `${bed.scratch}/from-host`), 'a file of the host is not there');
    },
  },
];
