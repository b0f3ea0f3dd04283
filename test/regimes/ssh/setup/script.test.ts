import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { findSetupScript } from '../../../../regimes/ssh/setup/find.ts';
import { useSetupScript, type Setup } from '../../../../regimes/ssh/setup/script.ts';
import { localPlace } from '../../../../src/place/local.ts';
import { tempDir } from '../../../support/tempdir.ts';

describe('a setup script', () => {
  let directory: string;
  let warnings: string[];
  let debugging: string[];
  const signal = () => new AbortController().signal;
  const context = (stop = signal()) => ({
    signal: stop,
    log: {
      warn: (line: string) => void warnings.push(line),
      debug: (line: string) => void debugging.push(line),
    },
  });

  beforeEach(() => {
    directory = tempDir();
    warnings = [];
    debugging = [];
  });

  function use(text: string, args: string[] = [], login?: string): Setup {
    const path = `${directory}/setup`;
    writeFileSync(path, `#!/bin/sh\n${text}`);
    chmodSync(path, 0o755);
    const script = { path, args, ...(login !== undefined && { login }) };
    return useSetupScript(script, `${directory}/note`, localPlace);
  }
  const calls = () => readFileSync(`${directory}/calls`, 'utf8').split('\n').slice(0, -1);
  const NOTING =
    'for word; do printf "<%s>" "$word"; done >>"${0%/*}/calls"; echo >>"${0%/*}/calls"\n';

  it('gets its command, its arguments, the login, and what it gave as extraopts', async () => {
    const text = `${NOTING}[ $1 != open ] || echo "extraopts=--id 7  --name=a*b"`;
    const setup = use(text, ['-f', 'a b', ''], 'joe');
    await setup.make('open', context());
    await setup.make('revert', context());
    await setup.cleanUp(context());
    const later = '<-f><a b><><-l><joe><--id><7><><--name=a*b>';
    expect(calls()).to.deep.equal([
      '<open><-f><a b><><-l><joe>',
      `<revert>${later}`,
      `<cleanup>${later}`,
    ]);
  });

  it('says what the host is, the last word of a kind counting, and revert says what changed', async () => {
    const setup = use(`case $1 in
      open) printf 'login=joe\\nhostname=old\\nnoise\\nport=1\\nport=2222\\noptions=-o A=b\\n' ;;
      revert) printf 'hostname=new\\ncolour=red' ;;
    esac`);
    expect(await setup.make('open', context())).to.deep.equal({
      login: 'joe',
      hostname: 'old',
      port: '2222',
      options: '-o A=b',
    });
    const answer = await setup.make('revert', context());
    expect(answer).to.include({ login: 'joe', hostname: 'new', port: '2222' });
    expect(warnings).to.deep.equal(['the setup script says colour=, which means nothing here']);
  });

  it('may print a password, which is not written anywhere, nor shown when it traces itself', async () => {
    const setup = use('set -x; echo password=hush-hush; echo extraopts=-x; exit 0');
    expect((await setup.make('open', context())).password).to.equal('hush-hush');
    expect(readFileSync(`${directory}/note`, 'utf8')).to.equal('-x\n');
    const told = [...warnings, ...debugging].join('\n');
    expect(told).to.contain('echo password=***');
    expect(told).not.to.contain('hush');
  });

  it('that fails is asked what it knows, and its exit status and last words are told', async () => {
    const setup = use(`${NOTING}case $1 in
      open) echo 'no machine is free' >&2; exit 3 ;;
      debug-failure) echo 'console: panic' >&2; exit 1 ;;
    esac`);
    const failure = await setup.make('open', context()).catch((cause: Error) => cause.message);
    expect(failure).to.match(
      /^the setup script failed: .*\/setup open: exit status 3: no machine is free$/,
    );
    expect(warnings).to.deep.equal(['open: no machine is free', 'debug-failure: console: panic']);
    expect(await setup.debugFailure()).to.equal('debug-failure: console: panic');
    await setup.cleanUp(context());
    expect(calls().at(-1)).to.equal('<cleanup>');
  });

  it('tells what it does while it does it', async () => {
    const setup = use('echo begun >&2; read -r _ <"${0%/*}/fifo"');
    await once(spawn('mkfifo', [`${directory}/fifo`]), 'exit');
    const made = setup.make('open', {
      signal: signal(),
      log: { debug: () => {}, warn: () => writeFileSync(`${directory}/fifo`, '\n') },
    });
    await made;
  });

  it('is ended when the step is given up, and can be cleaned up after', async () => {
    const stop = new AbortController();
    const setup = use(`${NOTING}[ $1 = cleanup ] || { echo begun >&2; exec sleep 600; }`);
    const made = setup.make('open', {
      signal: stop.signal,
      log: { debug: () => {}, warn: () => stop.abort(new Error('enough')) },
    });
    expect(await made.catch((cause: Error) => cause.message)).to.equal('enough');
    await setup.cleanUp(context());
    expect(calls()).to.deep.equal(['<open>', '<cleanup>']);
  });

  it('may leave a process behind that holds its output', async () => {
    const setup = use('echo hostname=here; sleep 600 & echo $! >"${0%/*}/left"');
    expect(await setup.make('open', context())).to.deep.equal({ hostname: 'here' });
    process.kill(Number(readFileSync(`${directory}/left`, 'utf8')));
  });

  it('says by its exit status whether it has waited for a reboot', async () => {
    const setup = use('exit $(cat "${0%/*}/status")');
    writeFileSync(`${directory}/status`, '0');
    expect(await setup.waitReboot(context())).to.equal(true);
    writeFileSync(`${directory}/status`, '1');
    expect(await setup.waitReboot(context())).to.equal(false);
  });

  it('that was not started is not cleaned up, one that failed to clean up is asked again', async () => {
    const setup = use(`${NOTING}[ $1 = open ] || [ -e "\${0%/*}/ready" ]`);
    await setup.cleanUp(context());
    expect(existsSync(`${directory}/calls`)).to.equal(false);
    await setup.make('open', context());
    const failure = await setup.cleanUp(context()).catch((cause: Error) => cause.message);
    expect(failure).to.match(/cleanup: exit status 1$/);
    writeFileSync(`${directory}/ready`, '');
    await setup.cleanUp(context());
    await setup.cleanUp(context());
    expect(calls()).to.deep.equal(['<open>', '<cleanup>', '<cleanup>']);
  });

  it('comes to its end after its server was killed, and is then cleaned up with its extraopts', async () => {
    // It ends only when we let it: by then its server is dead.
    const text = `${NOTING}[ $1 != open ] || {
      echo begun >&2; read -r _ <"\${0%/*}/fifo"; echo password=x; echo extraopts=--id=7; }`;
    const setup = use(text);
    await once(spawn('mkfifo', [`${directory}/fifo`]), 'exit');
    const module = new URL('../../../../regimes/ssh/setup/script.ts', import.meta.url).href;
    const local = new URL('../../../../src/place/local.ts', import.meta.url).href;
    const program = `
      import { useSetupScript } from '${module}';
      import { localPlace } from '${local}';
      const script = { path: '${directory}/setup', args: [] };
      const log = { debug() {}, warn(line) { console.log(line); } };
      const signal = new AbortController().signal;
      await useSetupScript(script, '${directory}/note', localPlace).make('open', { signal, log });`;
    const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
    const server = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout, 'data');
    server.kill('SIGKILL');
    await once(server, 'close');
    const cleaned = setup.cleanUp(context());
    writeFileSync(`${directory}/fifo`, '\n');
    await cleaned;
    expect(calls()).to.deep.equal(['<open>', '<cleanup><--id=7>']);
  });

  it('is found by its path, or by its name where autopkgtest keeps its own', function () {
    use('');
    expect(findSetupScript(`${directory}/setup`)).to.equal(`${directory}/setup`);
    expect(() => findSetupScript('none-of-this-name')).to.throw('there is no setup script none-of');
    chmodSync(`${directory}/setup`, 0o644);
    expect(() => findSetupScript(`${directory}/setup`)).to.throw('/setup is not executable');
    const shipped = '/usr/share/autopkgtest/ssh-setup/nova';
    if (existsSync(shipped)) expect(findSetupScript('nova')).to.equal(shipped);
  });
});
