import { check, checkEnding, checkEqual, checkSame, fail, skip } from '../check.ts';
import type { Case } from '../case.ts';
import { expectProtocolError } from './support.ts';

const MEBIBYTE = 1 << 20;

export const transportCases: readonly Case[] = [
  {
    rule: 'TRANSPORT-1',
    name: 'a whole session puts nothing but replies on stdout',
    async run(t) {
      const bed = await t.open();
      await bed.sh('echo out; echo err >&2');
      const from = `${t.directory()}/`;
      await bed.client.ask('copydown', from, `${bed.scratch}/a/`);
      await bed.client.ask('copyup', `${bed.scratch}/a/`, `${from}b/`);
      await bed.client.ask('auxverb_debug_fail');
      checkSame(await bed.client.ask('close'), [], 'the result of close');
    },
  },
  {
    rule: 'TRANSPORT-2',
    name: 'the server prints ok before anything else',
    async run(t) {
      await t.start();
    },
  },
  {
    rule: 'TRANSPORT-3',
    name: 'commands that are sent ahead get one reply each, in their order',
    async run(t) {
      const client = await t.start();
      client.send('auxverb_debug_fail\nopen\nauxverb_debug_fail\nclose\nauxverb_debug_fail\n');
      const shapes = [/^ok$/, /^ok [^ ]+$/, /^ok$/, /^ok$/, /^ok$/];
      for (const [index, shape] of shapes.entries()) {
        const line = (await client.line(60_000)) ?? '(end of output)';
        check(shape.test(line), `reply ${index + 1} is ${line}`);
      }
    },
  },
  {
    rule: 'TRANSPORT-3',
    name: 'a command that arrives in pieces gets one reply',
    async run(t) {
      const client = await t.start();
      for (const piece of ['auxverb', '_debug', '_fail', '\n']) {
        client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      checkEqual(await client.line(), 'ok', 'the reply');
    },
  },
  {
    rule: 'TRANSPORT-4',
    name: 'white space around words means nothing',
    async run(t) {
      const client = await t.start();
      checkEqual((await client.requestLine('  auxverb_debug_fail \t ')).line, 'ok', 'the reply');
    },
  },
  {
    rule: 'TRANSPORT-5',
    name: 'the command word is percent-decoded as every word is',
    async run(t) {
      const client = await t.start();
      checkEqual((await client.requestLine('%61uxverb%5Fdebug_fail')).line, 'ok', 'the reply');
    },
  },
  {
    rule: 'TRANSPORT-9',
    name: 'values in replies hold only unreserved characters, escapes and slashes',
    async run(t) {
      const client = await t.start();
      const value = /^([A-Za-z0-9_.~/-]|%[0-9A-Fa-f]{2})*$/;
      const scratch = (await client.requestLine('open')).words;
      const capabilities = (await client.requestLine('capabilities')).words;
      for (const word of [
        ...scratch,
        ...capabilities.map((each) => each.replace(/^[a-z-]+=/, '')),
      ]) {
        check(value.test(word), `the word ${word} is not encoded`);
      }
    },
  },
  {
    rule: 'TRANSPORT-10',
    name: 'a long line below the limit is a line like any other',
    async run(t) {
      const client = await t.start();
      const line = `auxverb_debug_fail${' '.repeat(MEBIBYTE / 2)}`;
      checkEqual((await client.requestLine(line)).line, 'ok', 'the reply');
    },
  },
  {
    rule: 'TRANSPORT-10',
    name: 'a line of more than 1 MiB is a protocol error',
    async run(t) {
      const client = await t.start();
      await expectProtocolError(client, `capabilities${' '.repeat(MEBIBYTE + 10)}`);
    },
  },
  {
    rule: 'TRANSPORT-10',
    name: 'a word that holds a NUL byte is a protocol error',
    async run(t) {
      const { client, scratch } = await t.open();
      await expectProtocolError(client, `copydown /etc/host%00name ${scratch}/x`);
    },
  },
  {
    rule: 'TRANSPORT-11',
    name: 'a wrong option gives exit status 2, a message and no ok',
    async run(t) {
      const client = t.launch({ more: ['--no-such-option-of-any-server'] });
      const line = await client.line();
      if (line === 'ok') {
        // Some servers pass what follows on to an engine, which is asked at open.
        client.send('open\n');
        const opened = await client.line(60_000);
        if (opened === undefined) skip('arguments at the end are not for the server itself');
        fail('the server takes an option that can not exist');
      }
      checkEqual(line, undefined, 'the first line');
      checkEnding(await client.ended(), { status: 2 });
      check(client.stderr.trim() !== '', 'the server says nothing on stderr');
    },
  },
  {
    rule: 'TRANSPORT-12',
    name: 'a command word may be written with - or with _',
    async run(t) {
      const { client } = await t.open();
      checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the reply to _');
      checkEqual((await client.request('auxverb-debug-fail')).line, 'ok', 'the reply to -');
      const word = t.dialect === 'current' ? 'print_execute_command' : 'print_auxverb_command';
      await client.auxverb(word);
      await client.auxverb(word.replaceAll('_', '-'));
    },
  },
];
