import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { listManual } from '../../src/cli/manual/find-page.ts';
import { unescape } from '../../src/cli/manual/macro-words.ts';
import { exampleDirectory, runExample, type Example } from '../support/examples.ts';

/** A comment line, then a display, or commands one a line. */
const MARKED =
  /^\.\\" (runnable|file)(.*)\n(?:\.Bd .*\n(?<display>[^]*?)^\.Ed$|(?<lines>(?:\.Dl .*\n)+))/gm;

describe('the examples of the manual', () => {
  let directory: string;
  before(function () {
    this.timeout(60_000);
    directory = exampleDirectory();
  });

  for (const { name, path } of listManual()) {
    const { examples, files } = readExamples(readFileSync(path, 'utf8'));
    for (const example of examples) {
      it(`in ${name} can be run: ${example.script.split('\n')[0] ?? ''}`, function () {
        this.timeout(180_000);
        for (const [file, text] of files) writeFileSync(join(directory, file), text);
        const { status, stdout, stderr } = runExample(this, directory, example);
        expect(status, stdout + stderr).to.equal(0);
      });
    }
  }
});

/** What is marked `runnable WORD…` in a comment before it, and what is marked `file NAME`. */
function readExamples(page: string) {
  const examples: Example[] = [];
  const files = new Map<string, string>();
  for (const [, mark, rest = '', display, lines = ''] of page.matchAll(MARKED)) {
    const text = unescape(display ?? lines.replace(/^\.Dl /gm, ''));
    const words = rest.trim().split(' ');
    if (mark === 'file') files.set(rest.trim(), text);
    else examples.push(words.includes('node') ? { words, script: text } : fromPrompts(words, text));
  }
  return { examples, files };
}

/** The commands of a dialogue; the prompt of root says that they need root. */
function fromPrompts(words: string[], text: string): Example {
  const commands = [...text.matchAll(/^([$#]) (.*)$/gm)];
  const root = commands.some(([, prompt]) => prompt === '#');
  return {
    words: root ? [...words, 'root'] : words,
    script: commands.map(([, , command]) => command).join('\n'),
  };
}
