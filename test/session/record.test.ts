import { expect } from 'chai';
import fc from 'fast-check';

import { ownerRuns, thisOwner } from '../../src/session/owner.ts';
import {
  decodeRecord,
  encodeRecord,
  newRecord,
  RecordError,
  type SessionRecord,
} from '../../src/session/record.ts';

const entry = { regime: 'chroot', settings: { dir: '/srv/\xff\n' }, state: { upper: '/u' } };

function changed(change: (fields: Record<string, unknown>) => void): Buffer {
  const fields = structuredClone(newRecord('abcdefgh', [entry])) as unknown as Record<
    string,
    unknown
  >;
  change(fields);
  return Buffer.from(JSON.stringify(fields));
}

function kindOf(bytes: Buffer): string {
  try {
    decodeRecord(bytes);
    return 'accepted';
  } catch (thrown) {
    if (thrown instanceof RecordError) return thrown.kind;
    throw thrown;
  }
}

describe('the record of a session', () => {
  it('comes back as it was written, with the time of writing', () => {
    const record: SessionRecord = {
      ...newRecord('abcdefgh', [entry, { regime: 'null', settings: null, state: null }]),
      phase: 'open',
    };
    const now = new Date('2031-02-03T04:05:06Z');
    expect(decodeRecord(encodeRecord(record, now))).to.deep.equal({
      ...record,
      changed: now.toISOString(),
    });
  });

  it('carries every byte of a path', () => {
    const path = fc
      .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 60 })
      .map((bytes) => `/${String.fromCharCode(...bytes)}`);
    fc.assert(
      fc.property(path, path, path, (destination, fresh, aside) => {
        const replacement = { on: 'host' as const, destination, fresh, aside };
        const record = { ...newRecord('abcdefgh', [entry]), replacement };
        expect(decodeRecord(encodeRecord(record)).replacement).to.deep.equal(replacement);
      }),
    );
  });

  it('names this process, which runs', () => {
    const { owner } = newRecord('abcdefgh', [entry]);
    expect(owner).to.deep.equal(thisOwner());
    expect(owner.pid).to.equal(process.pid);
    expect(owner.started).to.be.greaterThan(0);
    expect(ownerRuns(owner)).to.equal(true);
  });

  it('does not take a later process of the same pid, another boot or another machine for it', () => {
    const owner = thisOwner();
    expect(ownerRuns({ ...owner, started: owner.started - 1 })).to.equal(false);
    expect(ownerRuns({ ...owner, boot: 'another' })).to.equal(false);
    expect(ownerRuns({ ...owner, machine: 'another' })).to.equal(false);
    expect(ownerRuns({ ...owner, pid: 2 ** 30 })).to.equal(false);
  });

  it('of a newer version is told from a damaged one', () => {
    expect(kindOf(changed((fields) => (fields['version'] = 2)))).to.equal('newer');
    expect(kindOf(Buffer.from('{"version":99}'))).to.equal('newer');
    expect(kindOf(changed((fields) => (fields['version'] = '2')))).to.equal('damaged');
  });

  it('may have fields that this program does not know', () => {
    expect(kindOf(changed((fields) => (fields['lease'] = 300)))).to.equal('accepted');
  });

  for (const [what, change] of Object.entries<(fields: Record<string, unknown>) => void>({
    'no version': (fields) => delete fields['version'],
    'version 0': (fields) => (fields['version'] = 0),
    'no id': (fields) => delete fields['id'],
    'an unknown phase': (fields) => (fields['phase'] = 'ajar'),
    'no regimes': (fields) => (fields['regimes'] = []),
    'regimes that are no list': (fields) => (fields['regimes'] = { 0: entry }),
    'a regime without a state': (fields) => (fields['regimes'] = [{ regime: 'x', settings: 1 }]),
    'a regime that is null': (fields) => (fields['regimes'] = [null]),
    'no owner': (fields) => delete fields['owner'],
    'an owner with pid 0': (fields) => (fields['owner'] = { ...thisOwner(), pid: 0 }),
    'an owner without machine': (fields) => (fields['owner'] = { ...thisOwner(), machine: '' }),
    'a time that is none': (fields) => (fields['created'] = 'yesterday'),
    'a replacement by a relative path': (fields) =>
      (fields['replacement'] = { on: 'host', destination: '/a', fresh: 'b', aside: '/c' }),
    'a replacement of /': (fields) =>
      (fields['replacement'] = { on: 'host', destination: '/', fresh: '/b', aside: '/c' }),
    'a replacement by a path that is not bytes': (fields) =>
      (fields['replacement'] = { on: 'host', destination: '/a', fresh: '/\u0100', aside: '/c' }),
    'a replacement nowhere': (fields) =>
      (fields['replacement'] = { on: 'moon', destination: '/a', fresh: '/b', aside: '/c' }),
  })) {
    it(`with ${what} is damaged`, () => {
      expect(kindOf(changed(change))).to.equal('damaged');
    });
  }

  it('that was cut or overwritten is damaged, whatever was left', () => {
    const whole = encodeRecord(newRecord('abcdefgh', [entry]));
    fc.assert(
      fc.property(fc.nat(whole.length - 3), (length) => {
        expect(kindOf(whole.subarray(0, length))).to.equal('damaged');
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(kindOf(Buffer.from(JSON.stringify(value)))).to.be.oneOf(['damaged', 'newer']);
      }),
    );
  });
});
