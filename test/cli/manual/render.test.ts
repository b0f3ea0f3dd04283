import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { listManual } from '../../../src/cli/manual/find-page.ts';
import { renderPage } from '../../../src/cli/manual/render.ts';
import { skip } from '../../support/skip.ts';

const BACKSPACE = String.fromCharCode(8);

describe('the manual without man(1)', () => {
  before(function () {
    if (spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error) skip(this, 'there is no mandoc');
  });

  for (const { name, path } of listManual()) {
    it(`shows the words of ${name} as mandoc does`, () => {
      const ours = renderPage(readFileSync(path, 'utf8'), 100_000);
      const theirs = wordsOf(renderByMandoc(path));
      expect(wordsOf(ours).join('\n')).to.equal(theirs.join('\n'));
    });

    it(`fits ${name} into 79 columns`, () => {
      const lines = renderPage(readFileSync(path, 'utf8'), 79).split('\n');
      // A display, as of a command, is never folded.
      const wide = lines.filter((line) => line.length > 79 && !line.startsWith(' '.repeat(11)));
      expect(wide).to.deep.equal([]);
    });
  }
});

/** The page without its header and footer, nor what stands for bold, and without folded lines. */
function renderByMandoc(path: string): string {
  const args = ['-T', 'ascii', '-O', 'width=1000', path];
  const { stdout } = spawnSync('mandoc', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return stdout
    .replace(new RegExp(`.${BACKSPACE}`, 'g'), '')
    .trim()
    .split('\n')
    .slice(1, -1)
    .join('\n');
}

function wordsOf(text: string): string[] {
  // mandoc makes a bullet of two characters, one over the other, and quotes with a grave accent.
  return text
    .replaceAll('`', "'")
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '*' && word !== 'o');
}
