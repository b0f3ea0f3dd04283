import { expect } from 'chai';

import { CopyFailed, ProtocolError, TestbedError, TimedOut } from '../../src/errors.ts';
import { collectGarbage } from '../support/garbage.ts';
import { converse, fakeServer, untilAborted } from './support.ts';

/** Commands that need an open testbed, as whole lines with the right number of words. */
const OPEN_ONLY = [
  'revert',
  'reboot',
  'close',
  'print-execute-command',
  'print-auxverb-command',
  'print-shstring-command',
  'execute true /i /o /e /',
  'copydown /a /b',
  'copyup /a /b',
  'shell /',
];

describe('the protocol server', () => {
  it('gives one line for each command, in order, and none for an empty line', async () => {
    const { replies, finish } = await converse([
      '',
      'capabilities',
      '  \t',
      'open',
      'close',
      'quit',
    ]);
    expect(replies).to.deep.equal(['ok revert reboot\n', 'ok /tmp/scratch%20a\n', 'ok\n', 'ok\n']);
    expect(finish).to.deep.equal({ by: 'quit' });
  });

  it('takes names with hyphens, underscores, or encoded', async () => {
    const { replies } = await converse([
      'open',
      'print_execute-command',
      'c%6cose',
      'auxverb-debug_fail',
      'quit',
    ]);
    expect(replies.length).to.equal(5);
  });

  it('remembers no line that it has worked off', async () => {
    const server = fakeServer();
    server.send('open');
    const before = collectGarbage();
    for (let line = 0; line < 40; line++) {
      const worked = new Promise<void>((resolve) => {
        server.session.steps['copyDown'] = () => Promise.resolve(resolve());
      });
      server.send(`copydown /${String(line).repeat(250_000)} /tmp/x`);
      await worked;
      server.session.calls.length = 0;
    }
    // In one-byte characters they are 15 MB.
    expect(collectGarbage() - before).to.be.below(5_000_000);
    server.send('quit');
    await server.finished;
  });

  it('works off nothing after quit', async () => {
    const { replies, session } = await converse(['quit', 'open']);
    expect(replies).to.deep.equal(['ok\n']);
    expect(session.calls.flat()).not.to.include('open');
  });

  for (const line of OPEN_ONLY) {
    it(`ends at "${line}" while closed, without asking the session`, async () => {
      const { replies, finish, session, warnings } = await converse([line, 'capabilities']);
      expect(replies).to.deep.equal([]);
      expect(finish.by).to.equal('failure');
      expect(session.calls).to.deep.equal([['close']]);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(/^failure: \S+: the testbed is not open$/);
    });
  }

  it('ends at a second open, and closes the testbed', async () => {
    const { finish, session, replies, warnings } = await converse(['open', 'open']);
    expect(replies.length).to.equal(1);
    expect(finish.by === 'failure' && finish.error).to.be.instanceOf(ProtocolError);
    expect(session.calls).to.deep.equal([['open'], ['close']]);
    expect(warnings).to.deep.equal(['failure: open: the testbed is open already']);
  });

  it('ends at an unknown command, and at a wrong number of words', async () => {
    const wrong = [
      ...['frobnicate', 'OPEN', 'capabilities x', 'open x', 'close x', 'quit x', 'revert x'],
      ...['reboot a b', 'print-execute-command x', 'execute true /i /o /e', 'copydown /a'],
      ...['copyup', 'copydown a b c', 'shell', 'auxverb_debug_fail x'],
    ];
    for (const line of wrong) {
      const { finish, warnings } = await converse([line]);
      expect(finish.by, line).to.equal('failure');
      expect(warnings.length, line).to.equal(1);
    }
  });

  it('refuses what is not advertised at that moment', async () => {
    for (const line of ['revert', 'reboot']) {
      const server = fakeServer();
      server.session.able = [];
      server.send('open', line);
      const finish = await server.finished;
      expect(finish.by).to.equal('failure');
      expect(server.warnings[0]).to.include(`does not advertise ${line}`);
    }
  });

  it('lives on after a copy that failed and after a time limit', async () => {
    const server = fakeServer();
    server.session.steps['copyDown'] = () =>
      Promise.reject(new CopyFailed({ step: 'no such file' }));
    server.session.steps['copyUp'] = () => Promise.reject(new TimedOut('too slow'));
    server.session.steps['execute'] = () => Promise.reject(new TimedOut('killed'));
    server.send('open', 'copydown /a /b', 'copyup /a /b', 'execute true /i /o /e /', 'quit');
    expect(await server.finished).to.deep.equal({ by: 'quit' });
    expect(server.replies.slice(1)).to.deep.equal([
      'copy-failed\n',
      'timeout\n',
      'timeout\n',
      'ok\n',
    ]);
    expect(server.warnings).to.deep.equal([
      'copydown: no such file',
      'copyup: too slow',
      'execute: killed',
    ]);
  });

  it('says all it knows of a testbed that failed before it closes it', async () => {
    const server = fakeServer();
    const order: string[] = [];
    server.session.steps['revert'] = () =>
      Promise.reject(new TestbedError({ step: 'revert: no overlay', status: 'exit status 32' }));
    server.session.steps['debugFailure'] = () => Promise.resolve(order.push('asked'));
    server.session.steps['close'] = () => Promise.resolve(order.push('closed'));
    server.send('open', 'revert', 'capabilities');
    const finish = await server.finished;
    expect(finish.by === 'failure' && finish.error.name).to.equal('TestbedError');
    expect(order).to.deep.equal(['asked', 'closed']);
    expect(server.warnings).to.deep.equal(['failure: revert: no overlay: exit status 32']);
    expect(server.reports).to.deep.equal(['the console said so']);
    expect(server.replies.length).to.equal(1);
  });

  it('does not ask the testbed about a mistake of the caller', async () => {
    const { reports } = await converse(['open', 'nonsense']);
    expect(reports).to.deep.equal([]);
  });

  it('replies to quit only when closing has succeeded', async () => {
    const server = fakeServer();
    server.session.steps['close'] = () => Promise.reject(new TestbedError({ step: 'still there' }));
    server.send('open', 'quit');
    const finish = await server.finished;
    expect(finish.by).to.equal('failure');
    expect(server.replies.length).to.equal(1);
    expect(server.warnings.join()).to.include('still there');
  });

  describe('at the end of the input', () => {
    it('ends in peace where nothing is open', async () => {
      const { finish, warnings } = await converse(['open', 'close']);
      expect(finish).to.deep.equal({ by: 'end-of-input', wasOpen: false });
      expect(warnings).to.deep.equal(['end of input']);
    });

    it('says that the testbed was open, and closes it', async () => {
      const { finish, session, warnings } = await converse(['open']);
      expect(finish).to.deep.equal({ by: 'end-of-input', wasOpen: true });
      expect(session.calls.at(-1)).to.deep.equal(['close']);
      expect(warnings).to.deep.equal(['failure: end of input while the testbed is open']);
    });

    it('still works off what was sent before it', async () => {
      const { replies, finish } = await converse(['open', 'revert', 'close', 'quit']);
      expect(replies.length).to.equal(4);
      expect(finish).to.deep.equal({ by: 'quit' });
    });

    it('gives up an open that nobody waits for any more', async () => {
      const server = fakeServer();
      server.session.steps['open'] = untilAborted;
      server.send('open');
      server.end();
      const finish = await server.finished;
      expect(finish.by === 'failure' && finish.error.name).to.equal('InputEnded');
      expect(server.replies).to.deep.equal([]);
    });

    it('does not give up an open with something queued behind it', async () => {
      const server = fakeServer();
      let release = () => {};
      let given: AbortSignal | undefined;
      server.session.steps['open'] = (signal) => {
        given = signal;
        return new Promise<void>((resolve) => (release = resolve));
      };
      server.send('open', 'quit');
      server.end();
      await server.drained;
      expect(given?.aborted).to.equal(false);
      release();
      expect(await server.finished).to.deep.equal({ by: 'quit' });
    });

    it('lets a revert that runs come to its end', async () => {
      const server = fakeServer();
      let given: AbortSignal | undefined;
      let release = () => {};
      const begun = new Promise<void>((begin) => {
        server.session.steps['revert'] = (signal) => {
          given = signal;
          begin();
          return new Promise<void>((resolve) => (release = resolve));
        };
      });
      server.send('open', 'revert');
      await begun;
      server.end();
      await server.drained;
      expect(given?.aborted).to.equal(false);
      release();
      expect(await server.finished).to.deep.equal({ by: 'end-of-input', wasOpen: true });
      expect(server.replies.length).to.equal(2);
    });
  });

  describe('with a lease', () => {
    it('closes and ends where its caller is silent for that long, and says so', async () => {
      const server = fakeServer({ lease: 20 });
      server.send('capabilities', 'open');
      expect(await server.finished).to.deep.equal({ by: 'lease' });
      expect(server.replies).to.have.length(2);
      expect(server.session.calls.at(-1)).to.deep.equal(['close']);
      expect(server.warnings.join()).to.match(
        /^failure: the lease is over: .* nothing for 0.02 s$/,
      );
    });

    it('does not count the time in which it works', async () => {
      const server = fakeServer({ lease: 20 });
      server.session.steps['revert'] = () => new Promise((resolve) => setTimeout(resolve, 100));
      server.send('open', 'revert', 'quit');
      expect(await server.finished).to.deep.equal({ by: 'quit' });
    });

    it('waits for ever where nothing is open', async () => {
      const server = fakeServer({ lease: 20 });
      server.send('open', 'close');
      await new Promise((resolve) => setTimeout(resolve, 100));
      server.send('quit');
      expect(await server.finished).to.deep.equal({ by: 'quit' });
    });
  });

  it('fails where the input does, after what was sent before', async () => {
    const server = fakeServer();
    server.send('capabilities');
    server.fail(new ProtocolError('a line is too long'));
    const finish = await server.finished;
    expect(finish.by === 'failure' && finish.error.message).to.equal('a line is too long');
    expect(server.replies.length).to.equal(1);
  });

  describe('that is told to halt', () => {
    it('ends while it waits for a line, and closes', async () => {
      const server = fakeServer();
      server.send('open');
      while (server.replies.length === 0) await new Promise((resolve) => setImmediate(resolve));
      server.halt('SIGTERM');
      expect(await server.finished).to.deep.equal({ by: 'halt', reason: 'SIGTERM' });
      expect(server.session.calls.at(-1)).to.deep.equal(['close']);
      expect(server.warnings).to.deep.equal([]);
    });

    for (const [step, line] of [
      ['open', 'open'],
      ['revert', 'revert'],
      ['copyDown', 'copydown /a /b'],
      ['copyUp', 'copyup /a/ /b/'],
      ['execute', 'execute true /i /o /e /'],
      ['shell', 'shell /'],
      ['reboot', 'reboot'],
    ] as const) {
      it(`gives up ${step}, replies nothing to it, and closes`, async () => {
        const server = fakeServer();
        const begun = new Promise<void>((begin) => {
          server.session.steps[step] = (signal) => {
            begin();
            return untilAborted(signal);
          };
        });
        server.send(...(line === 'open' ? [] : ['open']), line);
        await begun;
        const before = server.replies.length;
        server.halt('SIGINT');
        expect(await server.finished).to.deep.equal({ by: 'halt', reason: 'SIGINT' });
        expect(server.replies.length).to.equal(before);
        expect(server.session.calls.at(-1)).to.deep.equal(['close']);
      });
    }

    it('replies nothing to a copy that the halt made fail', async () => {
      const server = fakeServer();
      server.session.steps['copyUp'] = (signal) =>
        untilAborted(signal).catch(() => Promise.reject(new CopyFailed({ step: 'cut short' })));
      server.send('open', 'copyup /a /b');
      while (server.replies.length === 0) await new Promise((resolve) => setImmediate(resolve));
      server.halt('SIGHUP');
      expect(await server.finished).to.deep.equal({ by: 'halt', reason: 'SIGHUP' });
      expect(server.replies.length).to.equal(1);
    });
  });

  describe('whose replies nobody reads', () => {
    it('ends and closes', async () => {
      const server = fakeServer();
      server.breakReply();
      server.send('open');
      const finish = await server.finished;
      expect(finish.by).to.equal('halt');
      expect(finish.by === 'halt' && (finish.reason as Error).name).to.equal('OutputBroken');
      expect(server.session.calls).to.deep.equal([['open'], ['close']]);
    });

    it('has quit in peace all the same', async () => {
      const server = fakeServer();
      server.send('open');
      while (server.replies.length === 0) await new Promise((resolve) => setImmediate(resolve));
      server.breakReply();
      server.send('quit');
      expect(await server.finished).to.deep.equal({ by: 'quit' });
    });
  });
});
