import { spawnSync } from 'node:child_process';

import { expect } from 'chai';
import fc from 'fast-check';

import { quoteShellWord, splitShellWords } from '../../src/cli/shell-words.ts';
import { UsageError } from '../../src/errors.ts';

describe('splitShellWords', () => {
  it('takes an empty pair of quotes of either kind for a word', () => {
    expect(splitShellWords(`"" '' a""`)).to.deep.equal(['', '', 'a']);
  });

  it('parts words as a shell does', () => {
    const line = `a 'b c' "d \\" e"f\\ g  '' $'h\\n\\xff\\101' i#j # k l`;
    expect(splitShellWords(line)).to.deep.equal([
      ...['a', 'b c', 'd " ef g', '', 'h\n\xffA', 'i#j'],
    ]);
  });

  it('puts in variables, in double quotes too, and does not part them again', () => {
    const variables = new Map([['name', 'two words']]);
    const line = `$name/x "\${name}" '$name' $5 \\$name`;
    expect(splitShellWords(line, variables)).to.deep.equal([
      ...['two words/x', 'two words', '$name', '$5', '$name'],
    ]);
  });

  it('says what is wrong with a line', () => {
    expect(() => splitShellWords(`a 'b`)).to.throw(UsageError, /single quote/);
    expect(() => splitShellWords(`a "b`)).to.throw(UsageError, /double quote/);
    expect(() => splitShellWords('$no', new Map())).to.throw(UsageError, /variable no/);
  });

  it('writes no byte that steers a terminal', () => {
    expect(quoteShellWord('a\x1bb')).to.equal("$'a\\x1bb'");
    expect(quoteShellWord('a\xc2\x9bb')).to.equal("$'a\\xc2\\x9bb'");
  });

  it('quotes what a shell would expand', () => {
    for (const word of ['~', '~/x', 'a=~', 'a:~/x', '=ls']) {
      expect(quoteShellWord(word)).to.equal(`'${word}'`);
    }
  });

  it('reads what quoteShellWord writes, and so does bash', () => {
    const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
    const word = fc.array(byte, { maxLength: 30 }).map((bytes) => bytes.join(''));
    fc.assert(
      fc.property(word, (one) => {
        expect(splitShellWords(quoteShellWord(one))).to.deep.equal([one]);
      }),
    );
    const words = fc.sample(word, 50);
    const script = `LC_ALL=C; printf '%s\\0' ${words.map(quoteShellWord).join(' ')}`;
    const { stdout } = spawnSync('bash', ['-s'], { input: Buffer.from(script, 'latin1') });
    expect(stdout.toString('latin1').split('\0').slice(0, -1)).to.deep.equal(words);
  });
});
