import { mkdirSync, readdirSync } from 'node:fs';

import { expect } from 'chai';

import { reapAs, runAs, selfAs, serverOf, sessionsOf, type Caller } from '../crash/caller.ts';
import { mountsBelow } from '../crash/processes.ts';
import { needRoot } from './support/needs.ts';
import { makeSmallTree } from './support/small-tree.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { skip } from '../support/skip.ts';

describe('the auto regime', function () {
  this.timeout(60_000);
  let caller: Caller;
  let tree: string;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  const run = (regime: string, ...command: string[]) => runAs(caller, ['run', regime, ...command]);
  const nowhere = { DOCKER_HOST: 'unix:///nowhere', CONTAINER_HOST: 'unix:///nowhere' };

  it('takes the host under an overlay, says so on one line, and reverts', async () => {
    const server = serverOf(caller, ['auto']);
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('capabilities')).to.match(/ revert-full-system/);
    const scratch = await server.command('open');
    const line =
      'regime: auto takes chroot /, the strongest that works here (revert-full-system)\n';
    expect(server.stderr()).to.equal(line);
    expect(await server.command('revert')).to.equal(scratch);
    expect(await server.command('quit')).to.equal('ok');
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  it('takes a directory for what it is, and an image where the directory is no system', () => {
    expect(run(`auto '${tree}'`, 'true')).to.include({ status: 0 });
    const work = tempDir();
    mkdirSync(`${work}/debian`);
    const argv = (...args: string[]) => ['env', '-C', work, ...caller.argv(...args)];
    const env = { ...caller.env, ...nowhere };
    const done = runAs({ ...caller, argv, env }, ['run', 'auto debian', 'true']);
    expect(done.status).to.equal(125);
    expect(done.stderr)
      .to.match(
        /^regime: failure: open: auto: nothing that it may take works here: not chroot debian: /,
      )
      .and.to.match(
        /; not docker --pull=never debian: .*; not podman --pull=never debian: .*doctor/,
      );
    expect(done.stderr.trim().split('\n')).to.have.length(1);
  });

  it('takes nothing that has not what is needed', () => {
    const lacking = run('auto --need=isolation-machine', 'true');
    expect(lacking.status).to.equal(125);
    expect(lacking.stderr).to.match(/not chroot \/: it has not isolation-machine; not null: /);
    expect(run('auto --need=revert --need=revert-full-system', 'true').status).to.equal(0);
  });

  it('takes the options of other regimes, and tries those that have them only', () => {
    const done = run('auto --net=none --memory=1G', 'sh', '-c', 'grep -c : /proc/net/dev');
    expect(done, done.stderr).to.include({ status: 0, stdout: '1\n' });
    expect(done.stderr).to.match(/^regime: auto takes chroot --net=none --memory=1G \/, /);
    const env = { ...caller.env, ...nowhere };
    const engines = runAs({ ...caller, env }, ['run', 'auto --init --pull=never image', 'true']);
    expect(engines.status).to.equal(125);
    expect(engines.stderr.match(/not (docker|podman) [^:]*:/g)).to.deep.equal([
      'not docker --pull=never --init image:',
      'not podman --pull=never --init image:',
    ]);
  });

  it('says which regimes have an option where none that suits has it', () => {
    for (const [words, message] of [
      [['--init'], /not chroot: it has no option --init; --init is an option of docker, podman \(/],
      [
        ['--net=none', 'image'],
        /not podman: it has no option --net; --net is an option of chroot \(/,
      ],
      [['--memory=much'], /not chroot: --memory: not a size as 500M: much; /],
      [['--inti'], /there is no option --inti; did you mean --init\?/],
      [['--net'], /option --net needs a value, host\|none/],
    ] as const) {
      const { status, stdout, stderr } = runAs(caller, ['auto', ...words]);
      expect([status, stdout], stderr).to.deep.equal([2, '']);
      expect(stderr).to.match(message);
    }
  });

  it('refuses words that nothing suits before it says ok', () => {
    for (const words of [['./nothing'], ['no.tar'], ['a', 'b'], ['--need=much']]) {
      const { status, stdout, stderr } = runAs(caller, ['auto', ...words]);
      expect([status, stdout], stderr).to.deep.equal([2, '']);
    }
  });

  it('falls back to the host itself where namespaces are forbidden, and says what that means', function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const user = plainUser();
    // A user namespace in which no other may be made.
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"';
    const inside = ['unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh'];
    const argv = (...args: string[]) => {
      const words = user.serverArgv(...args);
      const at = words.findIndex((word) => word.endsWith('node'));
      return [...words.slice(0, at), ...inside, ...words.slice(at)];
    };
    const done = runAs({ ...caller, argv }, ['run', 'auto', 'sh', '-c', 'echo there']);
    expect(done, done.stderr).to.include({ status: 0, stdout: 'there\n' });
    expect(done.stderr).to.match(
      /^regime: auto takes null, the strongest that works here \(nothing is taken back\); not chroot \/: .*\n$/,
    );
  });

  it('inside another regime looks at what is there', () => {
    const done = run(`null + auto '${tree}' + null`, 'sh', '-c', 'echo inside');
    expect(done, done.stderr).to.include({ status: 0, stdout: 'inside\n' });
  });

  it('leaves nothing when its server is killed and reaped', async () => {
    const server = serverOf(caller, ['auto', tree]);
    await server.reply();
    expect(await server.command('open')).to.match(/^ok /);
    expect(runAs(caller, ['sessions']).stdout).to.match(/ auto +open .* an overlay over /);
    server.child.kill('SIGKILL');
    await server.ended;
    expect(reapAs(caller)).to.match(/^reaped /);
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(mountsBelow(caller.state)).to.deep.equal([]);
    expect(readdirSync(caller.work)).to.deep.equal([]);
  });

  it('is told of by regime doctor', () => {
    const { status, stdout } = runAs(caller, ['doctor', 'auto']);
    expect(status).to.equal(0);
    expect(stdout).to.match(/works +without an operand it takes chroot \/: revert-full-system/);
  });
});
