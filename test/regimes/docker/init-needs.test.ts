import { expect } from 'chai';

import {
  bootsInit,
  firstProcess,
  prepareForInit,
  type EngineTraits,
} from '../../../regimes/docker/init.ts';
import { IDLE, type Recipe } from '../../../regimes/docker/recipe.ts';

const DOCKER: EngineTraits = { podman: false, cgroups: 1, mapped: false, api: 41 };

function prepared(traits: Partial<EngineTraits>, given: Recipe['body'] = {}): Recipe['body'] {
  const recipe: Recipe = { body: given, networks: [] };
  prepareForInit({ ...DOCKER, ...traits }, recipe);
  return recipe.body;
}

describe('an init', () => {
  const image = (label: string) => ({
    id: '',
    labels: { 'org.debian.autopkgtest.init': label },
    command: [],
  });

  it('is booted where the label names one, unless the command line says otherwise', () => {
    for (const name of ['systemd', 'sysv-rc', 'openrc']) {
      expect(bootsInit(undefined, image(name)), name).to.equal(true);
      expect(bootsInit(false, image(name)), name).to.equal(false);
    }
    for (const name of ['none', '']) {
      expect(bootsInit(undefined, image(name)), name).to.equal(false);
      expect(bootsInit(true, image(name)), name).to.equal(true);
    }
  });

  it('is the command of an image that boots by itself, else /sbin/init', () => {
    const own = { ...image(''), command: ['/lib/systemd/systemd', '--show-status'] };
    expect(firstProcess(own, true)).to.deep.equal(own.command);
    expect(firstProcess({ ...image(''), command: ['bash'] }, true)).to.deep.equal(['/sbin/init']);
    expect(firstProcess(own, false)).to.equal(IDLE);
  });

  it('gets the control groups that the engine can give it', () => {
    const first = prepared({}).HostConfig;
    expect(first?.Binds).to.deep.equal(['/sys/fs/cgroup/systemd:/sys/fs/cgroup/systemd']);
    expect(first?.MaskedPaths).to.include('/sys/fs/cgroup/systemd/release_agent');
    const old = prepared({ cgroups: 2, api: 47 }).HostConfig;
    expect(old).to.deep.include({ CgroupnsMode: 'host' });
    expect(old?.Binds).to.deep.equal(['/sys/fs/cgroup:/sys/fs/cgroup']);
    const newer = prepared({ cgroups: 2, api: 48 }).HostConfig;
    expect(newer).to.deep.include({ CgroupnsMode: 'private' });
    expect(newer?.SecurityOpt).to.deep.equal(['writable-cgroups=true']);
    expect(newer?.Binds).to.equal(undefined);
    for (const traits of [{ podman: true }, { cgroups: 2, mapped: true }] as const) {
      const none = prepared(traits).HostConfig;
      expect(none).to.not.have.any.keys('Binds', 'SecurityOpt', 'CgroupnsMode');
    }
    expect(prepared({}, { HostConfig: { Privileged: true } }).HostConfig?.Binds).to.equal(
      undefined,
    );
  });

  it('leaves alone what the arguments say', () => {
    const Tmpfs = { '/run': 'size=1m' };
    const CapDrop = ['ALL'];
    const Binds = ['/sys/fs/cgroup:/sys/fs/cgroup:ro'];
    const host = prepared({}, { HostConfig: { Tmpfs, CapDrop, Binds } }).HostConfig;
    expect(host).to.deep.include({ Binds, CapDrop });
    expect(host?.Tmpfs).to.deep.equal({ '/run': 'size=1m', '/run/lock': 'mode=1777' });
    expect(host?.CapAdd).to.equal(undefined);
    expect(prepared({}).HostConfig?.CapAdd).to.deep.equal(['SYS_BOOT']);
  });
});
