// `npm run lint`: every linter, all of them even when one fails; silent ones say only that all is well.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, ensureInstalled } from './set-up.mjs';

ensureInstalled();
const scripts = ['src', 'regimes', 'test'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`),
);
const pages = readdirSync(join(ROOT, 'man')).filter((name) => /\.[1-9]$/.test(name));
const bin = (name) => join(ROOT, 'node_modules/.bin', name);

const results = [
  lint('tsc', [bin('tsc'), '-p', '.']),
  lint('eslint', [bin('eslint'), '--max-warnings=0', '.']),
  lint('prettier', [bin('prettier'), '--check', '--log-level=warn', '.']),
  lint('knip', [bin('knip')]),
  ...pages.map((page) =>
    lint(`mandoc ${page}`, ['mandoc', '-T', 'lint', '-W', 'warning', `man/${page}`]),
  ),
  ...['.ci/run', ...scripts.filter((name) => name.endsWith('.sh'))].map((name) =>
    lint(`sh -n ${name}`, ['sh', '-n', name]),
  ),
  ...scripts
    .filter((name) => name.endsWith('.pl'))
    .map((name) => lint(`perl -c ${name}`, ['perl', '-wc', name])),
];
process.exitCode = results.every(Boolean) ? 0 : 1;

function lint(label, [program, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const good = status === 0;
  console.log(`${good ? 'ok    ' : 'FAILED'} ${label}`);
  if (!good) console.log(error?.message ?? `${stdout}${stderr}`.trimEnd());
  return good;
}
