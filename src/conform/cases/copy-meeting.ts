import { mkdirSync } from 'node:fs';

import type { Case } from '../case.ts';
import { check, checkEqual } from '../check.ts';
import { DIRECTIONS, openSides } from './sides.ts';

const OLD =
  'mkdir -p u/old u/both; echo old >u/old/file; echo old >u/both/kept; echo old >u/both/file';
const NEW = 'mkdir -p t/new t/both; echo new >t/new/file; echo new >t/both/file';

/** How a copied directory meets one that exists. */
export const copyMeetingCases: readonly Case[] = [
  ...DIRECTIONS.flatMap((way): Case[] => [
    {
      rule: 'COPY-10',
      name: `copy${way} of a directory replaces an existing one`,
      dialect: 'classic',
      async run(t) {
        const sides = await openSides(t, way);
        await sides.destination.sh(OLD);
        await sides.source.sh(NEW);
        checkEqual(await sides.copy('t/', 'u/'), 'ok', 'the reply');
        const found = await sides.destination.sh(
          'cd u; find . -type f | LC_ALL=C sort; cat both/file',
        );
        checkEqual(found, './both/file\n./new/file\nnew\n', 'the destination');
        const beside = await sides.destination.sh('ls -A | grep -v -x -e t -e u || :');
        checkEqual(beside, '', 'what is left beside it');
      },
    },
    {
      rule: 'COPY-10',
      name: `a copy${way} of a directory that fails leaves the existing one as it was`,
      dialect: 'classic',
      async run(t) {
        const sides = await openSides(t, way);
        await sides.destination.sh(OLD);
        checkEqual(await sides.copy('missing/', 'u/'), 'copy-failed', 'the reply');
        const found = await sides.destination.sh('ls -A; cat u/old/file u/both/kept');
        checkEqual(found, 'u\nold\nold\n', 'the destination');
      },
    },
    {
      rule: 'COPY-11',
      name: `copy${way} of a directory is merged into an existing one`,
      dialect: 'current',
      async run(t) {
        const sides = await openSides(t, way);
        await sides.destination.sh(OLD);
        await sides.source.sh(NEW);
        checkEqual(await sides.copy('t/', 'u/'), 'ok', 'the reply');
        const found = await sides.destination.sh(
          'cd u; find . -type f | LC_ALL=C sort; cat both/file',
        );
        const wanted = './both/file\n./both/kept\n./new/file\n./old/file\nnew\n';
        checkEqual(found, wanted, 'the destination');
      },
    },
    {
      rule: 'COPY-11',
      name: `copy${way} of two directories into one brings both`,
      dialect: 'current',
      async run(t) {
        const sides = await openSides(t, way);
        await sides.source.sh('mkdir a b; echo a >a/from-a; echo b >b/from-b');
        checkEqual(await sides.copy('a/', 'u/'), 'ok', 'the first reply');
        checkEqual(await sides.copy('b/', 'u/'), 'ok', 'the second reply');
        checkEqual(await sides.destination.sh('ls u'), 'from-a\nfrom-b\n', 'the destination');
      },
    },
  ]),
  {
    rule: 'COPY-10',
    name: "copyup that would replace the caller's home or a directory above it is refused",
    dialect: 'classic',
    async run(t) {
      const above = t.directory();
      const home = `${above}/home`;
      mkdirSync(home);
      const sides = await openSides(t, 'up', { env: { ...process.env, HOME: home } });
      await sides.source.sh('mkdir t; echo new >t/file');
      for (const path of [home, above]) {
        const words = [`${sides.source.path}/t/`, `${path}/`] as const;
        checkEqual((await sides.bed.client.request('copyup', ...words)).line, 'copy-failed', 'it');
        check(!(await sides.destination.test('-e', `${path}/file`)), 'something was copied');
        check(await sides.destination.test('-d', home), 'the home directory is gone');
      }
    },
  },
  ...['link', 'file'].map((kind): Case => ({
    rule: 'COPY-11',
    name: `copyup of a directory that meets a ${kind} of the host fails and follows nothing`,
    dialect: 'current',
    async run(t) {
      const sides = await openSides(t, 'up');
      const outside = t.directory();
      await sides.source.sh('mkdir -p t/meets; echo planted >t/meets/planted');
      const make = kind === 'link' ? 'ln -s "$1" u/meets' : 'echo kept >u/meets';
      await sides.destination.sh(`mkdir u; ${make}`, outside);
      checkEqual(await sides.copy('t/', 'u/'), 'copy-failed', 'the reply');
      check(
        !(await sides.destination.test('-e', `${outside}/planted`)),
        'it wrote through the link',
      );
      const flag = kind === 'link' ? '-L' : '-f';
      check(await sides.destination.test(flag, 'u/meets'), `the ${kind} is gone`);
    },
  })),
];
