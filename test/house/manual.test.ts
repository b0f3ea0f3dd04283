import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { commands } from '../../src/cli/commands.ts';
import { listManual } from '../../src/cli/manual/find-page.ts';
import { builtInRegimes } from '../../src/regimes.ts';
import { projectRoot } from '../support/server.ts';

/** What a page of a regime or a command has, in this order: mdoc(7). */
const SECTIONS = [
  ...['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS'],
  ...['EXAMPLES', 'SEE ALSO'],
];

/** Variables by which tests and the program's own processes talk with each other. */
const INTERNAL = /^(REGIME_FAULT(_VICTIM)?|PERL_BADLANG)$/;

describe('the manual', () => {
  const pages = listManual().map(({ name, path }) => ({
    name,
    path,
    text: readFileSync(path, 'utf8'),
  }));

  for (const { name, path, text } of pages) {
    it(`has in ${name} all that a page has`, () => {
      const found = [...text.matchAll(/^\.Sh (.*)$/gm)].map(([, title = '']) => title);
      const wanted = path.endsWith('.1')
        ? SECTIONS
        : ['NAME', 'DESCRIPTION', 'EXAMPLES', 'SEE ALSO'];
      expect(found.filter((title) => wanted.includes(title))).to.deep.equal(wanted);
      expect(text).to.match(
        /^\.Dd (January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}, 20\d\d$/m,
      );
    });
  }

  it('has a page for each regime and each command, and regime(1) names them all', () => {
    const names = pages.map(({ name }) => name);
    const subjects = [...builtInRegimes, ...commands].map(({ name }) => name);
    const own = subjects.filter((name) => name !== 'help').map((name) => `regime-${name}`);
    expect(names).to.include.members(own);
    const [entry = ''] = pages.filter(({ name }) => name === 'regime').map(({ text }) => text);
    const [description = '', seeAlso = ''] = entry.split('.Sh SEE ALSO');
    for (const name of names) {
      if (name !== 'regime') expect(seeAlso).to.match(new RegExp(`^\\.Xr ${name} [17]`, 'm'));
    }
    for (const name of subjects) {
      expect(description).to.match(new RegExp(`^\\.It (Nm )?Cm ${name}\\b`, 'm'));
    }
  });

  it('has examples that can be run, most of all', () => {
    const blocks = pages.flatMap(({ text }) => {
      const [, examples = ''] = text.split(/^\.Sh EXAMPLES$/m);
      const [own = ''] = examples.split(/^\.Sh /m);
      return [...own.matchAll(/^(\.\\" (?:runnable|file).*\n)?(?:\.Bd|\.Dl(?:.*\n\.Dl)*)/gm)];
    });
    const marked = blocks.filter(([, mark]) => mark !== undefined);
    expect(marked.length).to.be.greaterThan((blocks.length * 2) / 3);
  });

  it('names each variable that the program reads', () => {
    const read = ['src', 'regimes'].flatMap(filesBelow).flatMap(variablesIn);
    expect(read).to.include.members(['XDG_STATE_HOME', 'DOCKER_HOST', 'NO_COLOR', 'HOME']);
    const named = pages.flatMap(({ text }) =>
      [...text.matchAll(/\bEv ([A-Z_ ,]+)/g)].flatMap(([, names = '']) => names.split(/[ ,]+/)),
    );
    const missing = read.filter((name) => !INTERNAL.test(name) && !named.includes(name));
    expect([...new Set(missing)]).to.deep.equal([]);
  });
});

describe('README.md and CONTRIBUTING.md', () => {
  it('name npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = ['README.md', 'CONTRIBUTING.md'].flatMap((file) =>
      [...readFileSync(join(projectRoot, file), 'utf8').matchAll(/npm run ([\w:]+)/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(named).to.include('demo');
    expect(named.filter((name) => !(name in scripts))).to.deep.equal([]);
  });
});

/** The variables of the environment that a file reads by their names. */
function variablesIn(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const single = text.matchAll(/(?:env|environment)(?:\['|\.)([A-Z_]+)|\$ENV\{([A-Z_]+)\}/g);
  const several = text.matchAll(
    /\{ ([A-Z][A-Z_, ]*)(?: = '')? \}(?:: NodeJS\.ProcessEnv)? = process\.env/g,
  );
  return [...single, ...several].flatMap(([, one, other]) => (one ?? other ?? '').split(', '));
}

/** What runs on this host; the suite of `regime conform` talks of the variables of others. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|cjs|pl)$/.test(name) && !name.startsWith('conform/'))
    .map((name) => join(projectRoot, folder, name));
}
