import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { expandArgumentFiles } from '../../src/cli/arguments-file.ts';
import { UsageError } from '../../src/errors.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';

const PYTHON = '/usr/bin/python3';

describe('an argument file', () => {
  let directory: string;
  beforeEach(() => {
    directory = tempDir();
  });

  it('stands for its lines, as they are', () => {
    const word = file('lines', '--setup\necho a  b \n\n "x"\n\xff\n');
    expect(expandArgumentFiles(['null', word, 'end'])).to.deep.equal([
      'null',
      '--setup',
      'echo a  b ',
      '',
      ' "x"',
      '\xff',
      'end',
    ]);
  });

  it('may lack its last newline, have other line ends, or be empty', () => {
    expect(expandArgumentFiles([file('last', 'a\nb')])).to.deep.equal(['a', 'b']);
    expect(expandArgumentFiles([file('crlf', 'a\r\nb\rc\r\n')])).to.deep.equal(['a', 'b', 'c']);
    expect(expandArgumentFiles([file('empty', '')])).to.deep.equal([]);
  });

  it('may name further files', () => {
    const inner = file('inner', 'b\nc\n');
    expect(expandArgumentFiles([file('outer', `a\n${inner}\nd\n`)])).to.deep.equal([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  it('is no file after --', () => {
    const word = file('lines', 'a\n');
    expect(expandArgumentFiles([word, '--', word])).to.deep.equal(['a', '--', word]);
  });

  it('may have a name that is no UTF-8', () => {
    // Node can't pass such a word, nor does it hand it out undamaged.
    const script = `cd "$1" && name=$(printf 'f\\377') && echo --version >"$name" && exec "$2" "$3" "@$name"`;
    const argv = ['-c', script, 'sh', directory, ...serverArgv()];
    const { stdout, stderr } = spawnSync('sh', argv, { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^regime [0-9]/);
  });

  it('that is missing is refused by its name', () => {
    expect(() => expandArgumentFiles(['@/nowhere/x'])).to.throw(UsageError, '/nowhere/x');
    expect(() => expandArgumentFiles(['@'])).to.throw(UsageError);
  });

  it('that names itself is refused', () => {
    const path = join(directory, 'loop');
    writeFileSync(path, `a\n@${path}\n`);
    expect(() => expandArgumentFiles([`@${path}`])).to.throw(UsageError, 'name each other');
  });

  it('is read as the incumbents read it', function () {
    if (!existsSync(PYTHON)) skip(this, `there is no ${PYTHON}`);
    const inner = file('inner', '  deep \n\n');
    const words = [
      'x',
      file('outer', `--pull\n\n a b \n\t\n${inner}\n@@no`.replace('@@', '')),
      'y',
    ];
    const program = `import argparse, json, sys
p = argparse.ArgumentParser(fromfile_prefix_chars='@')
print(json.dumps(p._read_args_from_files(sys.argv[1:])))`;
    const { stdout } = spawnSync(PYTHON, ['-c', program, ...words], { encoding: 'utf8' });
    expect(expandArgumentFiles(words)).to.deep.equal(JSON.parse(stdout));
  });

  function file(name: string, content: string): string {
    const path = join(directory, name);
    writeFileSync(path, content, 'latin1');
    return `@${path}`;
  }
});
