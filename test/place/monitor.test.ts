import { expect } from 'chai';

import { TestbedError } from '../../src/errors.ts';
import { localPlace } from '../../src/place/local.ts';
import { startMonitor } from '../../src/place/monitor.ts';

/** A monitor that answers a line with what perl code makes of it; `$words` are its words. */
function monitorOf(code: string, gainRoot: string[] = []) {
  const monitor = `$| = 1; $SIG{TERM} = sub { exit 3 };
    while (my $line = <STDIN>) { chomp $line; my @words = split / /, $line; ${code} }`;
  return startMonitor(localPlace, gainRoot, { monitor, auxverb: 'the auxverb' });
}

async function failureOf(step: Promise<unknown>): Promise<TestbedError> {
  const failure = await step.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(failure).to.be.instanceOf(TestbedError);
  return failure as TestbedError;
}

describe('a monitor', () => {
  it('is asked with any bytes, and answers with any', async () => {
    const monitor = monitorOf('print "ok $words[1] %FF%0A\\n"');
    expect(await monitor.ask(['say', 'a b\n\xff%'])).to.deep.equal(['a b\n\xff%', '\xff\n']);
    monitor.drop();
    await monitor.ended;
  });

  it('is given the auxverb', async () => {
    const monitor = monitorOf('(my $text = $main::auxverb) =~ s/ /%20/g; print "ok $text\\n"');
    expect(await monitor.ask(['say'])).to.deep.equal(['the auxverb']);
    monitor.drop();
    await monitor.ended;
  });

  it('may say that it waits before it answers', async () => {
    const monitor = monitorOf('print "waiting a%20b\\nwaiting c\\nok done\\n"');
    const heard: string[] = [];
    expect(await monitor.ask(['x'], { onWait: (what) => void heard.push(what) })).to.deep.equal([
      'done',
    ]);
    expect(heard).to.deep.equal(['a b', 'c']);
    monitor.drop();
    await monitor.ended;
  });

  it('may fail, and can be asked again', async () => {
    const monitor = monitorOf(
      'print $words[0] eq "bad" ? "failed a%20step the%20reason\\n" : "ok\\n"',
    );
    const { details } = await failureOf(monitor.ask(['bad']));
    expect(details).to.include({ step: 'a step', status: 'the reason' });
    expect(await monitor.ask(['good'])).to.deep.equal([]);
    monitor.drop();
    await monitor.ended;
  });

  it('that dies says its status and its last words, to each who asks', async () => {
    const monitor = monitorOf('print STDERR "first\\nlast words\\n"; exit 9');
    for (let time = 0; time < 2; time++) {
      const failure = await failureOf(monitor.ask(['x']));
      expect(failure.message).to.match(/has ended \(x\).*exit status 9: last words/);
    }
  });

  it('that does not start says what is needed', async () => {
    const monitor = monitorOf('', ['/no/such/sudo']);
    const failure = await failureOf(monitor.ask(['x']));
    expect(failure.message).to.include('/no/such/sudo perl').and.to.include('exit status 127');
  });

  it('stops being waited for when the signal says so', async () => {
    const monitor = monitorOf('sleep 60');
    const controller = new AbortController();
    const step = monitor.ask(['x'], { signal: controller.signal }).catch((cause: unknown) => cause);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await step).to.equal(reason);
    await failureOf(monitor.ask(['y']));
    monitor.drop(true);
    await monitor.ended;
  });

  it('ends with its lifeline', async () => {
    const monitor = monitorOf('print "ok\\n"');
    await monitor.ask(['x']);
    monitor.tell('no-answer-to-this');
    monitor.drop();
    await monitor.ended;
    await failureOf(monitor.ask(['x']));
  });
});
