import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { startPatience } from '../../../regimes/ssh/patience.ts';
import { abortOf } from '../../../src/abort.ts';
import { askInTurn } from '../../../src/turns.ts';

describe('the patience with a machine', () => {
  it('has an end, but not while somebody is asked', async () => {
    let answer = () => {};
    const question = askInTurn(() => new Promise<void>((resolve) => (answer = resolve)));
    const patience = startPatience(40);
    await sleep(120);
    expect(patience.signal.aborted).to.equal(false);
    answer();
    await question;
    await abortOf(patience.signal);
    expect(patience.signal.reason).to.match(/no end within 0.04 s/);
  });
});
