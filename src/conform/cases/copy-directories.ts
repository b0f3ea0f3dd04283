import type { Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { has } from '../facts.ts';
import { DIRECTIONS, openSides, type Direction, type Sides } from './sides.ts';
import type { Trial } from '../trial.ts';

/** Makes a tree `t` with a script, copies it as `u`, and hands both sides on. */
async function carry(t: Trial, direction: Direction, build: Bytes): Promise<Sides> {
  const sides = await openSides(t, direction);
  await sides.source.sh(`umask 022; mkdir t; cd t; ${build}`);
  checkEqual(await sides.copy('t/', 'u/'), 'ok', 'the reply');
  return sides;
}

/** The same script must say the same of the source and of the copy. */
async function expectSame({ source, destination }: Sides, describe: Bytes): Promise<void> {
  const wanted = await source.sh(`cd t; ${describe}`);
  checkEqual(await destination.sh(`cd u; ${describe}`), wanted, 'the copy');
}

const eachFile = (command: Bytes) =>
  `find . ! -name . ! -type l -exec ${command} {} \\; | LC_ALL=C sort`;

const LINKS =
  'find . -type l | LC_ALL=C sort | while read -r l; do echo "$l $(readlink "$l")"; done';

function bothWays(
  rule: string,
  name: string,
  run: (t: Trial, way: Direction) => Promise<void>,
): Case[] {
  return DIRECTIONS.map((way) => ({ rule, name: `copy${way} ${name}`, run: (t) => run(t, way) }));
}

function needGnuTar({ facts }: Trial): void {
  if (!facts.gnuTar) skip("the testbed's tar is not GNU tar");
}

export const copyDirectoryCases: readonly Case[] = [
  ...bothWays(
    'COPY-6',
    'of a directory brings files, empty directories and modes',
    async (t, way) => {
      const build = `mkdir -p a/b empty; printf data >a/b/file; : >none; printf x >program
      chmod 640 a/b/file; chmod 444 none; chmod 755 program; chmod 750 a; chmod 700 empty`;
      const sides = await carry(t, way, build);
      await expectSame(sides, eachFile('stat -c "%n %F %a"'));
      await expectSame(sides, 'cat a/b/file program');
    },
  ),
  ...bothWays('COPY-6', 'of a directory keeps links as links', async (t, way) => {
    const build = `mkdir d; : >d/file; ln -s d to-directory; ln -s d/file to-file; ln -s . loop
      ln -s /nonexistent/of/regime dangling; ln -s /etc/passwd absolute; ln -s ../../.. upward`;
    await expectSame(await carry(t, way, build), LINKS);
  }),
  ...bothWays('COPY-6', 'of a directory keeps times with their nanoseconds', async (t, way) => {
    needGnuTar(t);
    const build = `mkdir d; : >d/file; : >old; ln -s old link
      touch -h -d @1111111111.987654321 link
      touch -d @1234567890.123456789 d/file; touch -d @-86400.5 old; touch -d @1000000000.000000001 d`;
    const sides = await carry(t, way, build);
    await expectSame(sides, eachFile('stat -c "%n %.9Y"'));
    await expectSame(sides, 'stat -c %.9Y link');
  }),
  ...bothWays('COPY-7', 'of a directory keeps hard links inside it', async (t, way) => {
    const sides = await carry(t, way, 'mkdir d; echo one >first; ln first d/second');
    check(await sides.destination.test('u/first', '-ef', 'u/d/second'), 'they are two files');
  }),
  ...bothWays('COPY-7', 'of a directory keeps holes', async (t, way) => {
    needGnuTar(t);
    const sides = await carry(t, way, 'truncate -s 64M holey; printf end >>holey');
    checkEqual(await sides.destination.sh('stat -c %s u/holey'), '67108867\n', 'its size');
    const blocks = Number(await sides.destination.sh('stat -c %b u/holey'));
    check(blocks < 32_768, `the file has ${blocks} blocks`);
  }),
  ...bothWays('COPY-8', 'of a directory makes FIFOs', async (t, way) => {
    const sides = await carry(t, way, 'mkfifo fifo; chmod 640 fifo; : >file');
    await expectSame(sides, eachFile('stat -c "%n %F %a"'));
  }),
  {
    rule: 'COPY-8',
    name: 'copydown of a directory as root makes devices',
    async run(t) {
      if (!t.facts.hostRoot) skip('the host side is not root');
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const sides = await openSides(t, 'down');
      const made = await sides.source.sh('mkdir t; mknod t/null c 1 3 2>/dev/null || echo no');
      if (made !== '') skip('the host makes no devices here');
      const allowed = await sides.destination.sh('mknod probe c 1 3 2>/dev/null || echo no');
      if (allowed !== '') skip('the testbed makes no devices');
      checkEqual(await sides.copy('t/', 'u/'), 'ok', 'the reply');
      check(await sides.destination.test('-c', 'u/null'), 'the device is not there');
    },
  },
  {
    rule: 'COPY-5',
    name: 'copydown of a directory keeps set-user-id and set-group-id bits',
    async run(t) {
      const sides = await carry(t, 'down', ': >a; : >b; chmod 4755 a; chmod 2755 b');
      await expectSame(sides, 'stat -c "%n %a" a b');
    },
  },
  ...bothWays('COPY-9', 'of a directory into a parent that is not there fails', async (t, way) => {
    const sides = await openSides(t, way);
    await sides.source.sh('mkdir t');
    checkEqual(await sides.copy('t/', 'no/u/'), 'copy-failed', 'the reply');
    check(!(await sides.destination.test('-e', 'no')), 'the parent was made');
  }),
  ...bothWays('COPY-6', 'of a directory with 500 files brings all of them', async (t, way) => {
    const build = 'i=0; while [ $i -lt 500 ]; do echo $i >f$i; i=$((i+1)); done';
    await expectSame(await carry(t, way, build), 'cat * | cksum; ls | wc -l');
  }),
];
