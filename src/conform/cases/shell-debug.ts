import type { Case } from '../case.ts';
import { check, checkEqual } from '../check.ts';

export const miscellaneousCases: readonly Case[] = [
  {
    rule: 'SHELL-2',
    name: 'shell without a terminal says so on stderr and gets ok',
    async run(t) {
      const { client } = await t.open();
      const before = client.stderr;
      checkEqual((await client.requestLine('shell / A=%22/x%22 B=1')).line, 'ok', 'the reply');
      await client.ask('close');
      check(client.stderr !== before, 'the server says nothing on stderr');
    },
  },
  {
    rule: 'DEBUG-1',
    name: 'auxverb_debug_fail gets ok in any state',
    async run(t) {
      const client = await t.start();
      checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the reply while closed');
      await client.ask('open');
      checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the reply while open');
      await client.ask('close');
      checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the reply after close');
    },
  },
];
