import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Argv, Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { checkEqual, checkSame, skip } from '../check.ts';
import { encodeMembers } from '../../client/codec.ts';
import { runCommand } from '../command.ts';
import { has } from '../facts.ts';
import type { Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';
import { COMMAND_LINES, expectProtocolError } from './support.ts';

const NULL = '/dev/null';

/** The command line of an `execute` with its files in the scratch space. */
function executeLine(bed: Bed, command: Argv, keywords: Argv = [], stdin = NULL): Bytes {
  const files = [stdin, `${bed.scratch}/out`, `${bed.scratch}/err`, bed.scratch];
  return ['execute', encodeMembers(command), ...files, ...keywords].join(' ');
}

async function execute(bed: Bed, command: Argv, ...keywords: Bytes[]): Promise<Bytes> {
  return (await bed.client.requestLine(executeLine(bed, command, keywords))).line;
}

const output = (bed: Bed) => bed.sh('cat "$1/out"', bed.scratch);

const cases: readonly Omit<Case, 'dialect'>[] = [
  {
    rule: 'SHSTRING-1',
    name: 'print-shstring-command runs its one argument as a script',
    async run(t) {
      const bed = await t.share();
      const prefix = await bed.client.auxverb('print-shstring-command');
      const script = 'echo "a  b"; exit 3';
      const { stdout, ending } = await runCommand([...prefix, script]);
      checkEqual(stdout, 'a  b\n', 'the output');
      checkSame(ending, { status: 3 }, 'the ending');
    },
  },
  {
    rule: 'EXECUTE-1',
    name: 'the files of the testbed are stdin, stdout and stderr, and the directory is the one named',
    async run(t) {
      const bed = await t.share();
      await bed.sh('printf "some input" >"$1/in"', bed.scratch);
      const line = executeLine(
        bed,
        ['sh', '-c', 'cat; pwd; echo bad >&2'],
        [],
        `${bed.scratch}/in`,
      );
      checkEqual((await bed.client.requestLine(line)).line, 'ok 0', 'the reply');
      checkEqual(await output(bed), `some input${bed.scratch}\n`, 'the file of stdout');
      checkEqual(await bed.sh('cat "$1/err"', bed.scratch), 'bad\n', 'the file of stderr');
    },
  },
  {
    rule: 'TRANSPORT-7',
    name: 'members of a list word are decoded each on its own',
    async run(t) {
      const bed = await t.share();
      const words = ['a,b', '', '100%', '+', '%2C', ' ', '\xff'];
      const script = 'for word; do printf "%s\\n" "$word"; done';
      checkEqual(await execute(bed, ['sh', '-c', script, 'sh', ...words]), 'ok 0', 'the reply');
      checkEqual(await output(bed), words.map((word) => `${word}\n`).join(''), 'what arrived');
    },
  },
  {
    rule: 'EXECUTE-2',
    name: "the status is the command's own, or 128+N for a signal",
    async run(t) {
      const bed = await t.share();
      for (const status of [0, 1, 125]) {
        checkEqual(await execute(bed, ['sh', '-c', `exit ${status}`]), `ok ${status}`, 'the reply');
      }
      checkEqual(await execute(bed, ['sh', '-c', 'kill -KILL $$']), 'ok 137', 'the reply');
    },
  },
  {
    rule: 'EXECUTE-3',
    name: 'env sets variables and may be repeated',
    async run(t) {
      const bed = await t.share();
      const command = ['sh', '-c', 'printf "%s|" "$ONE" "$TWO"'];
      checkEqual(
        await execute(bed, command, 'env=ONE=a%20b%2C%25', 'env=TWO=c=d'),
        'ok 0',
        'the reply',
      );
      checkEqual(await output(bed), 'a b,%|c=d|', 'the variables');
    },
  },
  {
    rule: 'EXECUTE-4',
    name: 'a command that is past its time limit is killed, with what it started',
    async run(t) {
      const bed = await t.share();
      const mark = t.unique();
      const script = `sh -c 'sleep 15; :' ${mark} & sleep 15`;
      checkEqual(await execute(bed, ['sh', '-c', script], 'timeout=1'), 'timeout', 'the reply');
      const running = (await bed.sh(COMMAND_LINES)).split('\n').filter((word) => word === mark);
      checkEqual(running.length, 0, 'the number of processes that are left');
    },
  },
  {
    rule: 'EXECUTE-4',
    name: 'a command that ends in its time is not disturbed by the limit',
    async run(t) {
      const bed = await t.share();
      checkEqual(await execute(bed, ['sh', '-c', 'exit 4'], 'timeout=20'), 'ok 4', 'the reply');
    },
  },
  {
    rule: 'EXECUTE-5',
    name: 'debug sends what the command writes to a descriptor of the caller',
    async run(t) {
      if (!has(t.facts, 'execute-debug')) skip('no execute-debug is advertised');
      const path = join(t.directory(), 'trace');
      const descriptor = openSync(path, 'w');
      try {
        const bed = await t.open({ descriptors: [descriptor] });
        checkEqual(
          await execute(bed, ['sh', '-c', 'echo seen >&2'], 'debug=2-3'),
          'ok 0',
          'the reply',
        );
        checkEqual(readFileSync(path, 'latin1'), 'seen\n', "the caller's file");
      } finally {
        closeSync(descriptor);
      }
    },
  },
  ...['frobnicate=1', 'timeout=soon', 'env=', 'debug=2', 'debug=2-99'].map((keyword) => ({
    rule: 'EXECUTE-6',
    name: `the keyword ${keyword} is a protocol error`,
    run: async (t: Trial) => {
      const bed = await t.open();
      await expectProtocolError(bed.client, executeLine(bed, ['true'], [keyword]));
    },
  })),
];

export const executeCases: readonly Case[] = cases.map((one) => ({ ...one, dialect: 'classic' }));
