import { expect } from 'chai';

import { capabilityWords } from '../../../../regimes/ssh/setup/answer.ts';
import { requestOf } from '../../../../regimes/ssh/setup/request.ts';

describe('the host that a setup script made', () => {
  const own = { hostKey: 'accept-new', knownHosts: '/s/known_hosts' } as const;

  it('is what it says', () => {
    const answer = {
      hostname: '10.0.0.7',
      login: 'ubuntu',
      port: '2222',
      identity: '/home/joe/.ssh/id_ed25519',
      options: '-q -o ConnectTimeout=5 -oServerAliveInterval=3  -J jump.example',
    };
    expect(requestOf({}, answer, '/s/known_hosts')).to.deep.equal({
      host: '10.0.0.7',
      user: 'ubuntu',
      port: 2222,
      identityFiles: ['/home/joe/.ssh/id_ed25519'],
      options: [
        ['ConnectTimeout', '5'],
        ['ServerAliveInterval', '3'],
        ['ProxyJump', 'jump.example'],
      ],
      ...own,
    });
  });

  it('is what the command line says where that says something', () => {
    const answer = { hostname: 'there', login: 'joe', port: '22', options: '-o Port=1 -l ann' };
    const given = { host: 'here', user: 'root', port: 2200, options: [['Port', '3']] as const };
    expect(requestOf(given, answer, '/s/known_hosts')).to.deep.equal({
      host: 'here',
      user: 'root',
      port: 2200,
      options: [
        ['Port', '3'],
        ['Port', '1'],
        ['User', 'ann'],
      ],
      ...own,
    });
  });

  it('must be named, and in words that can be followed', () => {
    const failing = (answer: object) => () => requestOf({}, answer, '/s/known_hosts');
    const step = 'what the setup script says can not be followed: ';
    expect(failing({})).to.throw(`${step}it prints no line hostname=`);
    expect(failing({ hostname: 'h', options: '-L 1:2:3' })).to.throw(
      `${step}ssh's option -L means nothing here`,
    );
    expect(failing({ hostname: 'h', port: 'x' })).to.throw(step);
    expect(failing({ hostname: 'h', options: '-o' })).to.throw("ssh's option -o needs a value");
  });

  it('has the capabilities that it lists, parted by commas or spaces', () => {
    expect(capabilityWords({ capabilities: 'revert, reboot isolation-machine' })).to.deep.equal([
      'revert',
      'reboot',
      'isolation-machine',
    ]);
    expect(capabilityWords({})).to.deep.equal([]);
  });
});
