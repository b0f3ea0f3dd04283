import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../crash/caller.ts';
import { tempDir } from '../support/tempdir.ts';

describe('a pipe that the server shares with others', function () {
  this.timeout(30_000);

  it('stays blocking, as its stdout and as its stderr', async () => {
    const work = tempDir();
    const caller = selfAs(work);
    spawnSync('mkfifo', [`${work}/pipe`]);
    const reader = openSync(`${work}/pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(`${work}/pipe`, 'w');
    const argv = caller.argv('null');
    const stdio = ['pipe', writer, writer] as const;
    const child = spawn(argv[0] ?? '', argv.slice(1), { env: caller.env, stdio: [...stdio] });
    // A copy ends processes whose streams are then destroyed, which is when Node looks at its own.
    child.stdin?.write(`open\ncopyup /nowhere /dev/null\n`);
    const said = await words(reader, /copy-failed/);
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${writer}`, 'utf8'));
    expect(parseInt(flags?.[1] ?? '', 8) & constants.O_NONBLOCK).to.equal(0);
    child.stdin?.end('quit\n');
    expect(await new Promise((resolve) => child.once('close', resolve)), said).to.equal(0);
    for (const descriptor of [reader, writer]) closeSync(descriptor);
  });

  /** Reads until something was said. */
  async function words(descriptor: number, wanted: RegExp): Promise<string> {
    const cat = spawn('cat', { stdio: [descriptor, 'pipe', 'ignore'] });
    let said = '';
    for await (const chunk of cat.stdout ?? []) {
      said += String(chunk);
      if (wanted.test(said)) break;
    }
    cat.kill();
    return said;
  }
});
