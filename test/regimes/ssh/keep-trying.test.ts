import { expect } from 'chai';

import { keepTrying } from '../../../regimes/ssh/keep-trying.ts';
import { abortOf } from '../../../src/abort.ts';
import { silentLogger } from '../../../src/log.ts';

describe('trying until a machine is there', () => {
  const context = { signal: new AbortController().signal, log: silentLogger };
  const failureOf = (attempt: (signal: AbortSignal) => Promise<string>) =>
    keepTrying({ step: 'it did not come', attempt, timeout: 2000 }, context).catch(
      (cause: Error) => cause.message,
    );

  it('tells in the end what was wrong, not that there was no more time to look', async () => {
    let attempts = 0;
    const failure = await failureOf(async (signal) => {
      attempts += 1;
      if (attempts > 1) await abortOf(signal);
      throw attempts > 1 ? signal.reason : new Error('it is down');
    });
    expect([attempts, failure]).to.deep.equal([2, 'it did not come within 2 s: it is down']);
  });

  it('tells that an attempt came to no end where there was no other', async () => {
    const failure = await failureOf(async (signal) => {
      await abortOf(signal);
      throw new Error('it said nothing');
    });
    expect(failure).to.equal('it did not come within 2 s: it said nothing');
  });
});
