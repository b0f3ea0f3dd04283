import { expect } from 'chai';

import { localPlace } from '../../src/place/local.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';

describe('a Place behind an auxverb', () => {
  const place = prefixedPlace('a deeper place', ['env', 'A=1'], localPlace);
  const deeper = prefixedPlace('deeper still', ['env', 'B=2'], place);

  it('runs commands with the auxverb before them', async () => {
    const outcome = await place.run(['sh', '-c', 'echo $A']);
    expect(outcome.stdout).to.equal('1\n');
    expect(place.isHost).to.equal(false);
    expect(place.label).to.equal('a deeper place');
  });

  it('hands callers the whole way from the host', async () => {
    expect(deeper.prefix).to.deep.equal(['env', 'A=1', 'env', 'B=2']);
    expect((await deeper.run(['sh', '-c', 'echo $A $B'])).stdout).to.equal('1 2\n');
    const running = deeper.spawn(['sh', '-c', 'exit $B'], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    expect(await running.ended).to.deep.equal({ status: 2 });
  });
});
