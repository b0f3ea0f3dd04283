import { spawnSync } from 'node:child_process';

import { expect } from 'chai';
import fc from 'fast-check';

import { bufferOf } from '../../src/bytes.ts';
import { spawnableArgv } from '../../src/place/argv.ts';

/** Bytes but NUL, often such as shells and printf take for something else. */
const word = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(10, 37, 39, 48, 92, 255)))
  .map((codes) => String.fromCharCode(...codes));

/** What a program is given, each word followed by a NUL, where `sh` is the program named. */
function given(argv: readonly string[], shell?: string): Buffer {
  const [program = '', ...args] = spawnableArgv(['printf', '%s\\0', ...argv]);
  const run = program === 'sh' && shell ? shell.split(' ') : [program];
  return spawnSync(run[0] ?? '', [...run.slice(1), ...args]).stdout;
}

describe('an argv of bytes', () => {
  it('goes as it is where all of it is UTF-8', () => {
    expect(spawnableArgv(['ls', 'a b', '\xc3\xa4'])).to.deep.equal(['ls', 'a b', 'ä']);
  });

  it('goes as ASCII through sh where a word is not', () => {
    const argv = spawnableArgv(['ls', 'a\xff']);
    expect(argv[0]).to.equal('sh');
    expect(argv.join('')).to.match(/^[\n\x20-\x7e]*$/);
  });

  for (const shell of ['sh', 'bash', 'busybox sh']) {
    it(`arrives byte for byte, through ${shell}`, function () {
      this.timeout(60_000);
      fc.assert(
        fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (argv) => {
          const words = [...argv, '\xff'];
          const expected = Buffer.concat(words.map((one) => bufferOf(`${one}\0`)));
          expect(given(words, shell).toString('latin1')).to.equal(expected.toString('latin1'));
        }),
        { numRuns: 60 },
      );
    });
  }

  it('keeps empty words, newlines at an end, and words that look like options', () => {
    const words = ['', '\xff\n\n', '-n', 'p', 'b', '\\0101', '\xfe%s', ''];
    expect(given(words).toString('latin1')).to.equal(words.map((one) => `${one}\0`).join(''));
  });
});
