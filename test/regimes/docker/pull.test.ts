import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { importBusybox, startEngine, type TestEngine } from '../../support/docker.ts';
import { freePort } from '../../support/port.ts';
import { LOGIN, startRegistry } from '../../support/registry.ts';
import { serverArgv, startServer, type TestServer } from '../../support/server.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';

describe('the docker regime fetches images', function () {
  this.timeout(90_000);
  let engine: TestEngine;
  let open: string;
  let closed: string;
  let state: string;

  before(async function () {
    engine = await startEngine(this);
    open = await startRegistry(this, { login: false });
    closed = await startRegistry(this, { login: true });
    state = fileTempDir();
    const image = importBusybox(engine);
    login(engine.env['DOCKER_CONFIG'] ?? '', closed, LOGIN.password);
    for (const name of [
      `${open}/some/busybox`,
      `${open}/some/busybox:tagged`,
      `${closed}/busybox`,
    ]) {
      engine.docker('tag', image, name);
      engine.docker('push', name);
      engine.docker('rmi', name);
    }
  });

  const start = (args: string[], configuration: string, variables: NodeJS.ProcessEnv = {}) =>
    startServer(serverArgv('docker', ...args), {
      env: { ...engine.env, DOCKER_CONFIG: configuration, XDG_STATE_HOME: state, ...variables },
    });
  const succeeds = async (
    args: string[],
    configuration = tempDir(),
    variables?: NodeJS.ProcessEnv,
  ) => {
    const server = start(args, configuration, variables);
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('open'), server.stderr()).to.match(/^ok \//);
    expect(await server.command('quit')).to.equal('ok');
    return server.stderr();
  };
  const fails = async (args: string[], words: RegExp, configuration = tempDir()) => {
    const server = start(args, configuration);
    server.send('open\n');
    expect(await server.ended).to.deep.equal({ status: 12, signal: null });
    expect(failureOf(server)).to.match(words);
    return server.stderr();
  };

  it('for regime auto only where no engine has them', async () => {
    const name = `${open}/some/busybox`;
    const env = { ...engine.env, CONTAINER_HOST: 'unix:///nowhere', XDG_STATE_HOME: state };
    for (const [words, fetched] of [
      [`not docker --pull=never ${name}: there is no image`, true],
      [`auto takes docker --pull=never ${name}, the strongest that works here (revert`, false],
    ] as const) {
      const server = startServer(serverArgv('auto', name), { env });
      expect(await server.reply()).to.equal('ok');
      expect(await server.command('open'), server.stderr()).to.match(/^ok \//);
      expect(await server.command('quit')).to.equal('ok');
      expect(server.stderr()).to.contain(words);
      expect(server.stderr().includes('fetching the image')).to.equal(fetched);
    }
    engine.docker('rmi', name);
  });

  it('that are missing, and tells on lines of their own what it does', async () => {
    const name = `${open}/some/busybox`;
    expect(await succeeds([name])).to.include(`regime: fetching the image ${name}\n`);
    // Now it is there.
    expect(await succeeds([name])).not.to.include('fetching');
    expect(engine.docker('images', '-q', `${open}/some/busybox:tagged`)).to.equal('');
    for (const always of ['-p', '--pull', '--pull=always'])
      expect(await succeeds([always, name])).to.include('fetching');
    engine.docker('rmi', name);
    await fails(['--pull=never', name], /there is no image .*--pull=missing/);
    await succeeds(['--pull=missing', `${name}:tagged`]);
  });

  it('with what docker login has kept, and shows no secret', async () => {
    const name = `${closed}/busybox`;
    const configuration = tempDir();
    login(configuration, closed, LOGIN.password);
    const stderr = await succeeds(['--debug', '--pull', name], configuration);
    expect(stderr).not.to.include('sesame');
    expect(stderr).not.to.include(token(LOGIN.password));
    login(configuration, closed, 'wrong:password');
    const words = /cannot fetch the image .*(unauthorized|no basic auth).* docker login 127/;
    expect(await fails(['--debug', '--pull', name], words, configuration)).not.to.include('wrong');
    await fails(['--pull', name], words);
  });

  it('with what a credential helper gives', async () => {
    const configuration = tempDir();
    const helpers = tempDir();
    const answer = JSON.stringify({ Username: LOGIN.user, Secret: LOGIN.password });
    const script = `#!/bin/sh\n[ "$1 $(cat)" = "get ${closed}" ] && echo '${answer}'\n`;
    writeFileSync(`${helpers}/docker-credential-tests`, script, { mode: 0o755 });
    const PATH = `${helpers}:${process.env['PATH'] ?? ''}`;
    for (const config of [{ credHelpers: { [closed]: 'tests' } }, { credsStore: 'tests' }]) {
      writeFileSync(`${configuration}/config.json`, JSON.stringify(config));
      await succeeds(['--pull', `${closed}/busybox`], configuration, { PATH });
    }
  });

  it('or says in one line why not', async () => {
    await fails([`${open}/none`], /cannot fetch the image .*\(.*name right/);
    await fails([`${open}/some/busybox:none`], /cannot fetch the image .*\(.*name right/);
    await fails(['UPPER/case'], /cannot look at the image UPPER\/case: .*\(an image is named/);
    const nobody = `127.0.0.1:${await freePort()}`;
    await fails([`${nobody}/x`], /cannot fetch the image .*refused.*\(the registry can't be/);
  });
});

function failureOf(server: TestServer): string {
  const lines = server.stderr().split('\n');
  const failures = lines.filter((line) => line.includes('failure:'));
  expect(failures, server.stderr()).to.have.length(1);
  return failures[0] ?? '';
}

function token(password: string): string {
  return Buffer.from(`${LOGIN.user}:${password}`).toString('base64');
}

/** What `docker login` writes. */
function login(configuration: string, registry: string, password: string): void {
  mkdirSync(configuration, { recursive: true });
  const auths = { [registry]: { auth: token(password) } };
  writeFileSync(`${configuration}/config.json`, JSON.stringify({ auths }));
}
