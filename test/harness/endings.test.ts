import { expect } from 'chai';
import { setTimeout } from 'node:timers/promises';

import { cleanUpAfterFile } from '../support/clean-up.ts';
import { harnessTree, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { expectSame } from './compare.ts';
import { hasSchroot, schrootServer } from './incumbents.ts';
import { makeInputs } from './inputs.ts';
import { fixturePackage, hasHarness, runHarness, type HarnessResult } from './run-harness.ts';
import { processesWith } from './stray.ts';

// Tests that end in another way than by themselves: by the harness' time limit, with a status that
// an auxverb keeps for itself, with a shell for a human.

// The quotes within keep the terminal's echo of the line from being taken for its effect.
const TYPED = [
  'echo "ev""idence: $(cat "$AUTOPKGTEST_TMP/evidence" "$AUTOPKGTEST_ARTIFACTS/evidence" | xargs)"',
  'test -f debian/control && echo "in the ""tree"',
  'test -t 0 && echo "a ""terminal"',
  'exit',
].join('; ');

// Ctrl-C on a terminal reaches the whole process group, our server with it.
const INTERRUPTIONS: [string, (pid: number) => void][] = [
  ['the harness is terminated', (pid) => process.kill(pid, 'SIGTERM')],
  ['a human types Ctrl-C', (pid) => process.kill(-pid, 'SIGINT')],
  ['the harness is killed', (pid) => process.kill(pid, 'SIGKILL')],
];

for (const regime of ['null', 'chroot'] as const) {
  describe(`autopkgtest and odd endings of tests, with the regime ${regime}`, function () {
    this.timeout(240_000);
    let server: string[];
    let incumbent: string[];
    const here = regime === 'null';

    before(function () {
      if (!hasHarness()) skip(this, 'autopkgtest is not installed');
      if (regime === 'null') {
        server = [serverPath(), 'null'];
        incumbent = ['null'];
        return;
      }
      if (!hasSchroot()) skip(this, 'this is not root, or schroot is not installed');
      if (!hasFixtures()) skip(this, 'there is no Debian tree');
      server = [serverPath(), 'chroot', harnessTree()];
      incumbent = schrootServer(harnessTree());
    });

    it('ends a test at its time limit and goes on with the next', async () => {
      const mark = marked();
      const options = ['--timeout-test=4', `--env=${mark}`];
      const subject = fixturePackage('timeouts');
      const [ours, theirs] = await inTurn(regime, [
        () => runHarness({ server, subject, here, options }),
        () => runHarness({ server: incumbent, subject, here, options: ['--timeout-test=4'] }),
      ]);
      expectSame(ours, theirs);
      expect(ours.verdicts).to.deep.equal({
        'too-slow': 'FAIL timed out',
        'quick-enough': 'PASS',
      });
      // Whatever kills the auxverb ends what runs in the testbed, at the latest with the testbed.
      if (regime === 'chroot') expect(processesWith(mark)).to.deep.equal([]);
    });

    it('takes 254 and 255 for what they are where the incumbents give up', async () => {
      const subject = fixturePackage('statuses');
      const [ours, theirs] = await inTurn(regime, [
        () => runHarness({ server, subject, here }),
        () => runHarness({ server: incumbent, subject, here }),
      ]);
      expect(theirs.status, theirs.log).to.equal(16);
      expect(ours.verdicts, ours.log).to.deep.equal({
        'says-254': 'FAIL non-zero exit status 253',
        'says-255': 'FAIL non-zero exit status 253',
        afterwards: 'PASS',
      });
      expect(ours.status).to.equal(4);
    });

    // Tests on the host itself are nobody's to clean up after.
    for (const [what, interrupt] of regime === 'chroot' ? INTERRUPTIONS : [])
      it(`leaves nothing behind when ${what}`, async () => {
        const mark = marked();
        const run = await runHarness({
          server,
          subject: fixturePackage('timeouts'),
          options: [`--env=${mark}`],
          // A harness that is killed leaves a pipe of its log there.
          env: { TMPDIR: fileTempDir() },
          react: [{ after: 'began', act: ({ pid = 0 }) => interrupt(pid) }],
          patience: 60_000,
        });
        expect(run.verdicts, run.log).to.deep.equal({});
        // The harness may be gone before the server has heard of it.
        const left = () => [...processesWith(mark), ...run.sessions()];
        for (let tries = 0; left().length > 0 && tries < 50; tries++) await setTimeout(100);
        expect(left(), run.log).to.deep.equal([]);
      });

    it('opens a shell on the terminal after a failure, and goes on when it ends', async () => {
      const run = (words: string[]) =>
        runHarness({
          server: words,
          here,
          subject: fixturePackage('shells'),
          options: ['--shell-fail'],
          as: onTerminal,
          react: [{ after: 'running shell', act: ({ stdin }) => void stdin?.write(`${TYPED}\n`) }],
          patience: 60_000,
        });
      const [ours, theirs] = await inTurn(regime, [() => run(server), () => run(incumbent)]);
      for (const { log } of [theirs, ours])
        expect(log)
          .to.include('evidence: kept kept')
          .and.include('in the tree')
          .and.include('a terminal');
      expectSame(ours, theirs);
      expect(ours.verdicts).to.deep.equal({
        'opens-a-shell': 'FAIL non-zero exit status 1',
        'needs-none': 'PASS',
      });
    });
  });
}

type Run = () => Promise<HarnessResult>;

/** Side by side in chroots; one after the other on the host, where both use a fixed name in /tmp. */
async function inTurn(regime: 'null' | 'chroot', [ours, theirs]: [Run, Run]) {
  if (regime === 'chroot') return Promise.all([ours(), theirs()]);
  const first = await theirs();
  return [await ours(), first] as const;
}

/** `script` gives the harness a terminal of its own, as /dev/tty too. */
function onTerminal(argv: readonly string[]): string[] {
  const line = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return ['script', '--quiet', '--return', '--command', line, '/dev/null'];
}

function marked(): string {
  const { mark } = makeInputs(fileTempDir(), { copied: '/', kept: '.', setUp: '/' });
  cleanUpAfterFile(() => {
    for (const pid of processesWith(mark)) process.kill(pid, 'SIGKILL');
  });
  return mark;
}
