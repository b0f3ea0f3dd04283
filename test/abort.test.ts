import { expect } from 'chai';

import { abortOf, anyOf, relayAbort } from '../src/abort.ts';
import { collectGarbage } from './support/garbage.ts';

const forever = new AbortController();

describe('A signal of several', () => {
  it('is aborted by the time though garbage was collected meanwhile', async () => {
    const limit = () => anyOf(forever.signal, AbortSignal.timeout(300));
    // The first, so that its time is up when that of the others is.
    const looked = limit();
    // Each is held by nothing but who waits for it.
    const waits = [abortOf(limit()), abortOf(anyOf(forever.signal, limit()))];
    await new Promise(setImmediate);
    collectGarbage();
    await Promise.all(waits);
    await abortOf(AbortSignal.timeout(50));
    collectGarbage();
    expect(looked.aborted).to.equal(true);
    expect((looked.reason as Error).name).to.equal('TimeoutError');
  });

  it('has the reason of the one that is aborted', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const any = anyOf(one.signal, other.signal);
    other.abort('the other');
    expect(any.reason).to.equal('the other');
  });
});

describe('A controller that a signal aborts too', () => {
  it('is aborted with its reason until it is done with', () => {
    const outer = new AbortController();
    const [before, after] = [relayAbort(outer.signal), relayAbort(outer.signal)];
    after.end();
    outer.abort('enough');
    expect(before.stop.signal.reason).to.equal('enough');
    expect(after.stop.signal.aborted).to.equal(false);
    expect(() => relayAbort(outer.signal)).to.throw('enough');
  });
});
