import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';

/** Programs of the host that a testbed must never change, and settings of its kernel. */
const PROGRAMS = ['perl', 'env', 'sh', 'bash', 'tar', 'mknod', 'id'];
const FILES = ['/etc/resolv.conf', '/etc/ld.so.preload', '/etc/hosts'];
const ACCOUNTS = ['/etc/passwd', '/etc/shadow'];
const DIRECTORIES = ['/', '/etc', '/tmp', '/dev', '/usr/bin', '/usr/sbin', '/root', '/var', '/srv'];
const KNOBS = ['kernel/core_pattern', 'kernel/hostname', 'kernel/modprobe', 'net/ipv4/ip_forward'];

/** What the host looks like to one who checks whether anything was changed. */
export function fingerprint(): Record<string, string> {
  const shown: Record<string, string> = {};
  const programs = PROGRAMS.flatMap((name) =>
    ['/usr/bin', '/bin'].map((place) => `${place}/${name}`).filter((path) => existsSync(path)),
  );
  for (const path of [...programs.map((name) => realpathSync(name)), ...FILES]) {
    shown[path] = existsSync(path) ? describeFile(path) : 'not there';
  }
  for (const path of ACCOUNTS) {
    const { mode, uid, gid } = statSync(path);
    const others = withoutTestAccounts(readFileSync(path, 'latin1'));
    shown[path] = `${mode.toString(8)} ${uid}:${gid} ${hashOf(others)}`;
  }
  for (const path of DIRECTORIES) {
    const { mode, uid, gid } = statSync(path);
    shown[path] = `${mode.toString(8)} ${uid}:${gid}`;
  }
  for (const knob of KNOBS) {
    const path = `/proc/sys/${knob}`;
    shown[knob] = existsSync(path) ? readFileSync(path, 'latin1') : 'not there';
  }
  shown['policy-rc.d'] = String(existsSync('/usr/sbin/policy-rc.d'));
  shown['devices'] = String(readdirSync('/dev').length > 0);
  return shown;
}

/**
 * The lines of /etc/passwd and the like but those of accounts that test files make and remove: others run
 * side by side with the one that asks.
 */
export function withoutTestAccounts(lines: string): string {
  return lines.replace(/^regime-test-.*\n/gm, '');
}

function describeFile(path: string): string {
  const { mode, uid, gid, mtimeMs, size } = statSync(path);
  return `${mode.toString(8)} ${uid}:${gid} ${mtimeMs} ${size} ${hashOf(readFileSync(path))}`;
}

function hashOf(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
