import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { check, checkEqual, checkSame } from '../check.ts';
import { encode } from '../../client/codec.ts';
import type { Trial } from '../trial.ts';
import { expectAlive } from './support.ts';

const TEXT_NAMES: readonly Bytes[] = [
  'with space',
  'new\nline',
  'ends in newline\n',
  '100%',
  '%41',
  'a,b',
  '-rf',
  '--help',
  'plus+sign',
  `quo'te"s`,
  '$HOME`id`$(id)',
  '*?[x]',
  'back\\slash\\0101',
  '~root',
  ';&|<>',
  'h\xc3\xa4\xc3\x9flich',
];

const BYTE_NAMES: readonly Bytes[] = ['\xff\xfe', 'caf\xe9', '\x01\x7f\x80'];

/** A file and a directory with an odd name go down and up again. */
async function roundTrip(t: Trial, names: readonly Bytes[]): Promise<void> {
  const { client, scratch } = await t.share();
  const host = t.directory();
  mkdirSync(`${host}/up`);
  for (const [index, name] of names.entries()) {
    writeFileSync(bufferOf(`${host}/${name}`), `file ${index}`);
    await client.ask('copydown', `${host}/${name}`, `${scratch}/${name}`);
    await client.ask('copyup', `${scratch}/${name}`, `${host}/up/${name}`);
    checkEqual(readFileSync(bufferOf(`${host}/up/${name}`), 'utf8'), `file ${index}`, 'the file');
    const directory = `${name}.d`;
    mkdirSync(bufferOf(`${host}/${directory}`));
    writeFileSync(bufferOf(`${host}/${directory}/inside`), `inside ${index}`);
    await client.ask('copydown', `${host}/${directory}/`, `${scratch}/${directory}/`);
    await client.ask('copyup', `${scratch}/${directory}/`, `${host}/up/${directory}/`);
    const inside = readFileSync(bufferOf(`${host}/up/${directory}/inside`), 'utf8');
    checkEqual(inside, `inside ${index}`, 'the file inside of the directory');
  }
}

/** Odd names inside of one tree, each a file, a directory and a link. */
async function insideTree(t: Trial, names: readonly Bytes[]): Promise<void> {
  const { client, scratch, sh } = await t.share();
  const host = t.directory();
  mkdirSync(`${host}/t`);
  for (const name of names) {
    writeFileSync(bufferOf(`${host}/t/${name}`), name);
    mkdirSync(bufferOf(`${host}/t/${name}.d`));
    writeFileSync(bufferOf(`${host}/t/${name}.d/${name}`), name);
  }
  await client.ask('copydown', `${host}/t/`, `${scratch}/t/`);
  const count = await sh('find "$1" -exec printf x \\;', `${scratch}/t`);
  checkEqual(count.length, 3 * names.length + 1, 'the number of files on the testbed');
  await client.ask('copyup', `${scratch}/t/`, `${host}/u/`);
  const listed = (path: string) =>
    readdirSync(path, { encoding: 'buffer', recursive: false })
      .map((name) => name.toString('latin1'))
      .sort();
  checkSame(listed(`${host}/u`), listed(`${host}/t`), 'the names');
  for (const name of names) {
    const data = readFileSync(bufferOf(`${host}/u/${name}.d/${name}`));
    checkEqual(data.toString('utf8'), name, 'a file');
  }
}

export const hostileNameCases: readonly Case[] = [
  {
    rule: 'COPY-16',
    name: 'paths with spaces, newlines, quotes, commas and percent signs are copied',
    run: (t) => roundTrip(t, TEXT_NAMES),
  },
  {
    rule: 'TRANSPORT-5',
    name: 'paths with bytes that are not UTF-8 are copied',
    run: (t) => roundTrip(t, BYTE_NAMES),
  },
  {
    rule: 'COPY-16',
    name: 'odd names inside of a directory are copied',
    run: (t) => insideTree(t, TEXT_NAMES),
  },
  {
    rule: 'COPY-16',
    name: 'names that are not UTF-8 inside of a directory are copied',
    run: (t) => insideTree(t, BYTE_NAMES),
  },
  ...['plus+sign', 'bad%zzescape', 'short%4', 'sign%'].map((word): Case => ({
    rule: 'TRANSPORT-6',
    name: `the word ${word} stands for itself`,
    async run(t) {
      const { client, scratch, test } = await t.share();
      const from = `${t.directory()}/file`;
      writeFileSync(from, 'data');
      const { line } = await client.requestLine(`copydown ${encode(from)} ${scratch}/${word}`);
      checkEqual(line, 'ok', 'the reply');
      check(await test('-f', `${scratch}/${word}`), 'the file has another name');
      await expectAlive(client);
    },
  })),
];
