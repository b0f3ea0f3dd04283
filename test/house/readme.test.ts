import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { exampleDirectory, runExample, type Example } from '../support/examples.ts';
import { projectRoot } from '../support/server.ts';

describe('the examples of README.md', () => {
  let directory: string;
  before(function () {
    this.timeout(60_000);
    directory = exampleDirectory();
  });

  for (const example of readExamples()) {
    it(`can be run: ${example.script}`, function () {
      this.timeout(180_000);
      const { status, stderr } = runExample(this, directory, example);
      expect({ status, stderr: status === 0 ? '' : stderr }).to.deep.equal({
        status: 0,
        stderr: '',
      });
    });
  }

  it('name npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = ['README.md', 'CONTRIBUTING.md'].flatMap((file) =>
      [...readFileSync(join(projectRoot, file), 'utf8').matchAll(/npm run ([\w:]+)/g)].map(
        (m) => m[1],
      ),
    );
    expect(named).to.include('demo');
    expect(named.filter((name) => !name || !(name in scripts))).to.deep.equal([]);
  });
});

/** The fences whose info string begins with `sh run`. */
function readExamples(): Example[] {
  const text = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  return [...text.matchAll(/^```sh run(.*)\n([^]*?)^```$/gm)].map(
    ([, words = '', script = '']) => ({
      words: words.trim().split(' '),
      script: script.trim(),
    }),
  );
}
