import { expect } from 'chai';

import { foreseenCapabilities, openCapabilities } from '../../src/session/capabilities.ts';
import type { Facts } from '../../src/session/probe.ts';
import type { Testbed, Traits } from '../../src/regime.ts';
import { localPlace } from '../../src/place/local.ts';

const FACTS: Facts = { uid: 0, normalUser: 'joe', environment: [], scratch: '/tmp/s' };

function wordsOf(
  {
    traits = {},
    facts = {},
    reboots = false,
  }: {
    traits?: Partial<Traits>;
    facts?: Partial<Facts>;
    reboots?: boolean;
  },
  reverts?: 'packages' | 'everything',
  vouched: string[] = [],
): string[] {
  const testbed: Testbed = {
    place: localPlace,
    traits: { isolation: 'none', ephemeral: true, ...traits },
    close: () => Promise.resolve(),
    ...(reboots && { reboot: () => Promise.resolve() }),
  };
  const found = openCapabilities(testbed, { ...FACTS, ...facts }, reverts, vouched);
  return found.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));
}

/** Without those that every testbed has. */
const own = (words: string[]) => words.filter((word) => word !== 'execute-debug');

describe('capabilities', () => {
  it('of an ephemeral testbed with root and a user are all that it takes to revert', () => {
    expect(own(wordsOf({}, 'everything'))).to.deep.equal([
      'revert',
      'revert-full-system',
      'root-on-testbed',
      'suggested-normal-user=joe',
    ]);
  });

  it('leave out revert-full-system where only packages go back, or root finds no user', () => {
    expect(wordsOf({}, 'packages')).to.not.include('revert-full-system');
    const { normalUser: _, ...rest } = FACTS;
    const without = openCapabilities(
      {
        place: { ...localPlace, isHost: false },
        traits: { isolation: 'none', ephemeral: true },
        close: () => Promise.resolve(),
      },
      rest,
      'everything',
      [],
    ).map(({ name }) => name);
    expect(without).to.include('revert').and.not.include('revert-full-system');
  });

  it('keep revert-full-system where there is no root that would make a user', () => {
    const words = wordsOf({ facts: { uid: 1000 } }, 'everything');
    expect(words).to.include('revert-full-system').and.not.include('root-on-testbed');
  });

  it('leave out root where it can not do what root does', () => {
    expect(wordsOf({ traits: { limitedRoot: 'one id' } })).to.not.include('root-on-testbed');
  });

  it('name the isolation, and reboot where there is a method for it', () => {
    const words = wordsOf({ traits: { isolation: 'machine' }, reboots: true });
    expect(words).to.include.members(['isolation-machine', 'reboot']);
  });

  it('never have downtmp-host and an isolation together', () => {
    const facts = { scratchOnHost: '/srv/s' };
    expect(wordsOf({ facts })).to.include('downtmp-host=/srv/s');
    for (const vouched of ['isolation-machine', 'isolation-container']) {
      const words = wordsOf({ facts }, undefined, [vouched]);
      expect(words.join(' ')).to.include(vouched).and.to.not.include('downtmp-host');
    }
  });

  it('take what is vouched for, but no command that there is not', () => {
    const words = wordsOf({}, undefined, [
      'revert',
      'reboot',
      'some-word',
      'name=value',
      'some-word',
    ]);
    expect(words.filter((word) => /^re|^some|^name/.test(word))).to.deep.equal([
      'some-word',
      'name=value',
    ]);
    expect(wordsOf({}, 'packages', ['revert-full-system'])).to.include('revert-full-system');
  });

  it('before open are what the regimes foresee', () => {
    const names = (words: { name: string }[]) => own(words.map(({ name }) => name));
    expect(names(foreseenCapabilities({}, []))).to.deep.equal([]);
    const all = foreseenCapabilities({ root: true, reverts: 'everything', reboot: true }, []);
    expect(names(all)).to.have.members([
      'revert',
      'revert-full-system',
      'reboot',
      'root-on-testbed',
    ]);
    expect(names(foreseenCapabilities({ reverts: 'packages' }, ['x']))).to.deep.equal([
      'revert',
      'x',
    ]);
  });

  it('hold what whoever made the testbed vouches for, as far as there is a way to do it', () => {
    const vouched = ['isolation-machine', 'reboot', 'suggested-normal-user=ann'];
    const words = wordsOf({ traits: { vouched } }, 'packages');
    expect(words).to.include.members(['isolation-machine', 'suggested-normal-user=ann']);
    expect(words).to.not.include('reboot');
  });
});
