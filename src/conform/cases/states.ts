import type { Case } from '../case.ts';
import { check } from '../check.ts';
import { has } from '../facts.ts';
import type { Trial } from '../trial.ts';
import { expectGone, expectProtocolError, scratchOnHost } from './support.ts';

/** Commands for the state Open, with right arguments. */
const OPEN_COMMANDS = ['close', 'revert', 'reboot', 'copydown /x /y', 'copyup /x /y', 'shell /'];
const CLASSIC_COMMANDS = [
  'print-auxverb-command',
  'print-shstring-command',
  'execute true /dev/null /dev/null /dev/null /',
];

async function errorsWhenClosed(t: Trial, lines: readonly string[]): Promise<void> {
  await Promise.all(lines.map(async (line) => expectProtocolError(await t.start(), line)));
}

function wrongState(line: string): Case {
  return {
    rule: 'STATE-1',
    name: `${line.split(' ')[0] ?? line} before open is a protocol error`,
    run: (t) => errorsWhenClosed(t, [line]),
  };
}

export const stateCases: readonly Case[] = [
  ...OPEN_COMMANDS.map(wrongState),
  { ...wrongState('print-execute-command'), dialect: 'current' },
  ...CLASSIC_COMMANDS.map((line): Case => ({ ...wrongState(line), dialect: 'classic' })),
  {
    rule: 'STATE-1',
    name: 'open while open is a protocol error, and the testbed is closed',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      await expectProtocolError(bed.client, 'open');
      await expectGone(place);
    },
  },
  {
    rule: 'STATE-1',
    name: 'a command for an open testbed after close is a protocol error',
    async run(t) {
      const { client } = await t.open();
      await client.ask('close');
      await expectProtocolError(client, 'copydown /x /y');
    },
  },
  {
    rule: 'STATE-2',
    name: 'too many arguments are a protocol error',
    run: (t) => errorsWhenClosed(t, ['open now', 'capabilities all', 'quit now']),
  },
  {
    rule: 'STATE-2',
    name: 'too few or too many arguments of a copy are a protocol error',
    async run(t) {
      for (const line of ['copydown /etc/hostname', 'copyup /a /b /c']) {
        await expectProtocolError((await t.open()).client, line);
      }
    },
  },
  {
    rule: 'STATE-2',
    name: 'shell without a directory is a protocol error',
    run: async (t) => expectProtocolError((await t.open()).client, 'shell'),
  },
  {
    rule: 'STATE-3',
    name: 'an unknown command is a protocol error',
    run: (t) => errorsWhenClosed(t, ['frobnicate', 'OPEN', '%FF%FE']),
  },
  {
    rule: 'STATE-3',
    name: 'a word that programming languages know is an unknown command too',
    run: (t) =>
      errorsWhenClosed(t, ['constructor', '__proto__', 'toString', 'hasOwnProperty', '__init__']),
  },
  {
    rule: 'STATE-3',
    name: 'an unknown command while open closes the testbed',
    async run(t) {
      const bed = await t.open();
      const place = scratchOnHost(t, bed);
      await expectProtocolError(bed.client, 'frobnicate');
      await expectGone(place);
    },
  },
  ...['revert', 'reboot'].map((command): Case => ({
    rule: 'STATE-4',
    name: `${command} where it is not advertised is a protocol error`,
    async run(t) {
      const bed = await t.open();
      if (has(t.facts, command)) {
        check((await bed.client.ask('capabilities')).includes(command), 'it is withdrawn');
      } else await expectProtocolError(bed.client, command);
    },
  })),
  {
    rule: 'STATE-5',
    name: 'after close the testbed can be opened again',
    async run(t) {
      const bed = await t.open();
      for (let round = 0; round < 2; round++) {
        await bed.client.ask('close');
        const [scratch = ''] = await bed.client.ask('open');
        await bed.refresh();
        await bed.sh('cd "$1"; : >file', scratch);
      }
    },
  },
];
