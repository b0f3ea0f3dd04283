import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { listManual } from '../../src/cli/manual/find-page.ts';
import { unescape } from '../../src/cli/manual/macro-words.ts';
import {
  makeExampleRoom,
  needsNeighbours,
  runExample,
  startNeighbours,
  type Example,
  type ExampleRoom,
} from '../support/examples.ts';
import { projectRoot } from '../support/server.ts';

/** A comment line, then a display, or commands one a line. */
const MARKED =
  /^\.\\" (runnable|file)(.*)\n(?:\.Bd .*\n(?<display>[^]*?)^\.Ed$|(?<lines>(?:\.Dl .*\n)+))/gm;

/** The examples of one document, and the files that they use. */
interface Examples {
  name: string;
  examples: Example[];
  files: Map<string, string>;
}

const documents = [
  readReadme(),
  ...listManual().map(({ name, path }) => readPage(name, readFileSync(path, 'utf8'))),
];

describe('the examples of the documents', function () {
  this.timeout(180_000);
  let room: ExampleRoom;
  before(() => {
    room = makeExampleRoom();
  });

  describe('that need this machine only', () => {
    testThose(
      (example) => !needsNeighbours(example),
      () => room,
    );
  });

  describe('that need an engine or a machine behind ssh', () => {
    let all: ExampleRoom;
    before(async function () {
      all = await startNeighbours(this, room);
    });
    testThose(needsNeighbours, () => all);
  });
});

function testThose(wanted: (example: Example) => boolean, room: () => ExampleRoom): void {
  for (const { name, examples, files } of documents) {
    for (const example of examples.filter(wanted)) {
      it(`can be run, in ${name}: ${example.script.split('\n')[0] ?? ''}`, function () {
        const { directory } = room();
        for (const [file, text] of files) writeFileSync(join(directory, file), text);
        const { status, stdout, stderr } = runExample(this, room(), example);
        expect(status, stdout + stderr).to.equal(0);
      });
    }
  }
}

/** The fences whose info string begins with `sh run`. */
function readReadme(): Examples {
  const text = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  const fences = [...text.matchAll(/^```(?:sh|js) run(.*)\n([^]*?)^```$/gm)];
  const examples = fences.map(([, words = '', script = '']) => ({
    words: words.trim().split(' '),
    script: script.trim(),
  }));
  return { name: 'README.md', examples, files: new Map() };
}

/** What is marked `runnable WORD…` in a comment before it, and what is marked `file NAME`. */
function readPage(name: string, page: string): Examples {
  const examples: Example[] = [];
  const files = new Map<string, string>();
  for (const [, mark, rest = '', display, lines = ''] of page.matchAll(MARKED)) {
    const text = unescape(display ?? lines.replace(/^\.Dl /gm, ''));
    const words = rest.trim().split(' ');
    if (mark === 'file') files.set(rest.trim(), text);
    else examples.push(words.includes('node') ? { words, script: text } : fromPrompts(words, text));
  }
  return { name, examples, files };
}

/** The commands of a dialogue; the prompt of root says that they need root. */
function fromPrompts(words: string[], text: string): Example {
  // A line that begins with > goes on with the one before.
  const commands = [...text.matchAll(/^([$#>]) (.*)$/gm)];
  const root = commands.some(([, prompt]) => prompt === '#');
  return {
    words: root ? [...words, 'root'] : words,
    script: commands.map(([, , command]) => command).join('\n'),
  };
}
