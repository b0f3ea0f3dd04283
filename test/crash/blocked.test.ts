import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { reapAs, selfAs, serverOf, sessionsOf, type Caller } from './caller.ts';
import { allProcesses, killIfThere, untilNone } from './processes.ts';

/** Milliseconds until a process must have started, or ended, on a busy machine. */
const LIMIT = 20_000;

const regimes = {
  null: () => ['null'],
  chroot: () => ['chroot', makeSmallTree(`${fileTempDir()}/tree`)],
};

describe('a server that is killed while something of it would wait for ever', function () {
  this.timeout(90_000);

  for (const [regime, args] of Object.entries(regimes)) {
    describe(`with ${regime}`, () => {
      let caller: Caller;
      let fifo: string;

      beforeEach(function () {
        if (regime === 'chroot' && process.getuid?.() !== 0) skip(this, 'not root');
        caller = selfAs(tempDir());
        fifo = `${caller.work}/nobody-reads-it`;
        spawnSync('mkfifo', [fifo]);
        writeFileSync(`${caller.work}/file`, 'data');
      });

      /** @param last the command during which it is killed; its commands name the FIFO */
      const kill = async (last: string, options: string[] = []) => {
        const server = serverOf(caller, ['--dialect=classic', ...options, ...args()]);
        const named = () =>
          allProcesses().filter(
            ({ pid, command }) => command.includes(fifo) && pid !== server.child.pid,
          );
        expect(await server.reply()).to.equal('ok');
        if (last !== 'open') {
          const scratch = (await server.command('open')).slice(3);
          await server.command(`copydown ${caller.work}/file ${scratch}/file`);
          server.send(`${last.replace('SCRATCH', scratch)}\n`);
        } else server.send('open\n');
        const early = await untilNone(() => (named().length > 0 ? [] : ['too early']), LIMIT);
        expect(early, server.stderr()).to.deep.equal([]);
        const before = named();
        try {
          killIfThere(server.child.pid ?? 0);
          await server.ended;
          reapAs(caller);
          const left = await untilNone(named, LIMIT);
          expect(left.map(({ command }) => command)).to.deep.equal([]);
          expect(sessionsOf(caller)).to.deep.equal([]);
        } finally {
          for (const { pid } of [...before, ...named()]) killIfThere(pid);
        }
      };

      it('leaves no command of execute', () =>
        kill(`execute sh,-c,cat%20${fifo};sleep%201000 /dev/null /dev/null /dev/null /`));

      it('leaves no set-up command', () => kill('open', [`--setup=sleep 1000; : ${fifo}`]));

      it('leaves no copy to a FIFO of this host', () => kill(`copyup SCRATCH/file ${fifo}`));

      if (regime === 'null') {
        it('leaves no copy to a FIFO of the testbed', () =>
          kill(`copydown ${caller.work}/file ${fifo}`));
      }
    });
  }
});
