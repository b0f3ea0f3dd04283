import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { failures, runConform, type Conformance } from './run-conform.ts';

const program = fileURLToPath(new URL('./bad-server.pl', import.meta.url));

function conformWith(fault: string, ...only: string[]): Promise<Conformance> {
  const words = only.flatMap((title) => ['--only', title]);
  return runConform([...words, '--', 'perl', program, fault]);
}

/** Process ids of the bad servers that still run. */
function leftRunning(): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(program);
    } catch {
      return false;
    }
  });
}

const DEBUG = 'DEBUG-1: auxverb_debug_fail gets ok in any state';
const PIECES = 'TRANSPORT-3: a command that arrives in pieces gets one reply';

describe('the conformance suite against servers with a fault', function () {
  this.timeout(120_000);

  afterEach(() => expect(leftRunning()).to.deep.equal([]));

  it('passes a case that the server keeps', async () => {
    const conformance = await conformWith('', PIECES);
    expect(conformance.results).to.deep.include({ title: PIECES, passed: true, diagnostics: '' });
    expect(conformance.status).to.equal(0);
  });

  it('sees a second line for one command', async () => {
    const conformance = await conformWith('strays', PIECES);
    expect(failures(conformance)).to.deep.equal([PIECES]);
    expect(conformance.results[0]?.diagnostics).to.include('a stray line');
    expect(conformance.status).to.equal(1);
  });

  it('sees bytes without a newline', async () => {
    expect(failures(await conformWith('dangles', PIECES))).to.deep.equal([PIECES]);
  });

  it('bails out where the first line is not ok', async () => {
    const { output, status } = await conformWith('greets', DEBUG);
    expect(output).to.match(/^Bail out! .*first line is hello/m);
    expect(status).to.equal(1);
  });

  it('bails out where the server never says ok, and kills it', async () => {
    const { output, status } = await conformWith('silent', DEBUG);
    expect(output).to.match(/^Bail out! .*no reply within/m);
    expect(status).to.equal(1);
  });

  it('kills a server that ignores quit, the end of its input and SIGTERM', async () => {
    const title = 'END-4: the end of the input while closed gives 0';
    expect(failures(await conformWith('immortal', title))).to.deep.equal([title]);
  });
});

describe('regime conform', function () {
  this.timeout(20_000);

  it('lists its cases', async () => {
    const { output, status } = await runConform(['--list', '--only', 'QUIT-1']);
    expect(output).to.match(/^(QUIT-1: .*\n){2,}$/);
    expect(status).to.equal(0);
  });

  it('says that there is no such program', async () => {
    const { output, status } = await runConform(['--', 'no-such-server']);
    expect(output).to.match(/^Bail out! it does not start: .*no-such-server ENOENT/m);
    expect(status).to.equal(1);
    const regime = await runConform(['--', 'null', '--share']);
    expect(regime.output).to.match(/^Bail out! .* regime conform -- regime null --share\)$/m);
  });

  for (const [what, args] of Object.entries({
    'no server': [],
    'an unknown option': ['--frobnicate', '--', 'true'],
    'an unknown dialect': ['--dialect', 'old', '--', 'true'],
    'a case that is not there': ['--only', 'NONE-1', '--', 'true'],
  })) {
    it(`says what is wrong with ${what}, with status 2`, async () => {
      const { output, errors, status } = await runConform(args);
      expect(status).to.equal(2);
      expect(output).to.equal('');
      expect(errors).to.match(/^regime: .*\(try 'regime conform --help'\)\n$/);
    });
  }
});
