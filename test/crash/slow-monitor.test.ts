import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { reapAs, selfAs, serverOf, sessionsOf } from './caller.ts';
import { familyOf, namedAfter, stillRunning, untilNone } from './processes.ts';

/** Milliseconds until a process must have started, or ended, on a busy machine. */
const LIMIT = 20_000;

describe('a server that is killed before its monitor has come up', function () {
  this.timeout(60_000);

  it('leaves nothing after a reap, which waits for that', async function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can do this');
    const programs = tempDir();
    const perl = `${programs}/perl`;
    writeFileSync(perl, '#!/bin/sh\nsleep 2; exec /usr/bin/perl "$@"\n', { mode: 0o755 });
    const caller = selfAs(tempDir());
    const env = { ...caller.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` };
    const tree = makeSmallTree(`${fileTempDir()}/tree`);
    const server = serverOf(caller, ['chroot', tree], { env });
    expect(await server.reply()).to.equal('ok');
    server.send('open\n');
    const family = () => familyOf(server.child.pid ?? 0);
    const started = () => family().some(({ command }) => command.includes(perl));
    expect(await untilNone(() => (started() ? [] : ['no perl']), LIMIT)).to.deep.equal([]);
    // What was asked of the monitor is on its way by then.
    const all = family();
    const sessions = sessionsOf(caller);
    process.kill(server.child.pid ?? 0, 'SIGKILL');
    await server.ended;
    reapAs(caller);
    expect(namedAfter(sessions)).to.deep.equal([]);
    expect(await untilNone(() => stillRunning(all), LIMIT)).to.deep.equal([]);
    expect(sessionsOf(caller)).to.deep.equal([]);
  });
});
