import { expect } from 'chai';

import { keepStandby } from '../../../regimes/docker/standby.ts';

describe('What stands by', () => {
  it('is made again after a failure, of which who wants one is told once', async () => {
    const warnings: string[] = [];
    const log = { warn: (text: string) => void warnings.push(text), debug: () => {} };
    let made = 0;
    const failing = [true, true, false];
    const make = () =>
      failing[made++] ? Promise.reject(new Error('the image has gone')) : Promise.resolve(made);
    const standby = keepStandby(1, make, log);
    const next = () => {
      standby.fill();
      return standby.take();
    };
    expect(await next()).to.equal(undefined);
    expect(await next()).to.equal(undefined);
    expect(await next()).to.equal(3);
    expect(warnings).to.deep.equal(['no container could be made ahead: the image has gone']);
  });

  it('says nothing of what fails while nobody wants it any more', async () => {
    const warnings: string[] = [];
    const log = { warn: (text: string) => void warnings.push(text), debug: () => {} };
    const standby = keepStandby(1, () => Promise.reject(new Error('stopped')), log);
    standby.fill();
    expect(await standby.drain()).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
  });
});
