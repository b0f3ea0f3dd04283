import { existsSync } from 'node:fs';

import { expect } from 'chai';

import { hasFixtures, ownTree } from '../support/fixtures.ts';
import { skip } from '../support/skip.ts';
import { failures, runConform, type Conformance } from './run-conform.ts';

/** What both servers of autopkgtest 5.28 do in another way than the contract says. */
const BOTH = [
  'TRANSPORT-10: a line of more than 1 MiB is a protocol error',
  'TRANSPORT-10: a word that holds a NUL byte is a protocol error',
  'DIALECT-1: the commands of the classic generation are answered',
  'CAP-2: a second capabilities gets the same reply as the first',
  'SCRATCH-3: a scratch space that others on the host can reach has mode 755',
  'AUXVERB-9: a command that exits with 254 is reported as 253',
  'AUXVERB-9: a command that exits with 255 is reported as 253',
  'AUXVERB-13: close ends an auxverb that still runs',
  'AUXVERB-13: quit ends an auxverb that still runs',
  'COPY-7: copydown of a directory keeps hard links inside it',
  'COPY-7: copyup of a directory keeps hard links inside it',
  'COPY-7: copydown of a directory keeps holes',
  'COPY-7: copyup of a directory keeps holes',
  'COPY-8: copydown of a directory as root makes devices',
  'COPY-5: copydown of a directory keeps set-user-id and set-group-id bits',
  'COPY-9: copydown of a directory into a parent that is not there fails',
  'COPY-9: copyup of a directory into a parent that is not there fails',
  'COPY-11: copydown of a directory is merged into an existing one',
  'COPY-11: copydown of two directories into one brings both',
  'COPY-11: copyup of a directory that meets a link of the host fails and follows nothing',
  'COPY-11: copyup of a directory that meets a file of the host fails and follows nothing',
  'COPY-2: copydown of a file that is not there is copy-failed, and the session goes on',
  'COPY-2: copyup of a file that is not there is copy-failed, and the session goes on',
  'COPY-2: copydown of a directory that is not there is copy-failed, and the session goes on',
  'COPY-2: copyup of a directory that is not there is copy-failed, and the session goes on',
  'COPY-2: copydown of a directory that is a file is copy-failed, and the session goes on',
  'COPY-2: copyup of a directory that is a file is copy-failed, and the session goes on',
  'COPY-2: copydown of a file that is a directory is copy-failed, and the session goes on',
  'COPY-2: copyup of a file that is a directory is copy-failed, and the session goes on',
  'COPY-13: copydown onto an existing file replaces its data and keeps its mode',
  'COPY-13: copyup onto an existing file replaces its data and keeps its mode',
  'COPY-13: copydown onto an existing file keeps its owner',
  'COPY-13: a file that copyup makes gets the umask of the server',
  'COPY-3: a copy that has no end fails in its time, and the session goes on',
  'COPY-4: copyup of a directory drops set-user-id and set-group-id bits',
  'COPY-4: copyup of a file does not bring set-user-id and set-group-id bits',
  'COPY-4: a file that meets a link which a copyup brought is not written through it',
  'TRANSPORT-5: paths with bytes that are not UTF-8 are copied',
  'QUIT-1: quit while closed is answered with ok, then the server exits with 0',
  'QUIT-1: quit while open is answered with ok, then the server exits with 0',
  'END-3: the end of the input while open closes the testbed and gives 12',
  'END-4: the end of the input while closed gives 0',
  'END-4: the end of the input after close gives 0',
  'END-5: an open that is followed by the end of the input leaves nothing open',
  'END-8: a reply that nobody can read ends the server with 12 after closing',
];

const NULL = [...BOTH, 'CAP-4: downtmp-host and isolation are not advertised together'];

const CHROOT = [
  ...BOTH,
  "ENVIRONMENT-1: commands do not see the variables of the caller's environment",
  'ENVIRONMENT-2: HOME, USER and SHELL are those of the account on the testbed',
];

/** What it takes a busy machine for them to do. */
const AT_TIMES = ['COPY-15: a copyup that fails makes no file'];

/** The departures that do not depend on chance. */
function departures(conformance: Conformance): string[] {
  return failures(conformance).filter((title) => !AT_TIMES.includes(title));
}

/** The words of one failed case's conversation. */
function diagnosticsOf({ results }: Conformance, title: string): string {
  return results.find((result) => result.title === title)?.diagnostics ?? '';
}

describe("the conformance suite against autopkgtest's own servers", function () {
  this.timeout(300_000);

  before(function () {
    if (!existsSync('/usr/bin/autopkgtest-virt-null')) skip(this, 'autopkgtest is not installed');
    if (process.getuid?.() !== 0) skip(this, 'the list of departures is for root');
  });

  it('finds the departures of the null server and no others', async () => {
    const conformance = await runConform(['--', 'autopkgtest-virt-null']);
    expect(departures(conformance)).to.have.members(NULL);
    expect(conformance.status).to.equal(1);

    const second = diagnosticsOf(
      conformance,
      NULL.find((title) => title.startsWith('CAP-2')) ?? '',
    );
    expect(second).to.include('< ok ok ');
    const missing =
      'COPY-2: copydown of a file that is not there is copy-failed, and the session goes on';
    expect(diagnosticsOf(conformance, missing))
      .to.include('Traceback')
      .and.include('exit status 16');
    const classic = conformance.results.filter((result) =>
      result.reason?.includes('classic dialect'),
    );
    expect(classic).to.have.length.above(10);
  });

  it('finds the departures of the chroot server and no others', async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    const conformance = await runConform(['--', 'autopkgtest-virt-chroot', ownTree()]);
    expect(departures(conformance)).to.have.members(CHROOT);
    expect(conformance.status).to.equal(1);
  });

  it('does not hold them to the classic dialect when asked not to', async () => {
    const conformance = await runConform([
      '--dialect',
      'current',
      '--only',
      'DIALECT-1',
      '--',
      'autopkgtest-virt-null',
    ]);
    expect(conformance.results.map((result) => result.reason)).to.deep.equal([
      'the server is held to the current dialect',
      undefined,
    ]);
    expect(conformance.status).to.equal(0);
  });
});
