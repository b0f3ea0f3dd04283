import type { Argv, Bytes } from '../bytes.ts';
import { succeeded, type Place } from '../place/place.ts';
import type { Context } from '../regime.ts';

const ROOT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const USER_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games';

/**
 * The environment of a login on a testbed: PATH, HOME, USER, SHELL, then what /etc/environment and
 * /etc/default/locale say, in the order in which pam_env(8) reads them.
 * @param answers of the probe: `uid`, `self` (NAME:HOME:SHELL) and the files by their path
 */
export async function loginEnvironment(
  answers: ReadonlyMap<string, Bytes>,
  place: Place,
  context: Context,
): Promise<Argv> {
  const root = answers.get('uid') === '0';
  const [name, home, shell] = (answers.get('self') ?? '').split(':');
  const user = name || (root ? 'root' : 'nobody');
  const variables = new Map<Bytes, Bytes>([
    ['PATH', root ? ROOT_PATH : USER_PATH],
    ['HOME', home || (root ? '/root' : '/')],
    ['USER', user],
    ['LOGNAME', user],
    ['SHELL', shell || '/bin/sh'],
  ]);
  for (const file of ['/etc/environment', '/etc/default/locale']) {
    for (const [key, value] of readAssignments(answers.get(file) ?? '')) variables.set(key, value);
  }
  await checkLocale(variables, place, context);
  return [...variables].map(([key, value]) => `${key}=${value}`);
}

/** Lines `[export ]NAME=VALUE` as pam_env(8) reads them: comments, and one pair of quotes. */
export function readAssignments(text: Bytes): [Bytes, Bytes][] {
  const assignments: [Bytes, Bytes][] = [];
  for (const line of text.split('\n')) {
    const [, key, value] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const [, , quoted] = /^(["'])(.*)\1$/.exec(value) ?? [];
    assignments.push([key, quoted ?? value.replace(/\s+#.*$/, '')]);
  }
  return assignments;
}

/** A locale that is named but not there makes programs complain: C.UTF-8 stands in for it. */
async function checkLocale(
  variables: Map<Bytes, Bytes>,
  place: Place,
  { signal }: Context,
): Promise<void> {
  const isLocale = (key: Bytes) => key === 'LANG' || key.startsWith('LC_');
  const named = [...variables].filter(
    ([key, value]) => isLocale(key) && !/^(|C|POSIX|C\.utf-?8)$/i.test(value),
  );
  if (named.length === 0) return;
  const outcome = await place.run(['locale', '-a'], { signal, deadline: 10_000 });
  const there = succeeded(outcome) ? outcome.stdout.split('\n').map(canonical) : [];
  for (const [key, value] of named) {
    if (there.includes(canonical(value))) continue;
    if (key === 'LANG') variables.set(key, 'C.UTF-8');
    else variables.delete(key);
  }
}

/** `locale -a` writes utf8 where people write UTF-8. */
function canonical(locale: Bytes): Bytes {
  return locale.replace(/\.(.*?)(@|$)/, (_, codeset: string, end: string) => {
    return `.${codeset.toLowerCase().replaceAll('-', '')}${end}`;
  });
}
