import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { PROGRAMS, SOURCES } from '../../src/place/stand-in/programs.ts';
import { standInProgram } from '../../src/place/stand-in/stand-in.ts';
import { projectRoot } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';

const MACHINES: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

describe('The program that stands in for a shell', () => {
  it('was built from the sources that lie beside it', () => {
    const hash = createHash('sha256');
    for (const name of ['system.h', 'tools.h', 'copies.h', 'session.h', 'stand-in.c']) {
      hash.update(readFileSync(`${projectRoot}/src/place/stand-in/${name}`));
    }
    expect(hash.digest('hex'), 'run node scripts/programs.mjs').to.equal(SOURCES);
  });

  it('is a small static program for each machine', () => {
    for (const machine of Object.keys(PROGRAMS)) {
      const program = standInProgram(machine);
      expect(program?.subarray(0, 4).toString('latin1')).to.equal('\x7fELF');
      expect(program?.length).to.be.below(16_384);
    }
    expect(standInProgram('pdp11')).to.equal(undefined);
  });

  it('runs programs and scripts with the statuses of a shell', function () {
    const program = standInProgram(MACHINES[process.arch] ?? '');
    if (!program) skip(this, `there is no such program for ${process.arch}`);
    const here = tempDir();
    const path = `${here}/stand-in`;
    writeFileSync(path, program, { mode: 0o755 });
    const run = (words: string[], input = '') => {
      const { status, stdout, stderr } = spawnSync(path, words, { input, encoding: 'latin1' });
      return [status, stdout, stderr];
    };
    const search = `PATH=/nowhere:${here}:/usr/bin:/bin`;
    expect(run(['run', search, 'A=b', '--', 'env'])).to.deep.equal([0, `${search}\nA=b\n`, '']);
    expect(run(['decode', 'run', search, '--', 'printf', '%s', '\\0377\\0012'])[1]).to.equal(
      '\xff\n',
    );
    expect(run(['run', search, '--', 'none'])[0]).to.equal(127);
    expect(run(['run', search, '--', here])[0]).to.equal(126);
    expect(run(['copy-file-down', 'dense', 'x', `${here}/new`], 'data')).to.deep.equal([0, '', '']);
    expect(statSync(`${here}/new`).mode & 0o777).to.equal(0o755);
    expect(run(['copy-file-up', `${here}/new`, 'small'])).to.deep.equal([0, 'small\ndata', '']);
    expect(run(['copy-file-up', `${here}/none`, 'small'])).to.deep.equal([
      90,
      '',
      `there is no file ${here}/none\n`,
    ]);
    expect(run(['copy-directory-up', here])[0]).to.equal(96);
    expect(run(['frobnicate'])[0]).to.equal(127);
  });
});
