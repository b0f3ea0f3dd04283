import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';

import { CommandLineError } from '../../src/cli/command-line.ts';
import { parseIncumbentWords, type IncumbentWords } from '../../src/cli/incumbent-words.ts';
import { incumbents, readIncumbentWords, type Incumbent } from '../../src/cli/incumbents.ts';
import { serverPath, startServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';

describe('a link with the name of an incumbent', () => {
  for (const [name, words, ours] of [
    ['null', [], ['null']],
    ['null', ['-d'], ['null', '--debug']],
    ['null', ['--deb'], ['null', '--debug']],
    ['chroot', ['/srv/sid'], ['chroot', '--', '/srv/sid']],
    [
      'chroot',
      ['-dr', 'sudo -n', 'sid'],
      ['chroot', '--debug', '--gain-root=sudo -n', '--', 'sid'],
    ],
    ['chroot', ['--gain-root=x', '--', '-odd'], ['chroot', '--gain-root=x', '--', '-odd']],
    ['chroot', ['+'], ['chroot', '--', '++']],
    ['chroot', ['@sid'], ['chroot', '--', '@sid']],
    ['unshare', ['-t', 'a.tar', '-a', 'arm64'], ['chroot', '--', 'a.tar']],
    ['unshare', ['--tarball=a.tar', '-pjob-'], ['chroot', '--', 'a.tar']],
    [
      'unshare',
      ['--bind', '/a', '/b', '--tarball', 'x', '-b', 'c', '/d'],
      ['chroot', '--bind=/a:/b', '--bind=c:/d', '--', 'x'],
    ],
    ['docker', ['debian'], ['docker', 'debian']],
    [
      'docker',
      ['-dp', '--remote', 'debian', '--memory', '1g', '-v', '/a:/b'],
      ['docker', '--debug', '--pull', '--remote', 'debian', '--memory', '1g', '-v', '/a:/b'],
    ],
    ['docker', ['--podman', 'debian'], ['podman', 'debian']],
    ['docker', ['--init', 'debian'], ['docker', '--init', 'debian']],
    ['docker', ['-ps', 'debian'], ['docker', '--pull', '--sudo', 'debian']],
    ['docker', ['--shared-dir', '/x', 'debian'], ['docker', '--shared-dir=/x', 'debian']],
    ['podman', ['debian', '--init'], ['podman', 'debian', '--init']],
    [
      'ssh',
      ['-dr', '-Hbox', '-l', 'joe', '--capability=revert', '--capability', 'x', '-o=-o A=b'],
      [
        ...['ssh', '--debug', '--host-key=accept-new', '--hostname=box', '--login=joe'],
        ...['--options=-o A=b', '--reboot', '--capability=revert', '--capability=x', '--'],
      ],
    ],
    [
      'ssh',
      ['-s', 'nova', '--', '-f', 'm1', '--', '+'],
      ['ssh', '--host-key=accept-new', '--setup-script=nova', '--', '-f', 'm1', '--', '++'],
    ],
    ['mine', ['-x', '--y=z'], ['mine', '-x', '--y=z']],
  ] as const) {
    it(`reads ${name} ${words.join(' ')}`, () => {
      expect(readIncumbentWords(name, words)).to.deep.equal({ kind: 'words', words: ours });
    });
  }

  for (const [name, words, message] of [
    ['null', ['x'], 'one operand too many: x'],
    ['null', ['--bogus'], 'there is no option --bogus'],
    ['null', ['-dx'], 'there is no option -x'],
    ['null', ['--debug=1'], 'option --debug takes no value'],
    ['chroot', [], 'an operand DIR is wanted'],
    ['chroot', ['/a', '/b'], 'one operand too many: /b'],
    ['chroot', ['-r'], 'option -r needs COMMAND'],
    ['unshare', ['-b', '/a', '-t', 'x'], 'option -b needs OUTSIDE INSIDE'],
    ['unshare', ['-b', '/a', 'b', '-t', 'x'], 'b is no absolute path'],
    ['unshare', ['-b', '/a:b', '/b', '-t', 'x'], 'colon'],
    ['unshare', ['-t', 'x', '-u', '/scratch'], 'option --unpack-dir is not supported'],
    ['unshare', ['-t', 'x', '-p', '/scratch/x'], 'option --prefix with a directory'],
    ['schroot', ['sid'], 'regime chroot DIR'],
    ['docker', [], 'an operand IMAGE is wanted'],
    ['ssh', ['-t'], 'there is no option -t'],
  ] as const) {
    it(`refuses ${name} ${words.join(' ')}`, () => {
      expect(() => readIncumbentWords(name, words)).to.throw(CommandLineError, message);
    });
  }

  describe('of the unshare server', () => {
    let cache: string | undefined;
    before(() => {
      cache = process.env['XDG_CACHE_HOME'];
    });
    afterEach(() => {
      if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
      else process.env['XDG_CACHE_HOME'] = cache;
    });

    it('finds a tarball in the cache of sbuild', () => {
      const directory = tempDir();
      process.env['XDG_CACHE_HOME'] = directory;
      mkdirSync(join(directory, 'sbuild'));
      for (const name of ['bookworm-amd64.tar', 'sid-amd64.tar.zst', 'sid-arm64.tar', 'sid.txt']) {
        writeFileSync(join(directory, 'sbuild', name), '');
      }
      const found = (...words: string[]) => readIncumbentWords('unshare', words);
      const tarball = (name: string) => ({
        kind: 'words',
        words: ['chroot', '--', join(directory, 'sbuild', name)],
      });
      expect(found()).to.deep.equal(tarball('bookworm-amd64.tar'));
      expect(found('-r', 'sid')).to.deep.equal(tarball('sid-amd64.tar.zst'));
      expect(found('-rsid', '-aarm64')).to.deep.equal(tarball('sid-arm64.tar'));
      expect(() => found('-r', 's.d')).to.throw(CommandLineError, 's.d-*.t*');
    });
  });

  for (const { name, options } of incumbents) {
    it(`knows the options that ${name} has, and no others`, function () {
      const program = `/usr/bin/autopkgtest-virt-${name}`;
      if (!existsSync(program)) skip(this, `${program} is not installed`);
      const { stdout } = spawnSync(program, ['--help'], { encoding: 'utf8' });
      const theirs = [...stdout.matchAll(/^ {2}(-[^ ].*?)(?: {2}|$)/gm)].flatMap(([, head = '']) =>
        [...head.matchAll(/(?:^|[ ,])-{1,2}([A-Za-z][a-z-]*)/g)].map(([, option]) => option),
      );
      const ours = options.flatMap((option) => [option.short ?? [], option.name].flat());
      expect(theirs.sort()).to.deep.equal([...ours, 'h', 'help'].sort());
    });
  }

  for (const incumbent of incumbents) {
    it(`reads what argparse accepts for ${incumbent.name} in the same way`, function () {
      if (!existsSync(PYTHON)) skip(this, `there is no ${PYTHON}`);
      const lines = fc.sample(fc.array(fc.constantFrom(...WORDS), { maxLength: 5 }), 500);
      const theirs = argparse(incumbent, lines);
      for (const [n, words] of lines.entries()) {
        // What it refuses beyond sense, as `--` with nothing after it, may pass here.
        if (theirs[n] === null) continue;
        expect(parsed(incumbent, words), words.join(' ')).to.deep.equal(theirs[n]);
      }
    });
  }

  describe('called for real', () => {
    it('is that regime', async () => {
      const server = startServer([link('autopkgtest-virt-null')]);
      expect(await server.reply()).to.equal('ok');
      expect(await server.command('quit')).to.equal('ok');
      expect(await server.ended).to.deep.equal({ status: 0, signal: null });
    });

    it('is any regime as autopkgtest-virt-regime', async () => {
      const server = startServer([link('autopkgtest-virt-regime'), 'null']);
      expect(await server.reply()).to.equal('ok');
      server.endInput();
      expect(await server.ended).to.deep.equal({ status: 0, signal: null });
    });

    it('shows the options of that server', () => {
      const { stdout, status } = spawnSync(link('autopkgtest-virt-unshare'), ['-h'], {
        encoding: 'utf8',
      });
      expect(status).to.equal(0);
      expect(stdout)
        .to.match(/^Usage: autopkgtest-virt-unshare /)
        .and.contain('--unpack-dir');
    });

    it('refuses the options of others in one line', () => {
      const { stdout, stderr, status } = spawnSync(link('autopkgtest-virt-null'), ['--keep-home'], {
        encoding: 'utf8',
      });
      expect({ stdout, stderr, status }).to.deep.equal({
        stdout: '',
        stderr:
          "regime: autopkgtest-virt-null: there is no option --keep-home (try 'autopkgtest-virt-null --help')\n",
        status: 2,
      });
    });
  });
});

/** Words that mean something to some of the servers, and words that puzzle a parser. */
const WORDS = [
  ...['-d', '--debug', '--deb', '-dd', '-d=', '--debug=x', '-x', '--nothing', '--', '-', '', '-1'],
  ...['-r', '-rx', '-r=x', '-dr', '--gain-root', '--gain=y', '--release', '--rel=z', '--r', '-dry'],
  ...['-t', '--tarball', '--tarball=', '-b', '--bind', '-ba', '--bi', '/a', '/b', 'a b', '-a b'],
];

const PYTHON = '/usr/bin/python3';

const ARGPARSE = `import argparse, json, sys
class Refused(Exception): pass
class Parser(argparse.ArgumentParser):
    def error(self, message): raise Refused(message)
wish = json.load(sys.stdin)
parser = Parser(add_help=False)
for o in wish['options']:
    names = ['--' + o['name']] + (['-' + o['short']] if o.get('short') else [])
    count = len(o.get('value', '').split())
    if count == 0: parser.add_argument(*names, action='store_true')
    elif count == 1: parser.add_argument(*names)
    else: parser.add_argument(*names, action='append', nargs=count)
for o in wish['operands']: parser.add_argument(o)
results = []
for words in wish['lines']:
    try: results.append(vars(parser.parse_args(words)))
    except Refused: results.append(None)
json.dump(results, sys.stdout)`;

/** What Python's own parser makes of some command lines: values by name, or null where it refuses. */
function argparse({ options, operands }: Incumbent, lines: string[][]): unknown[] {
  const input = JSON.stringify({ options, operands, lines });
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', ARGPARSE], { input, encoding: 'utf8' });
  expect(stderr).to.equal('');
  return JSON.parse(stdout) as unknown[];
}

/** What we make of one, in the same shape. */
function parsed({ options, operands }: Incumbent, words: string[]): unknown {
  let given: IncumbentWords;
  try {
    given = parseIncumbentWords(words, options);
  } catch {
    return null;
  }
  if (given.operands.length !== operands.length) return null;
  const named = options.map(({ name, value }) => {
    const key = name.replaceAll('-', '_');
    if (!value) return [key, given.flag(name)];
    if (!value.includes(' ')) return [key, given.value(name) ?? null];
    const values = given.values(name);
    const pairs = values.flatMap((one, n) => (n % 2 === 0 ? [[one, values[n + 1]]] : []));
    return [key, pairs.length > 0 ? pairs : null];
  });
  return Object.fromEntries([...named, ...operands.map((name, n) => [name, given.operands[n]])]);
}

function link(name: string): string {
  const path = join(tempDir(), name);
  symlinkSync(serverPath(), path);
  return path;
}
