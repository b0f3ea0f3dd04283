import { spawnSync } from 'node:child_process';

import { expect } from 'chai';
import fc from 'fast-check';

import { bufferOf } from '../../src/bytes.ts';
import { quoteArgv, quoteWord } from '../../src/place/quote.ts';

const word = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(10, 34, 36, 39, 92, 96)))
  .map((codes) => String.fromCharCode(...codes));

describe('words quoted for a shell', () => {
  it('stand bare where they can', () => {
    expect(quoteArgv(['env', 'A=/x', 'a.b-c'])).to.equal('env A=/x a.b-c');
    expect(quoteWord('')).to.equal("''");
    expect(quoteWord("it's")).to.equal(`'it'\\''s'`);
  });

  it('are read back byte for byte', function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const script = bufferOf(`printf '%s\\0' ${quoteArgv(words)}\n`);
        const { stdout } = spawnSync('sh', { input: script });
        expect(stdout.toString('latin1')).to.equal(words.map((one) => `${one}\0`).join(''));
      }),
      { numRuns: 150 },
    );
  });

  it('are no assignment, comment or home directory at the head of a command', () => {
    const { stdout } = spawnSync('sh', {
      input: `echo ${quoteArgv(['~', '#', '*', '!', '{a,b}'])}`,
    });
    expect(stdout.toString()).to.equal('~ # * ! {a,b}\n');
  });
});
