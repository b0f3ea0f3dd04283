import type { Case } from '../case.ts';
import { check, checkEnding, checkEqual, checkSame, skip } from '../check.ts';
import { decode } from '../../client/codec.ts';
import { has } from '../facts.ts';
import { expectGone, expectNoProcess, processOnHost, scratchOnHost, sleeper } from './support.ts';

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

export const endingCases: readonly Case[] = [
  ...(['closed', 'open'] as const).map((state): Case => ({
    rule: 'QUIT-1',
    name: `quit while ${state} is answered with ok, then the server exits with 0`,
    async run(t) {
      const bed = state === 'open' ? await t.open() : undefined;
      const place = bed && scratchOnHost(t, bed);
      const client = bed?.client ?? (await t.start());
      client.send('quit\n');
      const reply = await client.line();
      checkEnding(await client.ended(), { status: 0 });
      await expectGone(place);
      checkEqual(reply, 'ok', 'the reply');
    },
  })),
  {
    rule: 'QUIT-1',
    name: 'quit exits with 0 and leaves no scratch space',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      bed.client.send('quit\n');
      checkEnding(await bed.client.ended(), { status: 0 });
      await expectGone(place);
      await bed.client.line();
    },
  },
  {
    rule: 'QUIT-2',
    name: 'quit after the caller closed stdout exits with 0',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      bed.client.closeOutput();
      bed.client.send('quit\n');
      checkEnding(await bed.client.ended(), { status: 0 });
      await expectGone(place);
    },
  },
  {
    rule: 'END-3',
    name: 'the end of the input while open closes the testbed and gives 12',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      bed.client.closeInput();
      checkEnding(await bed.client.ended(5000), { status: 12 });
      check(bed.client.stderr.trim() !== '', 'the server says nothing on stderr');
      await expectGone(place);
    },
  },
  {
    rule: 'END-4',
    name: 'the end of the input while closed gives 0',
    async run(t) {
      const client = await t.start();
      client.closeInput();
      checkEnding(await client.ended(5000), { status: 0 });
    },
  },
  {
    rule: 'END-4',
    name: 'the end of the input after close gives 0',
    async run(t) {
      const { client } = await t.open();
      await client.ask('close');
      client.closeInput();
      checkEnding(await client.ended(5000), { status: 0 });
    },
  },
  {
    rule: 'END-5',
    name: 'a script of commands on stdin is worked off to its end',
    async run(t) {
      const client = t.launch();
      client.send('open\nclose\nopen\nclose\nquit\n');
      client.closeInput();
      await client.ready();
      const lines: string[] = [];
      for (let index = 0; index < 4; index++) lines.push((await client.line(60_000)) ?? '(end)');
      checkSame(
        lines.map((line) => line.split(' ').length),
        [2, 1, 2, 1],
        `the lengths of the replies ${lines.join(', ')}`,
      );
      checkEnding(await client.ended(), { status: 0 });
      // Whether quit is answered is the business of another case.
      await client.line();
    },
  },
  {
    rule: 'END-5',
    name: 'an open that is followed by the end of the input leaves nothing open',
    async run(t) {
      const client = t.launch();
      client.send('open\n');
      client.closeInput();
      await client.ready();
      // It may be cancelled or may have been done before the end was seen.
      const reply = await client.line(60_000);
      const ending = await client.ended(5000);
      check('status' in ending && [0, 12].includes(ending.status), 'it ended some other way');
      const scratch = reply?.split(' ')[1];
      if (scratch !== undefined && t.facts.isHost) await expectGone(decode(scratch));
    },
  },
  ...SIGNALS.flatMap((signal): Case[] => [
    {
      rule: 'END-6',
      name: `${signal} while open closes the testbed, then the server dies by it`,
      async run(t) {
        const bed = await t.open();
        const place = scratchOnHost(t, bed);
        bed.client.signal(signal);
        checkEnding(await bed.client.ended(), { signal });
        await expectGone(place);
      },
    },
    {
      rule: 'END-6',
      name: `the server dies by ${signal} while closed`,
      async run(t) {
        const client = await t.start();
        client.signal(signal);
        checkEnding(await client.ended(), { signal });
      },
    },
  ]),
  {
    rule: 'END-7',
    name: 'a second signal ends the server at once',
    async run(t) {
      const { client } = await t.open();
      client.signal('SIGTERM');
      client.signal('SIGTERM');
      checkEnding(await client.ended(5000), { signal: 'SIGTERM' });
    },
  },
  {
    rule: 'END-8',
    name: 'a reply that nobody can read ends the server with 12 after closing',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      bed.client.closeOutput();
      bed.client.send('auxverb_debug_fail\n');
      checkEnding(await bed.client.ended(), { status: 12 });
      await expectGone(place);
    },
  },
  {
    rule: 'END-10',
    name: 'nothing that ran on the testbed is left on the host after quit',
    async run(t) {
      if (!has(t.facts, 'revert-full-system')) skip('no revert-full-system is advertised');
      const bed = await t.open();
      const name = t.unique();
      await bed.sh('setsid sh -c "sleep 30; :" "$1" </dev/null >/dev/null 2>&1 &', name);
      await bed.spawn(sleeper(name)).said((text) => text.includes('up'), 10_000);
      // On a testbed of another machine its processes can't be seen from here.
      if (!processOnHost(name)) skip('processes of the testbed can not be seen from this host');
      bed.client.send('quit\n');
      await bed.client.ended();
      await expectNoProcess(name);
      await bed.client.line();
    },
  },
];
