import { Readable } from 'node:stream';

import { expect } from 'chai';

import { TimedOut } from '../../src/errors.ts';
import { localPlace } from '../../src/place/local.ts';
import { describeEnding, succeeded } from '../../src/place/place.ts';
import { until } from '../regimes/support/until.ts';
import { collect } from '../../src/place/collect.ts';

const sh = (script: string) => ['sh', '-c', script];

async function failureOf(step: Promise<unknown>): Promise<unknown> {
  return step.then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('this host as a Place', () => {
  it('runs a command with its input, and gives both its outputs as bytes', async () => {
    const outcome = await localPlace.run(sh('cat; printf "\\377" >&2; exit 3'), { input: 'a\xfe' });
    expect(outcome).to.deep.equal({ ending: { status: 3 }, stdout: 'a\xfe', stderr: '\xff' });
    expect(succeeded(outcome)).to.equal(false);
    expect(describeEnding(outcome.ending)).to.equal('exit status 3');
  });

  it('gives a command no input where there is none, and does not mind one that reads none', async () => {
    expect((await localPlace.run(['cat'])).stdout).to.equal('');
    const big = 'x'.repeat(1 << 20);
    expect(succeeded(await localPlace.run(['true'], { input: big }))).to.equal(true);
  });

  it('says by which signal a command ended', async () => {
    const { ending } = await localPlace.run(sh('kill -9 $$'));
    expect(ending).to.deep.equal({ signal: 'SIGKILL' });
    expect(describeEnding(ending)).to.equal('signal SIGKILL');
  });

  it('says 127 and 126 as a shell does', async () => {
    expect((await localPlace.run(['/no/such'])).ending).to.deep.equal({ status: 127 });
    expect((await localPlace.run(['/etc/passwd'])).ending).to.deep.equal({ status: 126 });
  });

  it('keeps the last of long output', async () => {
    const { stdout } = await localPlace.run(sh('seq 100000'), { maxOutput: 12 });
    expect(stdout).to.equal('99999\n100000\n'.slice(-12));
  });

  it('ends what takes longer than its deadline, with all that it started', async () => {
    let pid = 0;
    const stop = new AbortController();
    const running = localPlace.spawn(sh('sleep 98 & echo $!; wait'), {
      stdio: ['ignore', 'pipe', 'ignore'],
      signal: stop.signal,
    });
    running.stdout?.on('data', (data: Buffer) => {
      pid = Number(data.toString());
      stop.abort();
    });
    await running.ended;
    expect(pid).to.be.greaterThan(0);
    await until(() => !isThere(pid), 'the child of the child had gone');
    const failure = await failureOf(localPlace.run(['sleep', '98'], { deadline: 50 }));
    expect(failure).to.be.instanceOf(TimedOut);
    expect(String(failure)).to.include('sleep 98');
  });

  it('kills at last what does not hear SIGTERM', async () => {
    const stop = new AbortController();
    const running = localPlace.spawn(sh('trap "" TERM; echo deaf; while :; do sleep 0.1; done'), {
      stdio: ['ignore', 'pipe', 'ignore'],
      signal: stop.signal,
    });
    let begun = 0;
    running.stdout?.once('data', () => {
      begun = performance.now();
      stop.abort();
    });
    expect(await running.ended).to.deep.equal({ signal: 'SIGKILL' });
    expect(performance.now() - begun, 'a grace').to.be.above(1500);
  });

  it('rejects with the reason of its signal', async () => {
    const reason = new Error('the caller has gone');
    const controller = new AbortController();
    const step = failureOf(localPlace.run(['sleep', '98'], { signal: controller.signal }));
    controller.abort(reason);
    expect(await step).to.equal(reason);
    expect(
      await failureOf(localPlace.run(['sleep', '98'], { signal: AbortSignal.abort(reason) })),
    ).to.equal(reason);
  });

  it('starts commands in a session of their own', async () => {
    const { stdout } = await localPlace.run(sh('cut -d" " -f1,5,6 /proc/$$/stat'));
    const [pid, group, session] = stdout.trim().split(' ');
    expect(group).to.equal(pid);
    expect(session).to.equal(pid);
  });
});

describe('what is collected of a stream', () => {
  it('is its end where it is longer than the limit', async () => {
    async function* chunks() {
      for (let number = 0; number < 1000; number++) {
        await Promise.resolve();
        yield Buffer.from(String(number).padStart(4, '0'));
      }
    }
    const stream = Readable.from(chunks());
    expect(await collect(stream, 10)).to.equal('9709980999');
  });

  it('is nothing where there is no stream', async () => {
    expect(await collect(null, 10)).to.equal('');
  });
});
