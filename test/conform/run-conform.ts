import { spawn } from 'node:child_process';

import { projectRoot } from '../support/server.ts';

/** What `regime conform` said of one case. */
export interface Result {
  title: string;
  passed: boolean;
  /** Why it was skipped; left out where it wasn't. */
  reason?: string;
  /** The YAML block of a failure. */
  diagnostics: string;
}

export interface Conformance {
  status: number | null;
  output: string;
  errors: string;
  results: Result[];
}

/** The argv that runs the suite from the source text. */
const FROM_SOURCE = [
  process.execPath,
  '--import',
  'tsx',
  '--input-type=module',
  '--eval',
  `import { conform } from '${projectRoot}/src/cli/conform.ts';
   process.exitCode = await conform(process.argv.slice(1));`,
  '--',
];

/** Runs the conformance suite and takes its TAP apart. */
export async function runConform(
  args: readonly string[],
  program: readonly string[] = FROM_SOURCE,
): Promise<Conformance> {
  const [command = '', ...rest] = program;
  const child = spawn(command, [...rest, ...args], {
    cwd: program === FROM_SOURCE ? projectRoot : '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, output, errors, results: parseTap(output) };
}

/** Titles of the failed cases, in their order. */
export function failures({ results }: Conformance): string[] {
  return results.filter((result) => !result.passed).map((result) => result.title);
}

function parseTap(output: string): Result[] {
  const results: Result[] = [];
  for (const line of output.split('\n')) {
    const match = /^(not )?ok [0-9]+ - (.*?)(?: # SKIP (.*))?$/.exec(line);
    if (match) {
      const [, not, title = '', reason] = match;
      results.push({ title, passed: !not, diagnostics: '', ...(reason && { reason }) });
    } else if (line.startsWith('  ')) {
      const last = results.at(-1);
      if (last) last.diagnostics += `${line}\n`;
    }
  }
  return results;
}
