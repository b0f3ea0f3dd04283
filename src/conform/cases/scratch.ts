import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { has, valuesOf } from '../facts.ts';

/** An octal mode of the testbed's stat(1) without leading zeros. */
const MODE = 'stat -c %a "$1"';

export const scratchCases: readonly Case[] = [
  {
    rule: 'SCRATCH-1',
    name: 'the scratch space is an empty directory with an absolute path, for commands to write to',
    async run(t) {
      const bed = await t.open();
      check(bed.scratch.startsWith('/'), `the path is ${bed.scratch}`);
      checkEqual(
        await bed.sh('cd "$1"; ls -A; : >file; ls -A', bed.scratch),
        'file\n',
        'its content',
      );
    },
  },
  {
    rule: 'SCRATCH-2',
    name: 'two sessions have scratch spaces with different names',
    async run(t) {
      const first = await t.open();
      await first.client.ask('close');
      const second = await t.open();
      check(first.scratch !== second.scratch, `both are called ${first.scratch}`);
    },
  },
  ...['000', '077'].map((umask): Case => ({
    rule: 'SCRATCH-3',
    name: `with umask ${umask} the mode of the scratch space is 1777 or 755`,
    async run(t) {
      const bed = await t.open({ umask });
      const mode = (await bed.sh(MODE, bed.scratch)).trim();
      check(['1777', '755'].includes(mode), `the mode is ${mode}`);
    },
  })),
  {
    rule: 'SCRATCH-3',
    name: 'a scratch space that others on the host can reach has mode 755',
    async run(t) {
      const shared = t.facts.isHost || valuesOf(t.facts, 'downtmp-host').length > 0;
      if (!shared) skip('the scratch space is not shared with the host');
      const bed = await t.open();
      checkEqual((await bed.sh(MODE, bed.scratch)).trim(), '755', 'the mode');
    },
  },
  {
    rule: 'SCRATCH-3',
    name: 'a scratch space on a file system of the testbed alone has mode 1777',
    async run(t) {
      const shared = t.facts.isHost || valuesOf(t.facts, 'downtmp-host').length > 0;
      if (!has(t.facts, 'revert-full-system') || shared) {
        skip('nothing says that the file system is its own');
      }
      const bed = await t.open();
      checkEqual((await bed.sh(MODE, bed.scratch)).trim(), '1777', 'the mode');
    },
  },
  {
    rule: 'SCRATCH-4',
    name: 'a scratch space with mode 755 belongs to who is to write to it',
    async run(t) {
      const bed = await t.open();
      const [mode, owner] = (await bed.sh('stat -c "%a %u" "$1"', bed.scratch)).trim().split(' ');
      if (mode !== '755') skip(`the mode is ${mode}`);
      const [user] = valuesOf(t.facts, 'suggested-normal-user');
      const uid = await bed.sh(user === undefined ? 'id -u' : 'id -u "$1"', user ?? '');
      checkEqual(owner, uid.trim(), 'the owner');
    },
  },
  {
    rule: 'SCRATCH-4',
    name: 'a suggested-normal-user can write to the scratch space',
    async run(t) {
      const [user] = valuesOf(t.facts, 'suggested-normal-user');
      if (user === undefined) skip('no suggested-normal-user is advertised');
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const bed = await t.open();
      await bed.sh('cd "$1"; su -s /bin/sh "$2" -c "mkdir \'$1/by-user\'"', bed.scratch, user);
    },
  },
  {
    rule: 'CLOSE-1',
    name: 'close removes the scratch space',
    async run(t) {
      const bed = await t.open();
      await bed.sh('mkdir "$1/d"; : >"$1/d/file"', bed.scratch);
      await bed.client.ask('close');
      await bed.client.ask('open');
      await bed.refresh();
      check(!(await bed.test('-e', `${bed.scratch}/d`)), 'what was in it is still there');
    },
  },
];
