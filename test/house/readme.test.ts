import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { projectRoot, serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';

interface Example {
  /** Words of the fence after `sh run`: as `root`. */
  words: string[];
  script: string;
}

describe('the examples of README.md', () => {
  let directory: string;
  before(function () {
    this.timeout(60_000);
    directory = fileTempDir();
    mkdirSync(join(directory, 'bin'));
    symlinkSync(serverPath(), join(directory, 'bin/regime'));
  });

  for (const { words, script } of readExamples()) {
    it(`can be run: ${script}`, function () {
      this.timeout(180_000);
      if (words.includes('root') && process.getuid?.() !== 0) skip(this, 'it needs root');
      const { status, stderr } = spawnSync('sh', ['-ec', script], {
        cwd: directory,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}` },
      });
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
