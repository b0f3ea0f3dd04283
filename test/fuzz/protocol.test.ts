import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { CopyFailed, ProtocolError, TestbedError, TimedOut } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { replyOver } from '../../src/protocol/reply.ts';
import { serve } from '../../src/protocol/server.ts';
import type { Session } from '../../src/protocol/session.ts';
import { selfAs, serverOf, sessionsOf } from '../crash/caller.ts';
import { random, seeded, type Random } from '../crash/random.ts';
import { SOAK } from '../support/soak.ts';
import { tempDir } from '../support/tempdir.ts';
import { goodLine, randomLine } from './lines.ts';

/** Lines for the protocol core with a made-up session, and for a real server. */
const CORE_LINES = SOAK ? 190_000 : 9000;
const REAL_LINES = SOAK ? 10_000 : 1000;

/** A well-formed reply: a keyword, then words of printable characters. */
const REPLY = /^(ok( [!-~]+)*|copy-failed|timeout)$/;

/** Milliseconds without any answer that count as a hang. */
const HANG = 20_000;

describe('the protocol under fuzz', function () {
  this.timeout(SOAK ? 3_600_000 : 120_000);

  it(`answers each of ${CORE_LINES} random lines once or ends, in the core`, () =>
    seeded(async (source) => {
      let sent = 0;
      while (sent < CORE_LINES) sent += await fuzzCore(source, Math.min(200, CORE_LINES - sent));
    }));

  it(`answers each of ${REAL_LINES} random lines once or ends with 0 or 12, as a program`, () =>
    seeded(async (source) => {
      const directory = tempDir();
      const caller = selfAs(directory);
      const play = { directory: `${directory}/play` };
      mkdirSync(`${play.directory}/tree/sub`, { recursive: true });
      writeFileSync(`${play.directory}/file`, 'content');
      writeFileSync(`${play.directory}/tree/sub/file`, 'content');
      const cwd = tempDir();
      let sent = 0;
      while (sent < REAL_LINES) {
        const server = serverOf(caller, ['null'], { patience: HANG, cwd });
        const lines = sessionLines(source, play, 200);
        sent += await fuzzServer(server, lines);
        expect(sessionsOf(caller)).to.deep.equal([]);
        expect(readdirSync(cwd), 'files made in the working directory').to.satisfy(
          (names: string[]) => names.every((name) => !name.startsWith('regime')),
        );
      }
    }));

  it('ends with 12 for a line that never ends', async () => {
    const server = serverOf(selfAs(tempDir()), ['null']);
    expect(await server.reply()).to.equal('ok');
    for (let part = 0; part < 32; part++) server.send('x'.repeat(1 << 16));
    expect((await server.ended).status).to.equal(12);
    expect(server.rest()).to.equal('');
    expect(server.stderr()).to.match(/^regime: failure: a line is longer than 1048576 bytes$/m);
  });

  it('works off thousands of lines that come at once, and answers them in order', async () => {
    const server = serverOf(selfAs(tempDir()), ['null'], { patience: HANG });
    const count = 5000;
    server.send('open\n' + 'capabilities\nprint-execute-command\n\n'.repeat(count) + 'quit\n');
    expect(await server.reply()).to.equal('ok');
    expect(await server.reply()).to.match(/^ok \//);
    for (let turn = 0; turn < count; turn++) {
      expect(await server.reply()).to.match(/^ok .*execute-debug/);
      expect(await server.reply()).to.match(/^ok \S+$/);
    }
    expect(await server.reply()).to.equal('ok');
    expect((await server.ended).status).to.equal(0);
    expect(server.rest()).to.equal('');
  });
});

/** A run of lines that mostly opens first and mostly says what is right, so that it gets somewhere. */
function sessionLines(source: Random, play: { directory: string }, limit: number): string[] {
  const lines = source.below(4) === 0 ? [] : ['open'];
  const length = 1 + source.below(limit);
  while (lines.length < length) {
    lines.push(source.below(30) === 0 ? randomLine(source, play) : goodLine(source, play));
  }
  return lines;
}

/** Sends line by line and compares what comes with what may. Gives the number of lines sent. */
async function fuzzServer(server: ReturnType<typeof serverOf>, lines: string[]): Promise<number> {
  expect(await server.reply()).to.equal('ok');
  let sent = 0;
  for (const line of lines) {
    sent++;
    server.send(`${line}\n`);
    if (/^[ \t\r\v\f]*$/.test(line)) continue;
    const what = `after line ${sent}, ${JSON.stringify(line.slice(0, 200))}`;
    const outcome = await Promise.race([
      server.reply().then(
        (reply) => ({ reply }),
        (cause: unknown) => ({ cause }),
      ),
      sleep(HANG, undefined, { ref: false }).then(() => ({ cause: new Error('a hang') })),
    ]);
    if ('cause' in outcome) {
      if (/no reply|hang/.test(String(outcome.cause))) throw new Error(`hang ${what}`);
      break;
    }
    expect(outcome.reply, what).to.match(REPLY);
    expect(server.rest(), `a second line ${what}`).to.equal('');
  }
  server.endInput();
  const { status, signal } = await server.ended;
  const last = JSON.stringify(lines.slice(Math.max(0, sent - 3), sent)).slice(0, 400);
  expect({ status, signal }, `${last}\n${server.stderr()}`).to.satisfy(
    (end: { status: number | null }) => end.status === 0 || end.status === 12,
  );
  expect(server.rest(), 'something after the last reply').to.equal('');
  return sent;
}

/** The core alone, with a session that fails as it likes. Gives the number of replies. */
async function fuzzCore(source: Random, count: number): Promise<number> {
  const play = { directory: '/nowhere' };
  const lines = Array.from({ length: count }, () =>
    source.below(12) === 0 ? randomLine(source, play) : goodLine(source, play),
  );
  if (source.below(3) > 0) lines.unshift('open');
  const replies: string[] = [];
  let handed = 0;
  const input = async function* () {
    for (const line of lines) {
      handed++;
      yield await Promise.resolve(line);
    }
  };
  const session = moodySession(random(source.below(2 ** 31)));
  const finish = await Promise.race([
    serve(
      input(),
      replyOver((bytes) => Promise.resolve(void replies.push(bytes))),
      session,
      { log: silentLogger, report: () => {}, halt: new AbortController().signal },
    ),
    sleep(HANG, 'hang' as const, { ref: false }),
  ]);
  if (finish === 'hang') throw new Error(`hang with ${JSON.stringify(lines.slice(0, handed))}`);
  if (finish.by === 'failure') {
    const expected = [ProtocolError, TestbedError].some((kind) => finish.error instanceof kind);
    expect(expected, `a bug, exit status 16: ${finish.error.stack}`).to.equal(true);
  }
  expect(session.isOpen, 'left open').to.equal(false);
  const commands = lines.filter((line) => /[^ \t\r\v\f]/.test(line)).length;
  expect(replies.length - 1).to.be.at.most(commands);
  for (const reply of replies) expect(reply).to.match(/^[ -~]+\n$/);
  return replies.length;
}

/** Does what it is asked, or fails in each way that a session may. */
function moodySession(mood: Random): Session {
  let isOpen = false;
  const act = async <T>(value: T, copying = false): Promise<T> => {
    await Promise.resolve();
    const luck = mood.below(60);
    if (luck === 0) throw new TestbedError({ step: 'the testbed is in a mood' });
    if (copying && luck < 10) throw new CopyFailed({ step: 'the copy is in a mood' });
    if (copying && luck < 15) throw new TimedOut('time is up');
    return value;
  };
  return {
    get isOpen() {
      return isOpen;
    },
    capabilities: () => [{ name: 'revert' }, { name: 'suggested-normal-user', value: 'a\xff b' }],
    async open() {
      await act(undefined);
      isOpen = true;
      return '/tmp/\xff,%\n';
    },
    revert: () => act('/tmp/\xff,%\n'),
    reboot: () => act(undefined),
    close: async () => {
      await Promise.resolve();
      isOpen = false;
    },
    auxverb: () => ['env', 'a b', '\xff\n'],
    execute: () => act(mood.below(256), true),
    copyDown: () => act(undefined, true),
    copyUp: () => act(undefined, true),
    shell: () => act(undefined),
    debugFailure: () => act('what is known\nof it'),
  };
}
