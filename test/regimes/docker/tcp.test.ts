import { spawnSync } from 'node:child_process';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

import { expect } from 'chai';

import { runThrough, selfAs, type Caller } from '../../crash/caller.ts';
import { makeCertificates, type Certificates } from '../../support/certificates.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import {
  importBusybox,
  importShellless,
  startEngine,
  type TestEngine,
} from '../../support/docker.ts';
import { freePort } from '../../support/port.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { openSession, refusedOpen, refusedStart, type OpenSession } from '../support/session.ts';

const IMAGE = 'busybox:test';

describe('an engine at a tcp address', function () {
  this.timeout(90_000);
  let engine: TestEngine;
  let certificates: Certificates;
  let tls: number;

  before(async function () {
    certificates = makeCertificates();
    tls = await freePort();
    const listen = ['--host', `tcp://127.0.0.1:${tls}`];
    engine = await startEngine(this, [...listen, ...certificates.serverArguments]);
    importBusybox(engine);
  });

  /** Whoever runs the tests, with no other engine than what the variables say. */
  const callerWith = (variables: NodeJS.ProcessEnv, home = tempDir()): Caller => {
    const caller = selfAs(home);
    const env = { ...caller.env, DOCKER_CONFIG: `${home}/docker`, ...variables };
    return { ...caller, env };
  };
  const byTls = (directory: string, url = `tcp://127.0.0.1:${tls}`) =>
    callerWith({ DOCKER_HOST: url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory });
  const refusal = async (caller: Caller, ...args: string[]) => {
    const { status, lines } = await refusedOpen(caller, ['docker', ...args, IMAGE]);
    expect(status).to.equal(12);
    expect(lines, lines.join('\n')).to.have.length(1);
    return lines[0];
  };
  /** Revert, half-closed streams, exit statuses, many at once, and nothing left. */
  const workWith = async (bed: OpenSession) => {
    await bed.sh('rm -rf /bin/vi; touch /new');
    await bed.revert();
    expect(await bed.sh('ls -d /bin/vi /ne[w] 2>/dev/null || :')).to.equal('/bin/vi');
    const prefix = await bed.prefix();
    const numbers = [3, 4, 5, 6];
    const results = await Promise.all(
      numbers.map((n) =>
        runThrough(prefix, ['sh', '-c', 'cat; exit "$0"', `${n}`], { input: 'x' }),
      ),
    );
    expect(results.map(({ status, stdout }) => [status, stdout])).to.deep.equal(
      numbers.map((n) => [n, 'x']),
    );
    const script = `here=$1; shift; head -c 33554432 /dev/urandom >"$here/data"
      "$@" sh -c 'cat; echo end' <"$here/data" | md5sum; (cat "$here/data"; echo end) | md5sum`;
    const { stdout } = await runThrough(['sh', '-c', script, 'sh', tempDir(), ...prefix], []);
    const [there, here] = stdout.trim().split('\n');
    expect(there).to.equal(here);
    expect(engine.containers()).to.not.deep.equal([]);
    await bed.quit();
    expect(engine.containers()).to.deep.equal([]);
  };

  it('is worked with by TLS, with certificates from the environment', async () => {
    await workWith(await openSession(byTls(certificates.client), ['docker', IMAGE]));
  });

  it('is worked with in the clear', async () => {
    const port = await forward(engine.socket);
    const args = ['docker', '--host', `127.0.0.1:${port}`, IMAGE];
    await workWith(await openSession(callerWith({}), args));
  });

  it('copies by its archives where the container has no tar', async () => {
    const args = ['docker', importShellless(engine)];
    const bed = await openSession(byTls(certificates.client), args);
    const here = tempDir();
    spawnSync('sh', ['-c', 'mkdir "$0/t"; seq 1000000 >"$0/t/a"; ln -s a "$0/t/b"', here]);
    expect(await bed.server.command(`copydown ${here}/t/ ${bed.scratch}/t/`)).to.equal('ok');
    expect(await bed.server.command(`copyup ${bed.scratch}/t/ ${here}/up/`)).to.equal('ok');
    const { status, stdout } = spawnSync('diff', ['-r', '--no-dereference', 't', 'up'], {
      cwd: here,
      encoding: 'utf8',
    });
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: '' });
    await bed.quit();
  });

  it('is worked with by the certificates of a context, and by none where it says so', async () => {
    const home = fileTempDir();
    const variables = { DOCKER_CONFIG: `${home}/docker`, DOCKER_CONTEXT: 'far' };
    const { client } = certificates;
    const files = `ca=${client}/ca.pem,cert=${client}/cert.pem,key=${client}/key.pem`;
    const add = (name: string, host: string, more: string) => {
      const endpoint = `host=tcp://${host}:${tls},${more}`;
      const argv = ['context', 'create', name, '--docker', endpoint];
      const env = { ...process.env, DOCKER_CONFIG: variables.DOCKER_CONFIG };
      const { status, stderr } = spawnSync('docker', argv, { env, encoding: 'utf8' });
      expect(status, stderr).to.equal(0);
    };
    add('far', '127.0.0.1', files);
    add('lax', 'localhost', `skip-tls-verify=true,${files}`);
    add('strict', 'localhost', files);
    const first = await openSession(callerWith(variables, home), ['docker', IMAGE]);
    await first.quit();
    const lax = callerWith({ ...variables, DOCKER_CONTEXT: 'lax' }, home);
    const bed = await openSession(lax, ['docker', IMAGE]);
    expect(await bed.sh('echo here')).to.equal('here');
    await bed.quit();
    const strict = callerWith({ ...variables, DOCKER_CONTEXT: 'strict' }, home);
    expect(await refusal(strict)).to.match(/altnames.*\(its certificate is for another name\)/);
  });

  it('is one clear line where a certificate is wrong', async () => {
    const { client, stranger, nameless } = certificates;
    const words =
      /cannot reach the engine at tcp:.*it refuses our certificate \(cert.pem and key.pem/;
    expect(await refusal(byTls(stranger))).to.match(words);
    expect(await refusal(byTls(nameless))).to.match(words);
    const wrong = fileTempDir();
    spawnSync('sh', ['-c', 'cp "$0"/*.pem "$1"; cp "$0/cert.pem" "$1/ca.pem"', client, wrong]);
    expect(await refusal(byTls(wrong))).to.match(/\(nobody in .* has signed its certificate\)/);
    spawnSync('sh', ['-c', 'echo nonsense >"$0/key.pem"', wrong]);
    expect(await refusal(byTls(wrong))).to.match(/cannot use .*key.pem.*\(they have to be PEM/);
    const none = tempDir();
    const { status, lines } = await refusedStart(byTls(none), ['docker', IMAGE]);
    expect(status).to.equal(2);
    expect(lines.join('\n')).to.match(
      /^regime: docker: there is no \S+ca.pem: DOCKER_CERT_PATH is/,
    );
  });

  it('is one clear line where there is TLS and was none, or none and was', async () => {
    const clear = ['--host', `tcp://127.0.0.1:${tls}`];
    expect(await refusal(callerWith({}), ...clear)).to.match(
      /it wants TLS \(set DOCKER_TLS_VERIFY/,
    );
    const port = await forward(engine.socket);
    const secret = byTls(certificates.client, `tcp://127.0.0.1:${port}`);
    expect(await refusal(secret)).to.match(/it does not speak TLS \(.*2376/);
  });

  it('is one clear line where there is no such port, or no such host', async () => {
    const port = await freePort();
    const host = ['--host', `tcp://127.0.0.1:${port}`];
    const words = `cannot reach the engine at tcp://127.0.0.1:${port}: nobody listens there`;
    expect(await refusal(callerWith({}), ...host))
      .to.include(words)
      .and.include('--host');
    const name = ['--host', 'tcp://no-such-host.invalid'];
    const line = await refusal(callerWith({}), ...name);
    expect(line).to.match(
      /tcp:\/\/no-such-host.invalid:2375: there is no host of this name \(.*\)$/,
    );
  });

  for (const [address, words] of [
    ['npipe:////./pipe/docker_engine', /named pipes are for Windows/],
    ['fd://3', /a descriptor is for the engine/],
    ['https://box:2376', /not unix:\/\/, tcp:\/\/ or ssh:\/\//],
    ['tcp://box:99999', /not a host with a port/],
    ['tcp://box:2375/prefix', /below a path/],
    ['ssh://me:secret@box', /ssh:\/\/me:\*\*\*@box .*a password in it is not supported/],
  ] as const) {
    it(`is refused as ${address}`, async () => {
      const { status, lines } = await refusedStart(callerWith({ DOCKER_HOST: address }), [
        'docker',
        IMAGE,
      ]);
      expect(status).to.equal(2);
      expect(lines, lines.join('\n')).to.have.length(1);
      expect(lines[0]).to.match(words).and.not.include('secret');
    });
  }

  it('that falls silent is given up within 30 seconds, when it is reached and when it is used', async () => {
    const silences: (() => void)[] = [];
    const used = callerWith({
      DOCKER_HOST: `tcp://127.0.0.1:${await forward(engine.socket, silences)}`,
    });
    const bed = await openSession(used, ['docker', '--standby=0', IMAGE]);
    for (const fallSilent of silences) fallSilent();
    const began = Date.now();
    const [refused, result] = await Promise.all([
      refusal(callerWith({ DOCKER_HOST: used.env['DOCKER_HOST'] })),
      bed.run('true'),
    ]);
    expect(Date.now() - began).to.be.below(30_000);
    expect(refused).to.match(/cannot reach the engine at tcp:.*no answer within \d+ s/);
    expect(result.status).to.equal(255);
    expect(result.stderr).to.match(/the testbed has gone: cannot reach the engine.*no answer/);
    bed.server.send('quit\n');
    expect((await bed.server.ended).status).to.equal(12);
    expect(bed.server.stderr()).to.match(/failure: close: .*no answer within/);
  });
});

/**
 * A port whose connections end at a unix socket.
 * @param silences takes what makes it hold its tongue, as a machine that was switched off does
 */
async function forward(path: string, silences: (() => void)[] = []): Promise<number> {
  const sockets: Socket[] = [];
  let silent = false;
  const { port, close } = await listenOn((client) => {
    client.on('error', () => {});
    sockets.push(client);
    if (silent) return;
    const engine = createConnection({ path, allowHalfOpen: true }).on('error', () => {});
    sockets.push(engine);
    client.pipe(engine).pipe(client);
  });
  silences.push(() => {
    silent = true;
    for (const socket of sockets) socket.unpipe().pause();
  });
  cleanUpAfterTest(async () => {
    for (const socket of sockets) socket.destroy();
    await close();
  });
  return port;
}

function listenOn(
  serve: (client: Socket) => void,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer({ allowHalfOpen: true }, serve);
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}
