import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import { nameOf, passwords } from '../../../../regimes/ssh/connection/passwords.ts';
import { resolveTarget } from '../../../../regimes/ssh/connection/resolve.ts';
import type { Request, Target } from '../../../../regimes/ssh/connection/target.ts';
import { silentLogger } from '../../../../src/log.ts';
import { skip } from '../../../support/skip.ts';
import { tempDir } from '../../../support/tempdir.ts';

/** Files of ssh_config(5), each with a host to ask for; OpenSSH itself says what they mean. */
const CONFIGS: Record<string, { text: string; host: string }> = {
  'the first value of a keyword': {
    text: 'User first\nUser second\nHost box\n  User third\n  Port 44\nHost *\n  Port 45\n',
    host: 'box',
  },
  'patterns of hosts, and those that are excluded': {
    text: 'Host *.example !bad.example\n  Port 1\nHost b?d.example\n  Port 2\n',
    host: 'bad.example',
  },
  'a question mark that is exactly one character': {
    text: 'Host box?\n  Port 1\nHost box\n  Port 2\n',
    host: 'box',
  },
  'keywords in any case, with an equals sign, in quotes': {
    text: 'HOSTNAME=10.0.0.1\nuser = "some one"\nPORT\t77\n',
    host: 'box',
  },
  'a host name made of the name that was given': {
    text: 'Host web*\n  HostName %h.example.org\n',
    host: 'web1',
  },
  'identity files, that add up': {
    text: 'Host box\n  IdentityFile /keys/a\n  IdentityFile "/keys/b c"\nHost *\n  IdentityFile /keys/d\n',
    host: 'box',
  },
  'Match on the host name that was found': {
    text: 'Host box\n  HostName real.example\nMatch host real.example\n  Port 9\n',
    host: 'box',
  },
  'Match on the name that was given, and on several things': {
    text: 'User joe\nMatch originalhost box user joe,jim\n  Port 9\nMatch originalhost box user jack\n  Port 10\n',
    host: 'box',
  },
  'Match with a criterion turned round': {
    text: 'Match !host box\n  Port 9\nMatch !host other\n  Port 10\n',
    host: 'box',
  },
  'Match exec': {
    text: 'Match exec "test %h = box"\n  Port 9\nMatch exec false\n  User nobody\n',
    host: 'box',
  },
  'Match final, which reads all a second time': {
    text: 'Match final host real.example\n  Port 9\nHost box\n  HostName real.example\n',
    host: 'box',
  },
  'Match all': { text: 'Host other\n  Port 3\nMatch all\n  Port 4\n', host: 'box' },
  'ProxyJump before ProxyCommand': {
    text: 'Host box\n  ProxyJump a@b:3,c\n  ProxyCommand nc %h %p\n',
    host: 'box',
  },
  'ProxyCommand before ProxyJump': {
    text: 'ProxyCommand nc %h %p\nProxyJump a\n',
    host: 'box',
  },
  'a ProxyCommand with quotes, an equals sign and a hash': {
    text: `ProxyCommand = sh -c "one --two 'three=%h' four\\\\five" # six \nUser joe\n`,
    host: 'box',
  },
  'how alive a server has to be': {
    text: 'ServerAliveInterval 1m\nServerAliveCountMax 7\nConnectTimeout 12\n',
    host: 'box',
  },
  'files with host keys': {
    text: 'UserKnownHostsFile /a /b\nGlobalKnownHostsFile "/c d"\nHostKeyAlias other\n',
    host: 'box',
  },
};

describe('what configuration files say of a host', () => {
  before('is ssh here', function () {
    if (spawnSync('ssh', ['-V']).error) skip(this, 'there is no ssh to ask');
  });

  for (const [name, { text, host }] of Object.entries(CONFIGS)) {
    it(`has ${name} as ssh has it`, async () => {
      const file = write('config', text);
      const target = await resolve({ host, configFile: file });
      const oracle = askSsh(file, host);
      expect(summaryOf(target)).to.deep.equal(oracle);
    });
  }

  it('comes from included files too, below the host that includes them', async () => {
    const directory = tempDir();
    mkdirSync(`${directory}/d`);
    writeFileSync(`${directory}/d/1.conf`, 'Port 5\nHost box\n  User one\n');
    writeFileSync(`${directory}/d/2.conf`, 'User two\n');
    const file = `${directory}/config`;
    writeFileSync(
      file,
      `Host other\n  Include ${directory}/d/2.conf\nHost *\n  Include ${directory}/d/?.conf\n`,
    );
    const target = await resolve({ host: 'box', configFile: file });
    expect(summaryOf(target)).to.deep.equal(askSsh(file, 'box'));
    expect(target).to.include({ port: 5, user: 'one' });
  });

  it('yields to what the command line says', async () => {
    const configFile = write(
      'config',
      'User joe\nPort 3\nIdentityFile /file\nHostName from-file\n',
    );
    const target = await resolve({
      host: 'box',
      user: 'jim',
      port: 4,
      identityFiles: ['/given'],
      options: [['hostname', 'from-option']],
      configFile,
    });
    expect(target).to.include({ user: 'jim', port: 4, hostName: 'from-option' });
    expect(target.credentials.identityFiles).to.deep.equal(['/given', '/file']);
  });

  it('gives each hop a configuration of its own', async () => {
    const text =
      'Host far\n  ProxyJump one,jane@two:22022\nHost one\n  User joan\n  ProxyJump zero\nHost *\n  User joe\n';
    const target = await resolve({ host: 'far', configFile: write('config', text) });
    expect(hopsOf(target)).to.deep.equal([
      'joe@far:22',
      'jane@two:22022',
      'joan@one:22',
      'joe@zero:22',
    ]);
  });

  it('offers a password that was answered for one hop to no other that is named alike', async () => {
    const log = silentLogger;
    const answers = new Map<string, string>();
    const options = [['ProxyJump', 'me@box,me@box']] as const;
    const request = { host: 'box', user: 'me', options, configFile: 'none' };
    const hops = async () => {
      const target = await resolveTarget(request, { log, answers, unattended: true });
      const near = jumpOf(target);
      return [target, near, jumpOf(near)];
    };
    const first = (await hops()).at(-1);
    if (!first) throw new Error('there is no hop');
    answers.set(nameOf(first.credentials, 'login'), 'secret');
    const { signal } = new AbortController();
    // At later connections too.
    const offered = (await hops()).map((hop) => passwords(hop, 'login', signal).next());
    const values = (await Promise.all(offered)).map(({ value }) => value);
    expect(values).to.deep.equal([undefined, undefined, 'secret']);
  });

  it('may not lead round in a circle', async () => {
    const configFile = write('config', 'Host *\n  ProxyJump bastion\n');
    expect(await failure({ host: 'far', configFile })).to.match(/circle at bastion/);
  });

  it('may say what is not followed, and then there is a warning', async () => {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const file = write(
      'config',
      'KnownHostsCommand /bin/x\nSendEnv LANG\nMatch tagged x\n  Port 3\n',
    );
    const target = await resolveTarget({ host: 'box', configFile: file }, { log });
    expect(target.port).to.equal(22);
    expect(warnings).to.have.lengthOf(2);
    expect(warnings[0]).to.match(/KnownHostsCommand is not followed/);
    expect(warnings[1]).to.match(/Match tagged can not be judged/);
  });

  it('is refused where it makes no sense, with the file and the keyword', async () => {
    for (const text of [
      'Port abc\n',
      'IdentitiesOnly maybe\n',
      'HostName %q\n',
      'Match user\n',
      'User "x\n',
      'Host\n',
      'Port\nUser joe\n',
      'IdentityFile /a#b\n',
    ]) {
      const words = await failure({ host: 'box', configFile: write('config', text) });
      expect(words, text).to.match(/ssh configuration (in .*config|of box) can not be followed/);
    }
  });

  it('is refused where others may write it, as it may name commands', async () => {
    const file = write('config', 'Port 3\n', 0o666);
    expect(await failure({ host: 'box', configFile: file })).to.match(/may write it.*chmod/);
  });

  function write(name: string, text: string, mode = 0o600): string {
    const file = `${tempDir()}/${name}`;
    writeFileSync(file, text);
    spawnSync('chmod', [mode.toString(8), file]);
    return file;
  }
});

function resolve(request: Request): Promise<Target> {
  return resolveTarget(request, { log: silentLogger });
}

async function failure(request: Request): Promise<string> {
  return resolve(request).then(
    () => 'no failure',
    (cause: Error) => cause.message,
  );
}

function jumpOf({ route }: Target): Target {
  if (route && 'jump' in route) return route.jump;
  throw new Error('there is no jump');
}

function hopsOf(target: Target): string[] {
  const { label, port, route } = target;
  return [`${label}:${port}`, ...(route && 'jump' in route ? hopsOf(route.jump) : [])];
}

/** What can be compared, in the words of `ssh -G`. */
function summaryOf({ hostName, port, user, credentials, hostKeys, route, keepAlive }: Target) {
  const jumps = route && 'jump' in route ? hopsOf(route.jump).reverse() : [];
  return {
    hostname: hostName,
    port,
    user,
    identityfile: credentials.identityFiles.filter((file) => file.startsWith('/keys/')),
    proxycommand: route && 'command' in route ? route.command : undefined,
    proxyjump: jumps,
    hostkeyalias: hostKeys.alias,
    userknownhostsfile: hostKeys.userFiles.filter((file) => !file.includes('.ssh/')).join(' '),
    globalknownhostsfile: hostKeys.globalFiles.join(' '),
    interval: keepAlive.interval === 8000 ? 0 : keepAlive.interval / 1000,
  };
}

function askSsh(file: string, host: string): ReturnType<typeof summaryOf> {
  const { stdout } = spawnSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8' });
  const all = (keyword: string) =>
    stdout
      .split('\n')
      .flatMap((line) => (line.startsWith(`${keyword} `) ? [line.slice(keyword.length + 1)] : []));
  const first = (keyword: string) => all(keyword)[0];
  const user = userInfo().username;
  const port = Number(first('port'));
  const hostName = first('hostname') ?? '';
  const hops = (first('proxyjump') ?? '').split(',').filter(Boolean);
  return {
    hostname: hostName,
    port,
    user: first('user') ?? '',
    identityfile: all('identityfile').filter((path) => path.startsWith('/keys/')),
    proxycommand: first('proxycommand')?.replace('%h', hostName).replace('%p', `${port}`),
    proxyjump: hops.map(
      (hop) => (hop.includes('@') ? hop : `${user}@${hop}`) + (hop.includes(':') ? '' : ':22'),
    ),
    hostkeyalias: first('hostkeyalias'),
    userknownhostsfile: (first('userknownhostsfile') ?? '')
      .split(' ')
      .filter((path) => !path.includes('.ssh/'))
      .join(' '),
    globalknownhostsfile: first('globalknownhostsfile') ?? '',
    interval: Number(first('serveraliveinterval')),
  };
}
