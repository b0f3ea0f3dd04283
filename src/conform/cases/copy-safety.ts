import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { has } from '../facts.ts';
import { openSides } from './sides.ts';

/** What a testbed that is not trusted could do to the host. */
export const copySafetyCases: readonly Case[] = [
  {
    rule: 'COPY-4',
    name: 'copyup of a directory drops set-user-id and set-group-id bits',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'up');
      await source.sh(
        'mkdir -p t/d; : >t/a; : >t/b; chmod 4755 t/a; chmod 2755 t/b; chmod 2755 t/d',
      );
      checkEqual(await copy('t/', 'u/'), 'ok', 'the reply');
      const modes = await destination.sh('cd u; stat -c "%n %a" a b d');
      checkEqual(modes, 'a 755\nb 755\nd 755\n', 'the modes');
    },
  },
  {
    rule: 'COPY-4',
    name: 'copyup of a file does not bring set-user-id and set-group-id bits',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'up');
      await source.sh('echo data >file; chmod 6755 file');
      checkEqual(await copy('file', 'copy'), 'ok', 'the reply');
      check(!(await destination.test('-u', 'copy')), 'it is set-user-id');
      check(!(await destination.test('-g', 'copy')), 'it is set-group-id');
    },
  },
  {
    rule: 'COPY-4',
    name: 'copyup makes no device',
    async run(t) {
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const { source, destination, copy } = await openSides(t, 'up');
      const made = await source.sh(
        'mkdir t; echo x >t/file; mknod t/null c 1 3 2>/dev/null || echo no',
      );
      if (made !== '') skip('the testbed makes no devices');
      // Whether the rest arrives or the copy fails, the device does not come.
      await copy('t/', 'u/');
      check(!(await destination.test('-c', 'u/null')), 'the device is there');
    },
  },
  {
    rule: 'COPY-4',
    name: 'a link that one copyup brings is not followed by the next',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'up');
      const outside = t.directory();
      await source.sh('mkdir -p a b/way; ln -s "$1" a/way; echo planted >b/way/planted', outside);
      checkEqual(await copy('a/', 'u/'), 'ok', 'the first reply');
      // Merged it has to fail and replaced it has to succeed; neither writes outside.
      await copy('b/', 'u/');
      check(!(await destination.test('-e', `${outside}/planted`)), 'it wrote through the link');
    },
  },
  {
    rule: 'COPY-4',
    name: 'a file that meets a link which a copyup brought is not written through it',
    async run(t) {
      const { source, destination, copy } = await openSides(t, 'up');
      const outside = t.directory();
      await destination.sh('echo kept >"$1/file"', outside);
      await source.sh('mkdir a b; ln -s "$1/file" a/way; echo planted >b/way', outside);
      checkEqual(await copy('a/', 'u/'), 'ok', 'the first reply');
      await copy('b/', 'u/');
      checkEqual(await destination.sh('cat "$1/file"', outside), 'kept\n', 'the file outside');
    },
  },
];
