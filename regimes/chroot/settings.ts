import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import { bufferOf, bytesOf, textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { shown, UsageError } from '../../src/errors.ts';
import { isTarballName } from '../../src/place/tarball-name.ts';
import type { Arguments, Offer } from '../../src/regime.ts';

/** A file or directory of the outer Place that is shown in the testbed. */
export interface Bind {
  source: Bytes;
  target: Bytes;
  readonly: boolean;
}

/** The command line of the chroot regime, checked. */
export interface ChrootSettings {
  kind: 'directory' | 'tarball';
  /** Absolute where the outer Place is this host. */
  source: Bytes;
  /** The directories below / that outlive revert. */
  keep: Argv;
  inPlace: boolean;
  net: 'host' | 'none';
  binds: Bind[];
  /** The size of a tmpfs, as mount takes it. */
  size?: Bytes;
  pids?: number;
  /** Bytes. */
  memory?: number;
  privileged: boolean;
  /** The persona for personality(2); left out where it is to stay. */
  personality?: number;
  /** Words to put before a command that is to run as root. */
  gainRoot: Argv;
}

/** Checks the words of a command line. @throws UsageError */
export function readSettings(given: Arguments, local: boolean): ChrootSettings {
  const [source, ...more] = given.operands;
  if (!source || more.length > 0) {
    const hint = more.length > 0 ? "; 'regime run' runs a command in a testbed" : '';
    throw new UsageError(`it takes one operand: DIR, TARBALL or /${hint}`);
  }
  const kind = local ? kindOf(source) : kindByName(source);
  const inPlace = given.flag('in-place');
  const keep = ['home', 'tmp']
    .filter((name) => given.flag(`keep-${name}`))
    .map((name) => `/${name}`);
  if (inPlace && (kind === 'tarball' || isRoot(source))) {
    throw new UsageError('--in-place works in a directory, not in a tarball or in /');
  }
  for (const [name, set] of [
    ['keep-home', keep.includes('/home')],
    ['keep-tmp', keep.includes('/tmp')],
    ['size', given.value('size') !== undefined],
  ] as const) {
    if (inPlace && set) throw new UsageError(`--in-place and --${name} exclude each other`);
  }
  const size = given.value('size');
  if (size !== undefined && !/^[1-9][0-9]*[kKmMgG%]?$/.test(size)) badValue('size', size, 'a size');
  const pids = given.value('pids');
  if (pids !== undefined && !/^[1-9][0-9]{0,6}$/.test(pids)) badValue('pids', pids, 'a number');
  const memory = given.value('memory');
  const personality = readArchitecture(given.value('arch'));
  return {
    kind,
    source: local ? absolute(source) : source,
    keep,
    inPlace,
    net: readNet(given.value('net') ?? 'host'),
    binds: given.values('bind').map((word) => readBind(word, local)),
    ...(size !== undefined && { size }),
    ...(pids !== undefined && { pids: Number(pids) }),
    ...(memory !== undefined && { memory: readBytes(memory) }),
    privileged: given.flag('privileged'),
    ...(personality !== undefined && { personality }),
    gainRoot: (given.value('gain-root') ?? '').split(' ').filter((word) => word !== ''),
  };
}

/** True for the outer Place's own root. */
export function isRoot(path: Bytes): boolean {
  return /^\/+$/.test(path);
}

function kindOf(source: Bytes): 'directory' | 'tarball' {
  const status = statSync(bufferOf(source), { throwIfNoEntry: false });
  if (status?.isDirectory()) return 'directory';
  if (status?.isFile()) return 'tarball';
  throw new UsageError(
    status ? `neither a directory nor a tarball: ${shown(source)}` : `there is no ${shown(source)}`,
  );
}

/** On another machine nothing can be looked at before `open`. */
function kindByName(source: Bytes): 'directory' | 'tarball' {
  return isTarballName(source) ? 'tarball' : 'directory';
}

/** The outer root where nothing is named; else a directory or a tarball, on another machine by its looks. */
export function offersFor(operand: Bytes | undefined, local: boolean): Offer[] {
  if (operand === undefined) return [{ operands: ['/'] }];
  const status = local ? statSync(bufferOf(operand), { throwIfNoEntry: false }) : undefined;
  const suits = local ? status?.isDirectory() || status?.isFile() : operand.startsWith('/');
  return suits ? [{ operands: [operand] }] : [];
}

function readNet(value: Bytes): 'host' | 'none' {
  if (value !== 'host' && value !== 'none') badValue('net', value, 'host or none');
  return value;
}

function readBind(word: Bytes, local: boolean): Bind {
  const [, source, target, mode] = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(word) ?? [];
  if (!source || !target) badValue('bind', word, 'HOST:TESTBED[:ro], TESTBED an absolute path');
  if (local && !statSync(bufferOf(source), { throwIfNoEntry: false })) {
    throw new UsageError(`--bind: there is no ${shown(source)}`);
  }
  return { source: local ? absolute(source) : source, target, readonly: mode === 'ro' };
}

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

function readBytes(value: Bytes): number {
  const [, digits, unit = ''] = /^([1-9][0-9]*)([kmgt]?)$/i.exec(value) ?? [];
  if (!digits) badValue('memory', value, 'a size as 500M');
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
}

/** sys/personality.h: PER_LINUX32 makes uname say the 32-bit name of the machine. */
const PER_LINUX32 = 0x0008;

function readArchitecture(value: Bytes | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^(i[3-6]86|x86|armhf|armel|armv[67]l?|powerpc|ppc|mips|mipsel|s390|linux32)$/.test(value)) {
    return PER_LINUX32;
  }
  const own: Partial<Record<string, RegExp>> = {
    x64: /^(amd64|x86_64)$/,
    arm64: /^(arm64|aarch64)$/,
    ppc64: /^(ppc64|ppc64el|ppc64le)$/,
    s390x: /^s390x$/,
    riscv64: /^riscv64$/,
    loong64: /^(loong64|loongarch64)$/,
  };
  if (!own[process.arch]?.test(value))
    badValue('arch', value, "the kernel's or a 32-bit one of it");
  return undefined;
}

function absolute(path: Bytes): Bytes {
  if (path.startsWith('/')) return path;
  return bytesOf(resolve(textOf(path)));
}

function badValue(option: string, value: Bytes, wanted: string): never {
  throw new UsageError(`--${option}: not ${wanted}: ${shown(value)}`);
}
