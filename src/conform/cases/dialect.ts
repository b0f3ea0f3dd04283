import { mkdirSync, writeFileSync } from 'node:fs';

import type { Case, Dialect } from '../case.ts';
import { checkEqual, skip } from '../check.ts';
import { auxverbWord, type Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';

const WORDS: Readonly<Record<Dialect, readonly string[]>> = {
  classic: ['print-auxverb-command', 'print-shstring-command'],
  current: ['print-execute-command'],
};

/** Says dialect words in their order, then copies a directory onto one; tells if it was merged. */
async function mergesAfter(t: Trial, words: readonly string[], bed?: Bed): Promise<boolean> {
  const { client, scratch, refresh, test } = bed ?? (await t.open({ auxverb: false }));
  for (const word of words) await client.auxverb(word);
  const source = t.directory();
  const copy = async (name: string) => {
    const from = `${source}/${name}`;
    mkdirSync(from);
    writeFileSync(`${from}/${name}`, name);
    await client.ask('copydown', `${from}/`, `${scratch}/d/`);
  };
  await copy('first');
  await copy('second');
  await refresh();
  checkEqual(await test('-f', `${scratch}/d/second`), true, 'the presence of the second file');
  return test('-f', `${scratch}/d/first`);
}

function bothSpoken({ facts }: Trial): void {
  if (!facts.classic || !facts.current) skip('the server does not speak both dialects');
}

export const dialectCases: readonly Case[] = [
  ...(['classic', 'current'] as const).map((dialect): Case => ({
    rule: 'DIALECT-1',
    name: `the commands of the ${dialect} generation are answered`,
    dialect,
    asksForDialect: true,
    async run(t) {
      const { client } = await t.open({ auxverb: false });
      for (const word of WORDS[dialect]) await client.auxverb(word);
    },
  })),
  {
    rule: 'DIALECT-3',
    name: 'the argument --debian-package-testing makes the session classic',
    dialect: 'classic',
    async run(t) {
      bothSpoken(t);
      const bed = await t.open({ auxverb: false, more: ['--debian-package-testing'] });
      checkEqual(await mergesAfter(t, [auxverbWord('current')], bed), false, 'merging');
    },
  },
  {
    rule: 'DIALECT-5',
    name: 'print-execute-command as the first dialect word makes the session current',
    dialect: 'current',
    async run(t) {
      bothSpoken(t);
      const words = [auxverbWord('current'), auxverbWord('classic')];
      checkEqual(await mergesAfter(t, words), true, 'merging');
    },
  },
  ...WORDS.classic.map((word): Case => ({
    rule: 'DIALECT-5',
    name: `${word} as the first dialect word makes the session classic`,
    dialect: 'classic',
    async run(t) {
      bothSpoken(t);
      checkEqual(await mergesAfter(t, [word, auxverbWord('current')]), false, 'merging');
    },
  })),
  {
    rule: 'DIALECT-6',
    name: 'until a dialect word is heard a copied directory replaces what was there',
    dialect: 'classic',
    async run(t) {
      checkEqual(await mergesAfter(t, []), false, 'merging');
    },
  },
];
