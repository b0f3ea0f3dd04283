import { expect } from 'chai';

import { didYouMean } from '../../src/cli/closest.ts';
import { shellHint, withHint } from '../../src/cli/hints.ts';

describe('a hint', () => {
  it('is given for a command that is written as for a shell', () => {
    for (const line of [
      '!ls | wc',
      '! ls >/tmp/x',
      '!a; b',
      '!a && b',
      '!ls *',
      '!echo $HOME',
      '!a 2>&1',
    ])
      expect(shellHint(line), line).to.contain(`!sh -c '${line.slice(1).trim()}'`);
    expect(shellHint(`!echo 'a' | wc`)).to.match(/!sh -c 'echo '\\''a'\\'' \| wc'$/);
  });

  it('is not given where such letters are quoted, or part of a word', () => {
    for (const line of [
      "!sh -c 'ls | wc'",
      '!echo "a > $b"',
      '!find . -exec ls {} \\;',
      '!curl http://a/?b=c&d=e',
      '!true',
      'copyup a>b c',
    ])
      expect(shellHint(line), line).to.equal(undefined);
  });

  it('names what was meant: the word of ours, one of the testbed, or how it is written', () => {
    expect(withHint('unknown command exit')).to.contain('did you mean quit?');
    expect(withHint('unknown command cd')).to.contain('shell takes one');
    expect(withHint('unknown command top')).to.contain('!top runs it in the testbed');
    expect(withHint('wrong number of arguments for revert: 1')).to.match(/; it is written revert$/);
    expect(withHint('copy-failed: cannot copy a to b: b is a directory')).to.match(
      /as DIR\/ to DIR\/$/,
    );
    expect(withHint('something else')).to.equal('something else');
  });

  it('names all words that are as near', () => {
    expect(didYouMean('docter', ['docker', 'doctor', 'run'])).to.equal(
      '; did you mean docker or doctor?',
    );
    expect(didYouMean('OPEN', ['open', 'close'])).to.equal('; did you mean open?');
    expect(didYouMean('xyz', ['docker'])).to.equal('');
  });
});
