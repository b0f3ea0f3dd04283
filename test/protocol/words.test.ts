import { expect } from 'chai';
import fc from 'fast-check';

import {
  decodeList,
  decodeWord,
  encodeList,
  encodeSetting,
  encodeWord,
  splitWords,
} from '../../src/protocol/words.ts';

/** Any bytes but NUL, which no name can hold. */
const bytes = fc
  .array(fc.integer({ min: 1, max: 255 }))
  .map((codes) => String.fromCharCode(...codes));

describe('words of the protocol', () => {
  it('are what stands between white space of any kind and number', () => {
    expect(splitWords('  copydown\t/a   /b \r')).to.deep.equal(['copydown', '/a', '/b']);
    expect(splitWords('')).to.deep.equal([]);
    expect(splitWords(' \t\v\f\r')).to.deep.equal([]);
  });

  it('are not parted at a no-break space, which is a byte like others', () => {
    expect(splitWords('a\xa0b \x85')).to.deep.equal(['a\xa0b', '\x85']);
  });

  it('come through encoding and decoding unchanged, whatever their bytes', () => {
    fc.assert(fc.property(bytes, (word) => decodeWord(encodeWord(word)) === word));
  });

  it('are encoded into printable characters without white space, commas and plus signs', () => {
    fc.assert(fc.property(bytes, (word) => /^[A-Za-z0-9_.~/%-]*$/.test(encodeWord(word))));
  });

  it('come through a list as members, commas in them and all', () => {
    const members = fc.array(bytes, { minLength: 1 });
    fc.assert(
      fc.property(members, (list) => {
        expect(decodeList(encodeList(list))).to.deep.equal(list);
      }),
    );
  });

  it('encode all but the unreserved characters and the slash, in capital hex digits', () => {
    expect(encodeWord('/a-b_c.d~e')).to.equal('/a-b_c.d~e');
    expect(encodeWord('a b,c+d%\n\xff')).to.equal('a%20b%2Cc%2Bd%25%0A%FF');
  });

  it('take escapes in small letters, and a plus sign for a plus sign', () => {
    expect(decodeWord('%2f%fF+')).to.equal('/\xff+');
  });

  it('keep a malformed escape as it stands', () => {
    for (const word of ['%', '%4', '%zz', '%%', 'a%', '%g0']) {
      expect(decodeWord(word)).to.equal(word);
    }
    expect(decodeWord('%%41')).to.equal('%A');
    expect(decodeWord('%2541'), 'decoded once').to.equal('%41');
  });

  it('must not hold a NUL byte', () => {
    expect(() => decodeWord('a%00b')).to.throw('NUL');
    expect(() => decodeList('a,%00')).to.throw('NUL');
  });

  it('in a list may be empty', () => {
    expect(decodeList('')).to.deep.equal(['']);
    expect(decodeList('a,,b')).to.deep.equal(['a', '', 'b']);
  });

  it('of a setting have only the value encoded', () => {
    expect(encodeSetting('revert')).to.equal('revert');
    expect(encodeSetting('suggested-normal-user', 'joe')).to.equal('suggested-normal-user=joe');
    expect(encodeSetting('downtmp-host', '/a b=c')).to.equal('downtmp-host=/a%20b%3Dc');
  });
});
