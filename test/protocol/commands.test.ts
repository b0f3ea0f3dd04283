import { expect } from 'chai';

import { commands } from '../../src/protocol/commands.ts';
import { converse, fakeServer } from './support.ts';

/** The replies after those of `open`, and the error where there was one. */
async function afterOpen(...lines: string[]) {
  const { replies, finish, session } = await converse(['open', ...lines]);
  const error = finish.by === 'failure' ? finish.error : undefined;
  return { replies: replies.slice(1), error, session };
}

describe('the commands', () => {
  it('are those of the contract', () => {
    const names = Object.keys(commands).sort();
    expect(names).to.deep.equal(
      [
        ...['auxverb-debug-fail', 'capabilities', 'close', 'copydown', 'copyup', 'execute', 'open'],
        ...['print-auxverb-command', 'print-execute-command', 'print-shstring-command', 'quit'],
        ...['reboot', 'revert', 'shell'],
      ].sort(),
    );
  });

  it('work out capabilities anew at each request, bare but for their values', async () => {
    const server = fakeServer();
    server.session.able = [];
    server.session.steps['open'] = () => {
      server.session.able = [{ name: 'revert' }, { name: 'suggested-normal-user', value: 'joe b' }];
      return Promise.resolve();
    };
    server.send('capabilities', 'open', 'capabilities', 'quit');
    await server.finished;
    expect(server.replies[0]).to.equal('ok\n');
    expect(server.replies[2]).to.equal('ok revert suggested-normal-user=joe%20b\n');
  });

  it('give the scratch space as one encoded word', async () => {
    const { replies } = await converse(['open', 'revert', 'quit']);
    expect(replies.slice(0, 2)).to.deep.equal(['ok /tmp/scratch%20a\n', 'ok /tmp/scratch%20a\n']);
  });

  it('print the auxverb as one list word, and the shell string form of it', async () => {
    const { replies } = await afterOpen(
      'print-execute-command',
      'print_auxverb_command',
      'print-shstring-command',
    );
    expect(replies).to.deep.equal([
      'ok /bin/enter,a%20b\n',
      'ok /bin/enter,a%20b\n',
      'ok /bin/enter,a%20b,sh,-c\n',
    ]);
  });

  it('decode the names of copies, which both end in a slash or neither', async () => {
    const { session } = await afterOpen('copydown /h%FF%20 /t,u', 'copyup /t/ /h/');
    expect(session.calls.slice(1, 3)).to.deep.equal([
      ['copyDown', { host: '/h\xff ', testbed: '/t,u', kind: 'file', existing: 'replace' }],
      ['copyUp', { host: '/h/', testbed: '/t/', kind: 'directory', existing: 'replace' }],
    ]);
    for (const line of ['copydown /a/ /b', 'copydown /a /b/', 'copyup /a/ /b', 'copyup %00 /b']) {
      expect((await afterOpen(line)).error?.name, line).to.equal('ProtocolError');
    }
  });

  it('take an encoded slash at the end of a name for what it is', async () => {
    const { session } = await afterOpen('copydown /a%2F /b/');
    expect(session.calls[1]?.[1]).to.include({ kind: 'directory' });
  });

  it('take one pair of double quotes off the values of shell', async () => {
    const { session, replies } = await afterOpen('shell /a%20b A="/x" B=%22y%22%22 C= D="');
    expect(session.calls[1]).to.deep.equal(['shell', '/a b', ['A=/x', 'B=y"', 'C=', 'D="']]);
    expect(replies).to.deep.equal(['ok\n']);
    expect((await afterOpen('shell / NOVALUE')).error?.message).to.include('NOVALUE');
    expect((await afterOpen('shell / =x')).error?.name).to.equal('ProtocolError');
  });

  it('reboot with no result word, at once or when the testbed goes down by itself', async () => {
    const { session, replies } = await afterOpen('reboot', 'reboot prepare%2Donly');
    expect(replies).to.deep.equal(['ok\n', 'ok\n']);
    expect(session.calls.slice(1, 3)).to.deep.equal([
      ['reboot', false],
      ['reboot', true],
    ]);
    expect((await afterOpen('reboot now')).error?.message).to.include('prepare-only');
  });

  it('show what is known of a failure, then reply ok, in any state', async () => {
    const { replies, reports } = await converse(['auxverb_debug_fail', 'quit']);
    expect(reports).to.deep.equal(['the console said so']);
    expect(replies).to.deep.equal(['ok\n', 'ok\n']);
  });

  it('are told of in a short line of text where there are none of them', async () => {
    const { finish } = await converse([`\xc3\xa9${'x'.repeat(100_000)}`]);
    const message = finish.by === 'failure' ? finish.error.message : '';
    expect(message).to.match(/^unknown command éx+…$/);
    expect(message.length).to.be.below(300);
  });

  it('know no command of an object that has properties of its own', async () => {
    for (const word of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const { finish } = await converse([word]);
      expect(finish.by, word).to.equal('failure');
    }
  });
});

describe('the words of execute', () => {
  const line = (rest: string) => `execute ${rest}`;

  it('are a list, three files, a directory and keywords in any order', async () => {
    const words = 'sh,-c,a%2Cb /in%20 /out /err /c%FF env=A=b%20c timeout=1.5 env=D= debug=3-7';
    const { session, replies } = await afterOpen(line(words));
    expect(session.calls[1]?.[1]).to.deep.equal({
      command: ['sh', '-c', 'a,b'],
      ...{ stdin: '/in ', stdout: '/out', stderr: '/err', directory: '/c\xff' },
      environment: ['A=b c', 'D='],
      timeout: 1500,
      debug: { from: 3, to: 7 },
    });
    expect(replies).to.deep.equal(['ok 0\n']);
  });

  for (const [keyword, why] of [
    ['foo=1', 'unknown'],
    ['timeout', 'without a value'],
    ['timeout=', 'without a number'],
    ['timeout=-1', 'negative'],
    ['timeout=1e3', 'not decimal'],
    ['env=A', 'without a value for the variable'],
    ['env==x', 'without a variable'],
    ['debug=3', 'with one descriptor'],
    ['debug=0-3', 'with the descriptor of the input'],
    ['debug=3-x', 'with a descriptor that is no number'],
    ['timeout=1 timeout=2', 'given twice'],
    ['debug=3-4 debug=4-4', 'given twice'],
  ] as const) {
    it(`refuse a keyword ${why}: ${keyword}`, async () => {
      const { error, replies } = await afterOpen(line(`true /i /o /e / ${keyword}`));
      expect(error?.name).to.equal('ProtocolError');
      expect(replies).to.deep.equal([]);
    });
  }

  it('must name a program', async () => {
    expect((await afterOpen(line('%20 /i /o /e /'))).error).to.equal(undefined);
    expect((await afterOpen(line(', /i /o /e /'))).error?.message).to.include('no program');
  });

  it('take a time limit that no timer can hold for the longest that one can', async () => {
    const { session } = await afterOpen(line('true /i /o /e / timeout=99999999999'));
    expect(session.calls[1]?.[1])
      .to.have.property('timeout')
      .that.is.at.most(2 ** 31 - 1);
  });
});
