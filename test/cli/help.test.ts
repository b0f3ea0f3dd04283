import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { listPages, replaceOptions } from '../../man/render.ts';
import { renderHelp, renderRegimeHelp } from '../../src/cli/help.ts';
import { listManual } from '../../src/cli/manual/find-page.ts';
import { serverOptions } from '../../src/cli/options.ts';
import { builtInRegimes } from '../../src/regimes.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';

describe('the usage', () => {
  it('names every regime and every option of the server', () => {
    const text = renderHelp();
    for (const { name } of builtInRegimes) expect(text).to.contain(`\n  ${name} `);
    for (const { name } of serverOptions) expect(text).to.contain(`--${name}`);
  });

  it('of a regime names its options and those of the server', async () => {
    for (const { load } of builtInRegimes) {
      const { regime } = await load();
      const text = renderRegimeHelp(regime);
      for (const { name } of [...regime.options, ...serverOptions]) {
        expect(text).to.contain(`--${name}`);
      }
    }
  });

  it('fits into 80 columns', async () => {
    const texts = [renderHelp()];
    for (const { load } of builtInRegimes) texts.push(renderRegimeHelp((await load()).regime));
    for (const line of texts.join('').split('\n')) expect(line.length, line).to.be.below(80);
  });

  for (const words of ['--help', '-h', 'help', 'help help', 'null --help']) {
    it(`is on standard output for "regime ${words}"`, () => {
      const { stdout, stderr, status } = call(...words.split(' '));
      expect({ stderr, status }).to.deep.equal({ stderr: '', status: 0 });
      expect(stdout).to.match(/^Usage: regime /);
    });
  }

  it('has the same operands for a command as that has itself', () => {
    const text = renderHelp();
    expect(text).to.contain('\n       regime shell [OPTION]... ID [COMMAND [ARG]...]\n');
    expect(text).to.contain('\n       regime help [NAME]\n');
    const { stdout } = call('shell', '--help');
    expect(stdout).to.match(/^Usage: regime shell \[OPTION\]\.\.\. ID \[COMMAND \[ARG\]\.\.\.\]\n/);
  });

  it('of a command is its own', () => {
    for (const command of ['conform', 'reap']) {
      const { stdout, status } = call(command, '--help');
      expect(status).to.equal(0);
      expect(stdout).to.contain(`regime ${command}`);
    }
  });

  it('is hinted at in the one line for wrong options', () => {
    for (const [words, line] of [
      [[], "regime: no regime is named (try 'regime --help')\n"],
      [['--bogus'], "regime: there is no option --bogus (try 'regime --help')\n"],
      [
        ['null', '--bogus'],
        "regime: null: there is no option --bogus (try 'regime null --help')\n",
      ],
    ] as const) {
      const { stdout, stderr, status } = call(...words);
      expect({ stdout, stderr, status }).to.deep.equal({ stdout: '', stderr: line, status: 2 });
    }
  });

  it('has a version beside it, the package', () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(call('--version').stdout).to.equal(`regime ${version}\n`);
  });
});

describe('the manual pages', () => {
  it('have the options as they are now (else: npm run man)', async () => {
    for (const { path, options } of await listPages()) {
      const text = readFileSync(path, 'utf8');
      expect(replaceOptions(text, options), path).to.equal(text);
    }
  });

  it('have no option that is not in the usage', async () => {
    for (const { path, options } of await listPages()) {
      const heads = readFileSync(path, 'utf8').match(/^\.It Fl .*$/gm) ?? [];
      const named = heads.map((head) => /Fl -([a-z-]+)/.exec(head)?.[1]);
      expect(named, path).to.deep.equal(options.map(({ name }) => name));
    }
  });

  it('are found faultless by mandoc', function () {
    if (spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error) skip(this, 'there is no mandoc');
    for (const { path } of listManual()) {
      const { stdout } = spawnSync('mandoc', ['-T', 'lint', path], { encoding: 'utf8' });
      // Whether pages are installed beside this one is the machine's business.
      const faults = stdout
        .split('\n')
        .filter((line) => !/: referenced manual not found: /.test(line));
      expect(faults).to.deep.equal(['']);
    }
  });

  it('are there for all that they refer to of ours', () => {
    for (const { path } of listManual()) {
      const references = readFileSync(path, 'utf8').matchAll(/^\.Xr (regime[a-z-]*) ([0-9])/gm);
      for (const [, name = '', section = ''] of references) {
        const page = fileURLToPath(new URL(`../../man/${name}.${section}`, import.meta.url));
        expect(existsSync(page), page).to.equal(true);
      }
    }
  });
});

function call(...words: string[]) {
  const [program = '', ...args] = serverArgv(...words);
  return spawnSync(program, args, { encoding: 'utf8' });
}
