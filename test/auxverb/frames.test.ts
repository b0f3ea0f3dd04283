import { expect } from 'chai';

import { frameHead, frameReader, type FrameKind } from '../../src/auxverb/frames.ts';

function frame(kind: FrameKind, text: string): Buffer {
  return Buffer.concat([frameHead(kind, text.length), Buffer.from(text)]);
}

/** What a reader takes of some bytes that come in chunks of a size: input joined, the rest frame by frame. */
function taken(bytes: Buffer, size: number): string[] {
  const words: string[] = [];
  const read = frameReader((kind, data) => {
    const last = words.at(-1);
    if (kind === 'i' && last?.startsWith('i ')) words[words.length - 1] = last + data.toString();
    else words.push(`${kind} ${data.toString()}`);
  });
  for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
  return words;
}

describe('The frames between an auxverb and its server', () => {
  it('are told apart whatever pieces they come in', () => {
    const frames = [frame('a', 'x\0y\0'), frame('i', 'some input'), frame('w', '24\x0080\0')];
    const bytes = Buffer.concat([...frames, frame('i', ''), frame('i', 'more'), frame('e', '')]);
    for (let size = 1; size <= bytes.length; size++) {
      const all = ['a x\0y\0', 'i some input', 'w 24\x0080\0', 'i more', 'e '];
      expect(taken(bytes, size), `chunks of ${size}`).to.deep.equal(all);
    }
  });

  it('hand input on before all of it has come', () => {
    const bytes = frame('i', 'long input').subarray(0, 9);
    expect(taken(bytes, 9)).to.deep.equal(['i long']);
  });

  it('may not be longer than an argv can be', () => {
    const read = frameReader(() => {});
    expect(() => read(frameHead('a', 1 << 30))).to.throw('too long');
  });
});
