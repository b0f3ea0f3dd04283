import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import { titleOf } from '../../src/conform/case.ts';
import { suite } from '../../src/conform/suite.ts';
import { projectRoot } from '../support/server.ts';
import { skip } from '../support/skip.ts';

const page = `${projectRoot}/man/regime-protocol.7`;
const rules = [...readFileSync(page, 'utf8').matchAll(/^\.It Sy ([A-Z]+-[0-9]+)$/gm)].map(
  (match) => match[1],
);

describe('regime-protocol(7)', () => {
  it('names each rule once', () => {
    expect(new Set(rules).size).to.equal(rules.length);
    expect(rules).to.have.length.above(80);
  });

  it('has every rule that a case of the conformance suite cites', () => {
    expect(rules).to.include.members([...new Set(suite.map((one) => one.rule))]);
  });

  it('has cases with different titles', () => {
    expect(new Set(suite.map(titleOf)).size).to.equal(suite.length);
  });

  it('passes mandoc -T lint', function () {
    if (!existsSync('/usr/bin/mandoc')) skip(this, 'mandoc is not installed');
    const { status, stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page]);
    expect(stdout.toString()).to.equal('');
    expect(status).to.equal(0);
  });
});
