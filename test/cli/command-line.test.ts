import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';
import fc from 'fast-check';

import {
  CommandLineError,
  escapePart,
  readCommandLine,
  splitParts,
} from '../../src/cli/command-line.ts';
import type { ServeRequest } from '../../src/cli/request.ts';
import { builtInRegimes, findRegime, locateRegime } from '../../src/regimes.ts';
import { tempDir } from '../support/tempdir.ts';
import { regime as toyRegime, type ToySettings } from './toy-regime.ts';

const toy = fileURLToPath(new URL('toy-regime.ts', import.meta.url));
const passing = fileURLToPath(new URL('toy-passing-regime.ts', import.meta.url));

describe('the command line', () => {
  describe('of one regime', () => {
    it('tells options from operands, in any order', async () => {
      const settings = await toySettings('one', '-l', 'two', '--name=a', '-nb', '--name', 'c');
      expect(settings).to.deep.equal({
        operands: ['one', 'two'],
        loud: true,
        names: ['a', 'b', 'c'],
        last: 'c',
        local: true,
      });
    });

    it('takes a group of short options', async () => {
      const settings = await toySettings('-ln', 'a');
      expect(settings).to.include({ loud: true, last: 'a' });
    });

    it('ends the options at --', async () => {
      const settings = await toySettings('-l', '--', '--name', '-x', '--');
      expect(settings.operands).to.deep.equal(['--name', '-x', '--']);
    });

    it('keeps bytes that are no UTF-8', async () => {
      const settings = await toySettings('--name=\xff,%', '\x80\xe9');
      expect(settings).to.deep.include({ names: ['\xff,%'], operands: ['\x80\xe9'] });
    });

    it('keeps empty words', async () => {
      const settings = await toySettings('', '--name=');
      expect(settings).to.deep.include({ operands: [''], names: [''] });
    });

    it('leaves alone what stands after the first operand of one that passes arguments', async () => {
      const { chain } = await requested(passing, '-l', 'image', '-l', '--debug', '--', '--no');
      expect(chain[0]?.settings).to.deep.include({
        loud: true,
        operands: ['image', '-l', '--debug', '--', '--no'],
      });
    });

    it('takes -- before the first operand of one that passes arguments', async () => {
      const { chain } = await requested(passing, '-l', '--', '-image', '-l');
      expect(chain[0]?.settings).to.deep.include({ operands: ['-image', '-l'] });
    });

    for (const [words, message, usage] of [
      [[], 'no regime is named', 'regime --help'],
      [['-d'], 'no regime is named', 'regime --help'],
      [['nowhere'], 'there is no regime or command "nowhere"', 'regime --help'],
      [
        ['regime', 'null'],
        'a regime is wanted, without the word "regime" before it',
        'regime --help',
      ],
      [['rm'], 'there is no regime or command "rm"; did you mean reap?', 'regime --help'],
      [
        ['version'],
        'there is no regime or command "version"; did you mean --version?',
        'regime --help',
      ],
      [
        ['chrot', '/'],
        'there is no regime or command "chrot"; did you mean chroot?',
        'regime --help',
      ],
      [['-d', 'reap'], 'reap is no regime, but a command: it stands first', 'regime --help'],
      [['--loud', toy], 'there is no option --loud', 'regime --help'],
      [['--vresion'], 'there is no option --vresion; did you mean --version?', 'regime --help'],
      [
        ['--in-place', 'chroot', '/'],
        'there is no option --in-place; the options of chroot stand after that word',
        'regime --help',
      ],
      [
        ['docker', '--memory', '2g', 'debian'],
        'docker: there is no option --memory; arguments that are passed on stand after IMAGE',
        'regime docker --help',
      ],
      [[toy, '--quiet'], `${toy}: there is no option --quiet`, `regime ${toy} --help`],
      [[toy, '-q'], `${toy}: there is no option -q`, `regime ${toy} --help`],
      [[toy, '--__proto__'], `${toy}: there is no option --__proto__`, `regime ${toy} --help`],
      [[toy, '--loud=yes'], `${toy}: option --loud takes no value`, `regime ${toy} --help`],
      [[toy, '--name'], `${toy}: option --name needs a value, NAME`, `regime ${toy} --help`],
      [
        [toy, '-n', '-l'],
        `${toy}: option -n needs a value, NAME (one that begins with a dash is written --name=-l)`,
        `regime ${toy} --help`,
      ],
      [[toy, 'refuse'], `${toy}: it is refused`, `regime ${toy} --help`],
      [[toy, '+'], 'a regime is wanted after each +', 'regime --help'],
      [['+', toy], 'no regime is named', 'regime --help'],
      [
        ['/nowhere/mine.js'],
        'there is no file /nowhere/mine.js to load a regime from',
        'regime --help',
      ],
    ] as const) {
      it(`refuses "${words.join(' ').replaceAll(toy, 'TOY')}" and says why`, async () => {
        const error = await refusal(...words);
        expect(error).to.include({ message, usage });
      });
    }
  });

  describe('of several regimes', () => {
    it('starts the next one at each +, outermost first', async () => {
      const { chain } = await requested(toy, 'a', '-l', '+', passing, 'b', '+', toy, 'c');
      expect(chain.map(({ regime }) => regime.name)).to.deep.equal(['toy', 'passing', 'toy']);
      expect(chain.map(({ settings }) => (settings as ToySettings).operands)).to.deep.equal([
        ['a'],
        ['b'],
        ['c'],
      ]);
      expect(chain.map(({ settings }) => (settings as ToySettings).loud)).to.deep.equal([
        true,
        false,
        false,
      ]);
    });

    it('says to each whether it stands on this host', async () => {
      const { chain } = await requested('null', '+', toy, '+', toy);
      const told = chain.slice(1).map(({ settings }) => (settings as ToySettings).local);
      expect(told).to.deep.equal([true, false]);
    });

    it('takes + after -- for the next regime, and ++ for an operand +', async () => {
      const { chain } = await requested(toy, '--', '++', '-x', '+', toy, '+++', '++x');
      expect(chain.map(({ settings }) => (settings as ToySettings).operands)).to.deep.equal([
        ['+', '-x'],
        ['++', '++x'],
      ]);
    });

    it('can carry any words in a part', () => {
      const word = fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.constantFrom('+', '++', '--'));
      fc.assert(
        fc.property(fc.array(fc.array(word), { minLength: 1 }), (parts) => {
          const words = parts.map(escapePart).reduce((all, part) => [...all, '+', ...part]);
          expect(splitParts(words)).to.deep.equal(parts);
        }),
      );
    });
  });

  describe('that all regimes share', () => {
    it('is empty by default', async () => {
      const { options } = await requested(toy);
      expect(options).to.deep.equal({
        capabilities: [],
        debug: false,
        raw: false,
        keep: 'never',
        setup: [],
        share: false,
      });
    });

    it('holds in any part, also before the regime', async () => {
      const { options } = await requested(
        '--capability=isolation-machine',
        '-d',
        toy,
        '--scratch-mode=1777',
        '--setup',
        'echo a',
        '+',
        '--timeout-open=1.5',
        toy,
        '--capability',
        'suggested-normal-user=joe',
        '--setup=echo \xe9',
        '--dialect=current',
        '--state-dir=/var/tmp/../state',
        '--keep=on-failure',
        '--wait=1m',
        '--lease=1h',
      );
      expect(options).to.deep.equal({
        capabilities: ['isolation-machine', 'suggested-normal-user=joe'],
        debug: true,
        raw: false,
        scratchMode: 0o1777,
        setup: ['echo a', 'echo \xe9'],
        timeoutOpen: 1500,
        keep: 'on-failure',
        share: false,
        wait: 60_000,
        lease: 3_600_000,
        dialect: 'current',
        stateDir: '/var/state',
      });
    });

    it('is in the classic dialect with --debian-package-testing', async () => {
      expect((await requested(toy, '--debian-package-testing')).options.dialect).to.equal(
        'classic',
      );
    });

    it('is in the dialect that --dialect says, whatever else is given', async () => {
      const words = ['--debian-package-testing', toy, '--dialect=current'];
      expect((await requested(...words)).options.dialect).to.equal('current');
    });

    for (const option of [
      '--dialect=new',
      '--scratch-mode=9',
      '--scratch-mode=77777',
      '--timeout-open=0',
      '--timeout-open=soon',
      '--timeout-open=1e9',
      '--capability=two words',
      '--capability=',
      '--state-dir=',
    ]) {
      it(`refuses ${option} by its name`, async () => {
        expect((await refusal(toy, option)).message).to.contain(option.replace(/=.*/, ''));
      });
    }

    it('shows the usage of the first regime that --help stands with', async () => {
      expect(await readCommandLine(['-h', toy])).to.deep.equal({ kind: 'help' });
      const wish = await readCommandLine([toy, '+', passing, '--help']);
      expect(wish).to.have.property('kind', 'help');
      expect(wish).to.have.nested.property('regime.name', 'passing');
    });

    it('asks for the version anywhere', async () => {
      expect(await readCommandLine([toy, '--version'])).to.deep.equal({ kind: 'version' });
      expect(await readCommandLine(['--version'])).to.deep.equal({ kind: 'version' });
    });
  });
});

describe('regimes', () => {
  it('have in the table the name and the summary that they have themselves', async () => {
    for (const { name, summary, load } of builtInRegimes) {
      expect((await load()).regime).to.include({ name, summary });
    }
  });

  it('have no option in common with the server', async () => {
    for (const { name } of builtInRegimes) {
      const wish = await readCommandLine([name, '--help']);
      expect(wish).to.have.nested.property('regime.name', name);
    }
  });

  it('are found by name, by path, or not at all', async () => {
    expect(await findRegime('null')).to.have.property('name', 'null');
    expect(await findRegime(toy)).to.equal(toyRegime);
    expect(await findRegime('nowhere')).to.equal(undefined);
    expect(await findRegime('/etc/passwd')).to.equal(undefined);
    expect(await findRegime('')).to.equal(undefined);
  });

  for (const [shape, manifest] of [
    ['main', { main: 'lib.js' }],
    ['exports', { exports: './lib.js' }],
    ['exports of a path', { exports: { './package.json': './package.json', '.': './lib.js' } }],
    ['exports for import', { exports: { '.': { types: './x.d.ts', import: './lib.js' } } }],
    ['exports by condition', { exports: { import: { default: './lib.js' } } }],
  ] as const) {
    it(`are found in a package above the working directory, by its ${shape}`, async () => {
      const directory = tempDir();
      const home = join(directory, 'node_modules', 'regime-mine');
      mkdirSync(home, { recursive: true });
      mkdirSync(join(directory, 'below'));
      writeFileSync(join(home, 'package.json'), JSON.stringify({ type: 'module', ...manifest }));
      writeFileSync(join(home, 'lib.js'), source('mine'));
      const found = await inDirectory(join(directory, 'below'), () => locateRegime('mine'));
      expect(found?.regime.name).to.equal('mine');
      // Another process, somewhere else, finds the same by what is written down.
      expect(await findRegime(found?.reference ?? '')).to.equal(found?.regime);
    });
  }

  it('are refused where the module exports none', async () => {
    const path = join(tempDir(), 'empty.mjs');
    writeFileSync(path, 'export const regime = { name: "half" };\n');
    expect((await refusal(path)).message).to.equal(
      `${path} has no export "regime" that is a regime`,
    );
  });

  it('are refused with the reason where the module does not load', async () => {
    const path = join(tempDir(), 'broken.mjs');
    writeFileSync(path, 'throw new Error("out of order");\n');
    expect((await refusal(path)).message).to.contain('out of order');
  });

  it('may refuse their words without a class of ours', async () => {
    const path = join(tempDir(), 'strict.mjs');
    const configure = `throw Object.assign(new Error('no'), { name: 'UsageError' })`;
    writeFileSync(path, source('strict').replace('configure() {', `configure() { ${configure}`));
    expect((await refusal(path)).message).to.equal(`${path}: no`);
  });

  it('may not take an option of the server', async () => {
    const path = join(tempDir(), 'greedy.mjs');
    writeFileSync(path, source('greedy', `[{ name: 'debug', help: '' }]`));
    expect((await refusal(path)).message).to.contain('--debug');
  });
});

async function requested(...words: string[]): Promise<ServeRequest> {
  const wish = await readCommandLine(words);
  if (wish.kind !== 'serve') throw new Error(`the wish is ${wish.kind}`);
  return wish.request;
}

async function toySettings(...words: string[]): Promise<ToySettings> {
  return (await requested(toy, ...words)).chain[0]?.settings as ToySettings;
}

async function refusal(...words: string[]): Promise<CommandLineError> {
  try {
    await readCommandLine(words);
  } catch (error) {
    if (error instanceof CommandLineError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

async function inDirectory<T>(directory: string, step: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(directory);
  try {
    return await step();
  } finally {
    process.chdir(before);
  }
}

function source(name: string, options = '[]'): string {
  return `export const regime = { name: '${name}', summary: '', operands: '', options: ${options},
    configure() {}, plan() {}, open() {}, discard() {} };\n`;
}
