import { readFileSync, statSync } from 'node:fs';

import { expect } from 'chai';

import { readHistory } from '../../../src/cli/terminal/history.ts';
import { tempDir } from '../../support/tempdir.ts';

describe('the history of the terminal', () => {
  it('is for its owner, keeps what others typed meanwhile, and no secrets', () => {
    const path = `${tempDir()}/regime/history`;
    const [first, second] = [readHistory(path), readHistory(path)];
    first.lines.unshift('open');
    second.lines.unshift('close', '!curl --password hunter2 x', '!env A_TOKEN=hunter2', ' hidden');
    first.save();
    second.save();
    expect(readFileSync(path, 'utf8')).to.equal('open\nclose\n');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(readHistory(path).lines).to.deep.equal(['close', 'open']);
  });
});
