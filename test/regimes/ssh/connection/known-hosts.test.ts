import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import { addKnownHost } from '../../../../regimes/ssh/connection/add-known-host.ts';
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
} from '../../../../regimes/ssh/connection/host-key.ts';
import { findKnownKeys, knownName } from '../../../../regimes/ssh/connection/known-hosts.ts';
import { tempDir } from '../../../support/tempdir.ts';

describe('known_hosts', () => {
  const [one, two, other] = ['ed25519', 'ed25519', 'ecdsa'].map(makeKey);

  it('names hosts as ssh-keygen finds them, in the clear and hashed', () => {
    const names = ['box', '[box]:2222', 'a.example', '10.0.0.1', '[::1]:22022'];
    const file = write(names.map((name) => `${name} ${one!.line}`));
    const hashed = `${tempDir()}/hashed`;
    writeFileSync(hashed, readFileSync(file));
    spawnSync('ssh-keygen', ['-q', '-H', '-f', hashed]);
    expect(readFileSync(hashed, 'utf8')).to.match(/^\|1\|/);
    for (const name of [...names, 'none', '[box]:2223']) {
      const found = spawnSync('ssh-keygen', ['-F', name, '-f', hashed], {
        encoding: 'utf8',
      }).stdout;
      const [, line] = /found: line ([0-9]+)/.exec(found) ?? [];
      for (const path of [file, hashed]) {
        const keys = findKnownKeys(name, [path]).map(({ at }) => at);
        expect(keys, name).to.deep.equal(line ? [`${path}:${line}`] : []);
      }
    }
  });

  it('has patterns, and hosts that are left out of them', () => {
    const file = write([`*.example,!bad.example,box? ${one!.line}`, '# a comment', 'broken']);
    const known = (name: string) => findKnownKeys(name, [file]).length === 1;
    expect(['a.example', 'A.Example', 'box1'].every((name) => known(name.toLowerCase()))).to.equal(
      true,
    );
    expect(['bad.example', 'box', 'box12', 'example'].some(known)).to.equal(false);
  });

  it('lets a known key pass, and one that is known without the port', () => {
    const target = targetOf([`box ${one!.line}`, `box ${other!.line}`]);
    expect(judgeHostKey(target, one!.blob)).to.deep.equal({ known: true });
    expect(judgeHostKey(target, other!.blob)).to.deep.equal({ known: true });
    expect(judgeHostKey({ ...target, port: 2222 }, one!.blob)).to.deep.equal({ known: true });
  });

  it('refuses an unknown key with its fingerprint and the command that adds it', () => {
    const target = { ...targetOf([]), port: 2222 };
    const verdict = judgeHostKey(target, one!.blob);
    expect(verdict).to.include({ known: false, isNew: true });
    const shown = spawnSync('ssh-keygen', ['-l', '-f', '-'], {
      encoding: 'utf8',
      input: one!.text,
    }).stdout;
    expect(shown).to.contain(fingerprint(one!.blob));
    expect(verdict).to.have.property('hint').that.contains(fingerprint(one!.blob));
    expect(verdict).to.have.property('hint').that.contains('ssh-keyscan -p 2222 box >>');
  });

  it('refuses another key with the line of the right one, whatever may be added', () => {
    for (const key of [two!, other!]) {
      const verdict = judgeHostKey(targetOf(['# first', `box ${one!.line}`]), key.blob);
      expect(verdict).to.include({ known: false, isNew: false });
      expect(verdict)
        .to.have.property('refusal')
        .that.matches(/known_hosts:2/);
      expect(verdict)
        .to.have.property('hint')
        .that.matches(/ssh-keygen -f .* -R 'box'/);
    }
  });

  it('refuses a revoked key, and a host that only an authority vouches for', () => {
    const revoked = judgeHostKey(
      targetOf([`box ${one!.line}`, `@revoked * ${one!.line}`]),
      one!.blob,
    );
    expect(revoked)
      .to.have.property('refusal')
      .that.matches(/revoked by .*:2/);
    const authority = judgeHostKey(targetOf([`@cert-authority * ${two!.line}`]), one!.blob);
    expect(authority).to.include({ known: false, isNew: false });
    expect(authority)
      .to.have.property('refusal')
      .that.matches(/certificate authority/);
  });

  it('says which kinds of key to ask for first', () => {
    const [first] = hostKeyAlgorithms(targetOf([`box ${other!.line}`]));
    expect(first).to.equal('ecdsa-sha2-nistp256');
  });

  it('gets a key at its end, hashed where that is wanted, and nothing of it is lost', () => {
    for (const hashNames of [false, true]) {
      const target = targetOf([`other ${two!.line}`.trim()]);
      const [file] = target.hostKeys.userFiles;
      writeFileSync(file!, readFileSync(file!, 'utf8').trimEnd());
      const own = { ...target, port: 2222, hostKeys: { ...target.hostKeys, hashNames } };
      expect(addKnownHost(own, one!.blob)).to.equal(file);
      expect(judgeHostKey(own, one!.blob)).to.deep.equal({ known: true });
      expect(findKnownKeys('other', [file!])).to.have.lengthOf(1);
      expect(readFileSync(file!, 'utf8').includes('[box]')).to.equal(!hashNames);
      const found = spawnSync('ssh-keygen', ['-F', knownName('box', 2222), '-f', file!]);
      expect(found.status).to.equal(0);
    }
  });

  function write(lines: string[]): string {
    const file = `${tempDir()}/known_hosts`;
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    return file;
  }

  function targetOf(lines: string[]) {
    const hostKeys = {
      checking: 'yes' as const,
      userFiles: [write(lines)],
      globalFiles: [],
      hashNames: false,
    };
    return { hostName: 'box', port: 22, hostKeys };
  }
});

function makeKey(type: string) {
  const { stdout } = spawnSync(
    'sh',
    [
      '-c',
      `d=$(mktemp -d) && ssh-keygen -q -t ${type} -N "" -f "$d/key" && cat "$d/key.pub" && rm -r "$d"`,
    ],
    { encoding: 'utf8' },
  );
  const [name = '', base64 = ''] = stdout.split(' ');
  return { line: `${name} ${base64}`, blob: Buffer.from(base64, 'base64'), text: stdout };
}
