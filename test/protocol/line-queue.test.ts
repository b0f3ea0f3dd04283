import { expect } from 'chai';

import { queueLines } from '../../src/protocol/line-queue.ts';
import { lineSource } from './support.ts';

describe('the queue of lines', () => {
  it('hands out the lines in order, then undefined for good', async () => {
    const source = lineSource();
    const queue = queueLines(source.lines);
    source.send('a', '', 'b');
    source.end();
    expect(await queue.next()).to.equal('a');
    expect(await queue.next()).to.equal('');
    expect(await queue.next()).to.equal('b');
    expect(await queue.next()).to.equal(undefined);
    expect(await queue.next()).to.equal(undefined);
  });

  it('waits for a line that has not come yet', async () => {
    const source = lineSource();
    const queue = queueLines(source.lines);
    const next = queue.next();
    source.send('late');
    expect(await next).to.equal('late');
  });

  it('says that the input is exhausted while nobody asks for a line', async () => {
    const source = lineSource();
    const queue = queueLines(source.lines);
    source.send('open');
    await queue.next();
    expect(queue.exhausted.aborted).to.equal(false);
    const heard = new Promise((resolve) => queue.exhausted.addEventListener('abort', resolve));
    source.end();
    await heard;
    expect((queue.exhausted.reason as Error).name).to.equal('InputEnded');
  });

  it('is not exhausted while something is queued behind the line that is worked off', async () => {
    const source = lineSource();
    const queue = queueLines(source.lines);
    source.send('open', 'close');
    source.end();
    await queue.next();
    await source.drained;
    expect(queue.exhausted.aborted).to.equal(false);
    await queue.next();
    expect(queue.exhausted.aborted).to.equal(true);
  });

  it('gives the lines before a failure of the input, then the failure', async () => {
    const source = lineSource();
    const queue = queueLines(source.lines);
    source.send('a', 'b');
    source.fail(new Error('too long'));
    expect(await queue.next()).to.equal('a');
    expect(await queue.next()).to.equal('b');
    const failure = await queue.next().then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(String(failure)).to.equal('Error: too long');
  });

  it('reads no more than some hundred lines ahead', async () => {
    let read = 0;
    let ended = false;
    async function* endless() {
      try {
        for (;;) {
          await Promise.resolve();
          yield String(read++);
        }
      } finally {
        ended = true;
      }
    }
    const queue = queueLines(endless());
    await new Promise((resolve) => setTimeout(resolve, 20));
    const ahead = read;
    expect(ahead).to.be.lessThan(300);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(read, 'it stands still').to.equal(ahead);
    for (let number = 0; number < 1000; number++) expect(await queue.next()).to.equal(`${number}`);
    expect(ended).to.equal(false);
  });
});
