import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { harnessTree, hasFixtures } from '../support/fixtures.ts';
import { projectRoot } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';

/** Bytes of the package when it is installed, without its dependencies. */
const LARGEST = 3 * 1024 * 1024;

describe('the package as users install it', () => {
  let prefix: string;
  let own: string;

  before('pack it, and install that', function () {
    this.timeout(300_000);
    const directory = fileTempDir();
    prefix = join(directory, 'prefix');
    const tarball = pack(directory);
    const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefix', prefix];
    run('npm', ['install', '--global', ...options, tarball], directory);
    own = join(prefix, 'lib/node_modules/regime');
  });

  it('has its programs', () => {
    const version = installed('regime', ['--version']);
    expect(version.stdout).to.match(/^regime \d+\.\d+\.\d+/);
    expect(existsSync(join(prefix, 'bin/autopkgtest-virt-regime'))).to.equal(true);
  });

  it('has its manual pages where man looks', () => {
    const pages = ['man1', 'man7'].flatMap((section) =>
      readdirSync(join(prefix, 'share/man', section)),
    );
    const sources = readdirSync(join(projectRoot, 'man')).filter((name) => /\.[1-9]$/.test(name));
    expect(pages.sort()).to.deep.equal(sources.sort());
  });

  it('is small', () => {
    const { stdout } = spawnSync('du', ['-sb', '--exclude=node_modules', own], {
      encoding: 'utf8',
    });
    expect(Number(stdout.split('\t')[0])).to.be.within(10_000, LARGEST);
  });

  it('carries the licences of what is bundled', () => {
    expect(existsSync(join(own, 'LICENSE'))).to.equal(true);
    expect(existsSync(join(own, 'dist/NOTICES.txt'))).to.equal(true);
  });

  it('lets authors of regimes import the types, and programs the library', function () {
    this.timeout(60_000);
    const directory = fileTempDir();
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(own, join(directory, 'node_modules/regime'));
    for (const name of ['mine.ts', 'consumer.ts']) {
      cpSync(join(projectRoot, 'test/house', name), join(directory, name));
    }
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    const types = join(projectRoot, 'node_modules/@types');
    const { status, stdout } = spawnSync(
      join(projectRoot, 'node_modules/.bin/tsc'),
      [
        ...['--strict', '--module', 'nodenext', '--target', 'es2022', '--preserveSymlinks'],
        ...['--lib', 'es2022,esnext.disposable', '--outDir', 'out'],
        ...['--typeRoots', types, '--types', 'node', 'mine.ts', 'consumer.ts'],
      ],
      { cwd: directory, encoding: 'utf8' },
    );
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: '' });
    const program = ['out/consumer.js', join(prefix, 'bin/regime'), 'null'];
    const done = spawnSync(process.execPath, program, { cwd: directory, encoding: 'utf8' });
    expect(done.stderr + done.stdout).to.equal('true 3 input\nServerFailed\n');
  });

  it('keeps to the protocol', function () {
    this.timeout(300_000);
    const { status, stdout } = installed('regime', ['conform', '--', 'regime', 'null']);
    expect(stdout.split('\n').filter((line) => line.startsWith('not ok'))).to.deep.equal([]);
    expect(status).to.equal(0);
  });

  it('serves the harness', function () {
    this.timeout(300_000);
    if (process.getuid?.() !== 0) skip(this, 'a testbed with packages needs root');
    if (spawnSync('autopkgtest', ['--version']).error) skip(this, 'there is no autopkgtest here');
    if (!hasFixtures()) skip(this, 'there is no Debian root file system here');
    const directory = fileTempDir();
    const source = makePackage(directory);
    const out = join(directory, 'out');
    const result = installed('autopkgtest', [
      ...['--no-built-binaries', source, '--output-dir', out],
      ...['--', 'regime', 'chroot', harnessTree()],
    ]);
    expect(result.stderr + result.stdout).to.match(/hello +PASS/);
    expect(result.status).to.equal(0);
  });

  function installed(program: string, args: string[]) {
    const env = { ...process.env, PATH: `${join(prefix, 'bin')}:${process.env['PATH'] ?? ''}` };
    return spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 28 });
  }
});

/**
 * Packs a copy: packing builds from nothing, and other tests are using dist/. The copy has the
 * tools of the checkout.
 */
function pack(directory: string): string {
  const copy = join(directory, 'copy');
  mkdirSync(copy);
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = spawnSync('git', list, { cwd: projectRoot, encoding: 'utf8' }).stdout.split('\0');
  for (const file of files.filter((name) => name && existsSync(join(projectRoot, name)))) {
    cpSync(join(projectRoot, file), join(copy, file), { verbatimSymlinks: true });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
  run('npm', ['pack', '--loglevel=error', '--pack-destination', directory], copy);
  const name = readdirSync(directory).find((file) => file.endsWith('.tgz'));
  if (!name) throw new Error('npm pack made nothing');
  return join(directory, name);
}

/** A source package with one test. */
function makePackage(directory: string): string {
  const source = join(directory, 'hello-1');
  cpSync(join(projectRoot, 'test/house/hello'), source, { recursive: true });
  return source;
}

function run(program: string, args: string[], cwd: string): void {
  const { status, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
