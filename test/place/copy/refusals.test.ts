import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { startServer } from '../../support/server.ts';
import { tempDir } from '../../support/tempdir.ts';

describe('a directory that is replaced on the host', function () {
  this.timeout(30_000);

  /** A server that was started in a directory, whose name is for printf. */
  async function startedIn(work: string, directory: string) {
    const caller = selfAs(work);
    const script = `cd "$(printf '${work}/${directory}')" && exec "$@"`;
    const argv = ['sh', '-c', script, 'sh', ...caller.argv('null', '--dialect=classic')];
    const server = startServer(argv, { env: caller.env });
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('open')).to.match(/^ok /);
    return server;
  }

  it('is not the working directory, whatever bytes its name has', async () => {
    const work = tempDir();
    spawnSync('sh', ['-c', `cd '${work}' && mkdir source "$(printf '\\377')"`]);
    const server = await startedIn(work, '\\377');
    const line = `copyup ${work}/source/ ${work}/%FF/`;
    expect(await server.command(line)).to.equal('copy-failed');
    expect(server.stderr()).to.include('holds the working directory');
  });

  it('may be any other where the working directory is gone', async () => {
    const work = tempDir();
    spawnSync('mkdir', [`${work}/source`, `${work}/there`, `${work}/here`]);
    const server = await startedIn(work, 'here');
    spawnSync('rmdir', [`${work}/here`]);
    const line = `copyup ${work}/source/ ${work}/there/`;
    expect(await server.command(line), server.stderr()).to.equal('ok');
  });
});
