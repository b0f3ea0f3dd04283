import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { measureTree } from '../../../src/place/copy/tar-meter.ts';
import { allProcesses, killIfThere, untilNone } from '../../crash/processes.ts';
import { writeProgram } from '../../regimes/support/programs.ts';
import { until } from '../../regimes/support/until.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { tempDir } from '../../support/tempdir.ts';

const log = { debug() {}, warn() {}, follow: () => () => {} };

describe('The meter of a tree that is sent', () => {
  it('knows how much there is, and how much has gone', async () => {
    const root = tempDir();
    mkdirSync(`${root}/it's`);
    writeFileSync(`${root}/it's/f`, 'x'.repeat(513));
    const meter = measureTree(root, log, new AbortController().signal);
    await until(() => meter.advance().total !== undefined, 'it is measured');
    expect(meter.advance()).to.deep.equal({ done: 0, total: 3 * 1536 + 1024 });
    meter.heard('tar: regime: sent 100\ntar: regime: sent 200\n');
    expect(meter.advance().done).to.equal(200 * 10_240);
  });

  it('does not go on where its server is killed', async () => {
    const directory = tempDir();
    writeProgram(`${directory}/find`, `echo $$ >${directory}/pid; exec sleep 1000003`);
    const module = new URL('../../../src/place/copy/tar-meter.ts', import.meta.url).href;
    const program = `
      import { measureTree } from '${module}';
      measureTree('/', { follow() {} }, new AbortController().signal);`;
    const env = { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
    const server = spawn(process.execPath, argv, { env, stdio: 'ignore' });
    await until(() => existsSync(`${directory}/pid`), 'it looks', 20_000);
    const looking = () =>
      allProcesses().filter(
        ({ pid }) => pid === Number(readFileSync(`${directory}/pid`, 'latin1')),
      );
    await until(() => looking()[0]?.command === 'sleep 1000003', 'it looks', 20_000);
    cleanUpAfterTest(() => looking().forEach(({ pid }) => killIfThere(pid)));
    server.kill('SIGKILL');
    await once(server, 'close');
    expect(await untilNone(looking, 10_000)).to.deep.equal([]);
  });
});
