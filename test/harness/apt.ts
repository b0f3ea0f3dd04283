import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The harness' options that let apt in the testbed reach the archive as it does here: the tree has
 * this machine's sources already; its proxies come along in a file of apt's settings.
 */
export function aptOptions(directory: string): string[] {
  const settings = join(directory, 'apt.conf');
  writeFileSync(settings, proxySettings());
  const setUp = [
    'cd /etc/apt/sources.list.d',
    // Source packages too, in both of the formats that apt has.
    "for f in *.sources; do test ! -e $f || sed -i 's/^Types: deb$/Types: deb deb-src/' $f; done",
    "for f in ../sources.list *.list; do test ! -e $f || sed -i '/^deb /{p;s/^deb /deb-src /}' $f; done",
    'apt-get -qq update',
  ].join('; ');
  return [`--copy=${settings}:/etc/apt/apt.conf.d/99regime-test`, `--setup-commands=${setUp}`];
}

/** Undefined where this machine's apt reaches its archive, else why not. */
export function whyNoArchive(directory: string): string | undefined {
  const format = '$(REPO_URI) $(RELEASE)';
  const targets = spawnSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' });
  const [uri, release] = targets.stdout.split('\n')[0]?.split(' ') ?? [];
  if (!uri || !release) return 'apt has no archive';
  const from = `${uri}dists/${release}/InRelease`;
  const args = ['download-file', '-o', 'Acquire::http::Timeout=5', from, join(directory, 'probe')];
  const { status } = spawnSync('/usr/lib/apt/apt-helper', args, { timeout: 20_000 });
  return status === 0 ? undefined : 'apt can not reach its archive';
}

function proxySettings(): string {
  const { stdout } = spawnSync('apt-config', ['dump'], { encoding: 'utf8' });
  const wanted = /^Acquire::(https?::Proxy|https?::Verify|Check-)/;
  const lines = stdout.split('\n').filter((line) => wanted.test(line));
  for (const scheme of ['http', 'https']) {
    const proxy = process.env[`${scheme}_proxy`];
    if (proxy) lines.push(`Acquire::${scheme}::Proxy "${proxy}";`);
  }
  return `${lines.join('\n')}\n`;
}
