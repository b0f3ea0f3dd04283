import { Duplex } from 'node:stream';

import { expect } from 'chai';

import { gatherWrites } from '../src/gather.ts';

describe('Writes to a stream that gathers them', () => {
  it('go as one where they come in one turn of the event loop, and at once after it', async () => {
    const calls: string[][] = [];
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        calls.push([chunk.toString()]);
        done();
      },
      writev(chunks, done) {
        calls.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()));
        done();
      },
    });
    gatherWrites(stream);
    for (const text of ['length', 'data', 'tag']) stream.write(text);
    expect(calls).to.deep.equal([]);
    await Promise.resolve();
    expect(calls).to.deep.equal([['length', 'data', 'tag']]);
    stream.write('next');
    stream.end('last');
    await new Promise((resolve) => stream.once('finish', resolve));
    expect(calls.slice(1).flat()).to.deep.equal(['next', 'last']);
  });
});
