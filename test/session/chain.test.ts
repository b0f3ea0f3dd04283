import { expect } from 'chai';

import { LeftBehind } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { localPlace } from '../../src/place/local.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import type { Regime, Testbed } from '../../src/regime.ts';
import { openChain, type LevelContext, type Link } from '../../src/session/chain.ts';

/** What is done to the testbeds of a chain, in order. */
let events: string[];

interface Wishes {
  reverts?: boolean;
  environment?: boolean;
  failsToOpen?: boolean;
  leaves?: boolean;
  failsToClose?: boolean;
}

function link(name: string, wishes: Wishes = {}): Link {
  const regime: Regime = {
    name,
    summary: '',
    operands: '',
    options: [],
    configure: () => ({}),
    plan: () => ({}),
    open(_settings, _state, outer) {
      events.push(`open ${name} on ${outer.label}`);
      if (wishes.failsToOpen) {
        const failure = new Error(`no ${name}`);
        return Promise.reject(
          wishes.leaves ? new LeftBehind(failure, new Error(`${name} is left`)) : failure,
        );
      }
      const testbed: Testbed = {
        place: prefixedPlace(name, [name], outer),
        traits: {
          isolation: 'none',
          ephemeral: true,
          ...(wishes.reverts && { reverts: 'everything' as const }),
        },
        close() {
          events.push(`close ${name}`);
          return wishes.failsToClose
            ? Promise.reject(new Error(`stuck ${name}`))
            : Promise.resolve();
        },
      };
      if (wishes.reverts) {
        testbed.revert = () => Promise.resolve(void events.push(`revert ${name}`));
      }
      if (wishes.environment) {
        testbed.setEnvironment = (variables) =>
          Promise.resolve(void events.push(`environment ${name} ${variables.join(',')}`));
      }
      return Promise.resolve(testbed);
    },
    discard: () => Promise.resolve(),
  };
  return { regime, settings: {}, state: {} };
}

const contexts: LevelContext = () => ({
  signal: new AbortController().signal,
  log: silentLogger,
  checkpoint: () => Promise.resolve(),
});

const messageOf = (step: Promise<unknown>) =>
  step.then(
    () => undefined,
    (cause: unknown) => (cause as Error).message,
  );

describe('a chain of testbeds', () => {
  beforeEach(() => {
    events = [];
  });

  it('opens each on the Place of the one around it, and closes the innermost first', async () => {
    const chain = await openChain([link('a'), link('b'), link('c')], contexts);
    expect(chain.innermost.place.prefix).to.deep.equal(['a', 'b', 'c']);
    await chain.close(contexts);
    expect(events).to.deep.equal([
      ...[`open a on ${localPlace.label}`, 'open b on a', 'open c on b'],
      ...['close c', 'close b', 'close a'],
    ]);
  });

  it('reverts the innermost level that can, and makes anew what was inside it', async () => {
    const levels = [link('a', { reverts: true }), link('b', { reverts: true }), link('c')];
    const chain = await openChain(levels, contexts);
    expect(chain.reverts).to.equal('everything');
    events = [];
    await chain.revert(contexts);
    expect(events).to.deep.equal(['close c', 'revert b', 'open c on b']);
  });

  it('says that nothing reverts where no level does', async () => {
    const chain = await openChain([link('a'), link('b')], contexts);
    expect(chain.reverts).to.equal(undefined);
  });

  it('closes what is open when a level fails, and says why', async () => {
    const levels = [link('a'), link('b', { failsToClose: true }), link('c', { failsToOpen: true })];
    expect(await messageOf(openChain(levels, contexts))).to.equal('no c');
    expect(events.slice(-2)).to.deep.equal(['close b', 'close a']);
  });

  it('closes every level though one fails, and throws the first failure', async () => {
    const levels = [
      link('a', { failsToClose: true }),
      link('b', { failsToClose: true }),
      link('c'),
    ];
    const chain = await openChain(levels, contexts);
    expect(await messageOf(chain.close(contexts))).to.equal('stuck b');
    expect(events.slice(-3)).to.deep.equal(['close c', 'close b', 'close a']);
    expect(await messageOf(chain.close(contexts)), 'and again').to.equal(undefined);
  });

  it('tells what is left of a level that fails, or of those around it', async () => {
    const failing = link('c', { failsToOpen: true });
    const leaving = link('c', { failsToOpen: true, leaves: true });
    for (const [levels, why] of [
      [[link('a', { failsToClose: true }), failing], 'stuck a'],
      [[link('a'), leaving], 'c is left'],
    ] as const) {
      const failure = await openChain(levels, contexts).catch((cause: unknown) => cause);
      expect(failure).to.be.instanceOf(LeftBehind).with.property('message', 'no c');
      expect((failure as LeftBehind).left.message).to.equal(why);
    }
  });

  it('can not be closed whole where a revert has left something', async () => {
    const wishes = { leaves: true, failsToOpen: false };
    const chain = await openChain([link('a', { reverts: true }), link('b', wishes)], contexts);
    wishes.failsToOpen = true;
    expect(await messageOf(chain.revert(contexts))).to.equal('no b');
    expect(await messageOf(chain.close(contexts))).to.equal('b is left');
    expect(events.at(-1)).to.equal('close a');
  });

  it('sets the environment where the innermost level has one, else around it', async () => {
    const inner = await openChain([link('a', { environment: true }), link('b')], contexts);
    await inner.setEnvironment(['X=1'], contexts);
    const both = [link('c', { environment: true }), link('d', { environment: true })];
    await (await openChain(both, contexts)).setEnvironment(['Y=2'], contexts);
    await (await openChain([link('e')], contexts)).setEnvironment(['Z=3'], contexts);
    expect(events.filter((event) => event.startsWith('environment'))).to.deep.equal([
      'environment a X=1',
      'environment d Y=2',
    ]);
  });
});
