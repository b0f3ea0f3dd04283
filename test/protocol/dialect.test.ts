import { expect } from 'chai';

import { dialectState, type Dialect } from '../../src/protocol/dialect.ts';
import { converse } from './support.ts';

/** How the copies of a conversation were to meet what is there. */
async function meetings(lines: string[], dialect?: Dialect): Promise<unknown[]> {
  const { session } = await converse(['open', ...lines, 'quit'], dialect ? { dialect } : {});
  const copies = session.calls.filter(([name]) => /^copy/.test(String(name)));
  return copies.map(([, words]) => (words as { existing: string }).existing);
}

describe('the dialect', () => {
  it('is classic until a word of one generation is heard', () => {
    const state = dialectState();
    expect(state.spoken).to.equal('classic');
    state.hear('open');
    state.hear('copydown');
    expect(state.spoken).to.equal('classic');
    state.hear('print-execute-command');
    expect(state.spoken).to.equal('current');
  });

  it('is settled by the first such word, and stays', () => {
    for (const word of ['execute', 'print-auxverb-command', 'print-shstring-command']) {
      const state = dialectState();
      state.hear(word);
      state.hear('print-execute-command');
      expect(state.spoken).to.equal('classic');
    }
  });

  it('that is given is not moved by any word', () => {
    const state = dialectState('classic');
    state.hear('print-execute-command');
    expect(state.spoken).to.equal('classic');
  });

  it('classic replaces a directory, current merges into it, in both directions', async () => {
    const copies = ['copydown /a/ /b/', 'copyup /a/ /b/'];
    expect(await meetings(copies)).to.deep.equal(['replace', 'replace']);
    expect(await meetings(['print_execute_command', ...copies])).to.deep.equal(['merge', 'merge']);
    expect(await meetings(['print-auxverb-command', ...copies])).to.deep.equal([
      'replace',
      'replace',
    ]);
    expect(await meetings(copies, 'current')).to.deep.equal(['merge', 'merge']);
    expect(await meetings(['print-execute-command', ...copies], 'classic')).to.deep.equal([
      'replace',
      'replace',
    ]);
  });

  it('changes in the middle of a session that has copied before it settled', async () => {
    const lines = ['copydown /a/ /b/', 'print-execute-command', 'copydown /a/ /b/'];
    expect(await meetings(lines)).to.deep.equal(['replace', 'merge']);
  });
});
