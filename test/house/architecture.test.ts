import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

import { projectRoot } from '../support/server.ts';

/** Node's modules that do something to the world; what is pure may use the rest. */
const NODE_IO =
  /^node:(fs|fs\/promises|child_process|net|http|https|tty|os|process|worker_threads)$/;

for (const document of ['ARCHITECTURE.md', 'CONTRIBUTING.md']) {
  describe(document, () => {
    it('names only files that exist', () => {
      const names = read(document).matchAll(
        /`((?:src|regimes|man|test|scripts|bench)\/[^`]*|[\w-]+\.mjs)`/g,
      );
      const paths = [...names]
        .map(([, path = '']) => path)
        .filter((path) => !path.includes('NAME'));
      expect(paths).to.include('src/regime.ts');
      expect(paths.filter((path) => !existsSync(join(projectRoot, path)))).to.deep.equal([]);
    });
  });
}

describe('the import rules', () => {
  it('keep regimes away from the protocol, the sessions and the command line', () => {
    const bad = importsBelow('regimes').filter(({ target }) =>
      /^src\/(protocol|session|cli|conform)\//.test(target),
    );
    expect(bad).to.deep.equal([]);
  });

  it('let src/regimes.ts alone name regimes', () => {
    const bad = importsBelow('src').filter(
      ({ file, target }) => target.startsWith('regimes/') && file !== 'src/regimes.ts',
    );
    expect(bad).to.deep.equal([]);
  });

  it('keep the protocol core free of regimes and of input and output', () => {
    const bad = importsBelow('src/protocol').filter(
      ({ target }) =>
        NODE_IO.test(target) ||
        target.startsWith('regimes/') ||
        /^src\/(session|cli|conform|place|regimes\.ts)/.test(target),
    );
    expect(bad).to.deep.equal([]);
  });

  it('give each script a base name of its own, as the build puts them into one directory', () => {
    const scripts = [...filesBelow('src'), ...filesBelow('regimes')].filter((file) =>
      /\.(sh|pl)$/.test(file),
    );
    const names = scripts.map((file) => basename(file));
    expect(names.length).to.be.greaterThan(0);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).to.deep.equal([]);
  });
});

describe('tracked files', () => {
  it('stay below 300 lines, so that each holds one idea', () => {
    const code = ['src', 'regimes', 'scripts']
      .flatMap(filesBelow)
      .filter((f) => /\.(ts|mjs)$/.test(f));
    const long = code.filter((file) => read(file).split('\n').length > 300);
    expect(long).to.deep.equal([]);
  });

  it('name no package registry', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, object> };
    const resolved = Object.entries(lock.packages).filter(([, entry]) => 'resolved' in entry);
    expect(resolved.map(([name]) => name)).to.deep.equal([]);
  });

  it('have a lock file that npm ci takes', function () {
    this.timeout(120_000);
    const args = ['ci', '--dry-run', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, stderr } = spawnSync('npm', args, { cwd: projectRoot, encoding: 'utf8' });
    expect({ status, stderr: status === 0 ? '' : stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('list every manual page in package.json, so that man finds them', () => {
    const { man } = JSON.parse(read('package.json')) as { man: string[] };
    const pages = readdirSync(join(projectRoot, 'man')).filter((name) => /\.[1-9]$/.test(name));
    expect([...man].sort()).to.deep.equal(pages.map((name) => `./man/${name}`).sort());
  });
});

interface Import {
  file: string;
  /** A path from the top for our own files, else the name of the module. */
  target: string;
}

function importsBelow(folder: string): Import[] {
  return filesBelow(folder)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => importsOf(file));
}

/** What is only a type vanishes when it is built, but is a dependency all the same. */
function importsOf(file: string): Import[] {
  const found = read(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, name = '']) => ({
    file,
    target: name.startsWith('.') ? relative('.', join(dirname(file), name)) : name,
  }));
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)));
}

function read(file: string): string {
  return readFileSync(join(projectRoot, file), 'utf8');
}
