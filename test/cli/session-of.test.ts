import { expect } from 'chai';

import { copyTimeLimit } from '../../src/cli/session-of.ts';

describe('the time limit of a copy', () => {
  it('is what the environment says, in seconds, and 300 where that is no time', () => {
    expect(copyTimeLimit('1.5')).to.equal(1500);
    for (const odd of [undefined, '', '0', '-1', 'soon']) {
      expect(copyTimeLimit(odd), odd).to.equal(300_000);
    }
  });

  it('is the longest that a timer can wait where it is longer, and not shorter than asked for', () => {
    for (const long of ['2147484', '99999999999', 'Infinity']) {
      expect(copyTimeLimit(long), long).to.be.within(2 ** 31 - 1000, 2 ** 31 - 1);
    }
  });
});
