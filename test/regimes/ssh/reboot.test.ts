import { expect } from 'chai';

import { bootMark, rebootMachine, type Machine } from '../../../regimes/ssh/reboot.ts';
import { silentLogger } from '../../../src/log.ts';
import { localPlace } from '../../../src/place/local.ts';
import type { Place } from '../../../src/place/place.ts';
import { quoteArgv } from '../../../src/place/quote.ts';
import { startMachine, type TestMachine } from '../../support/machine.ts';

describe('the reboot of a machine', () => {
  let box: TestMachine;
  let place: Place;
  const context = { signal: new AbortController().signal, log: silentLogger };

  before(async function () {
    box = await startMachine(this);
    place = {
      ...localPlace,
      label: 'root@machine',
      run: (argv, options) => localPlace.run([...box.ssh('root'), quoteArgv(argv)], options),
    };
  });

  /** A connection is there as long as a command runs over it. */
  function connected(): { machine: Machine; adopted: () => number } {
    let adopted = 0;
    const machine = {
      place,
      lost: place.run(['sleep', '600']),
      async approach(signal: AbortSignal) {
        const { ending } = await place.run(['true'], { signal });
        if (!('status' in ending) || ending.status !== 0) throw new Error('it is down');
        return {
          place,
          adopt() {
            adopted++;
            return Promise.resolve();
          },
          drop: () => {},
        };
      },
    };
    return { machine, adopted: () => adopted };
  }
  const outcomeOf = (reboot: Promise<string>) =>
    reboot.then(
      () => 'back',
      (cause: Error) => cause.message,
    );

  it('is done when it is up again, after another boot', async function () {
    this.timeout(60_000);
    const { machine, adopted } = connected();
    const boots = box.boots();
    const before = await bootMark(place, context.signal);
    const options = { before, prepareOnly: false, timeout: 30_000 };
    const after = await rebootMachine(machine, options, context);
    expect(after).not.to.equal(before);
    expect(after).to.equal(await bootMark(place, context.signal));
    expect(box.boots()).to.equal(boots + 1);
    expect(adopted()).to.equal(1);
  });

  it('is waited for where somebody else does it, though the connection is lost before', async function () {
    this.timeout(60_000);
    const { machine } = connected();
    const boots = box.boots();
    const before = await bootMark(place, context.signal);
    const options = { before, prepareOnly: true, timeout: 30_000 };
    const over = rebootMachine({ ...machine, lost: Promise.resolve() }, options, context);
    await place.run(['reboot']);
    await over;
    expect(box.boots()).to.equal(boots + 1);
  });

  it('needs no wait where something else has waited', async function () {
    this.timeout(60_000);
    const before = await bootMark(place, context.signal);
    const wait = async () => {
      await place.run(['reboot']);
      return true;
    };
    const options = { before, prepareOnly: true, timeout: 30_000, wait };
    const { machine } = connected();
    // A connection of whose end nobody hears.
    const after = await rebootMachine(
      { ...machine, lost: new Promise(() => {}) },
      options,
      context,
    );
    expect(after).not.to.equal(before);
  });

  it('that takes too long is a failure that says so', async function () {
    this.timeout(60_000);
    const before = await bootMark(place, context.signal);
    box.switchOff();
    const { machine } = connected();
    const over = rebootMachine(machine, { before, prepareOnly: false, timeout: 1000 }, context);
    expect(await outcomeOf(over)).to.match(
      /^root@machine did not come back from its reboot within 1 s: it is down$/,
    );
    box.switchOn();
  });
});
