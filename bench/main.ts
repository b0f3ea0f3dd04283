// `npm run bench`: our server and others side by side, in one run, each measurement of the one
// followed by one of the other. `--only PATTERN` takes the rows whose name matches, `--rounds N`
// says how often each side is measured, `--directory DIR` where (5 GiB are written there): on a tmpfs
// the copies show what the programs cost, and not the disk.
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { Skip, type Case } from './case.ts';
import { cases } from './cases/index.ts';
import { describeLoad, describeMachine } from './machine.ts';
import { summarize } from './statistics.ts';
import { renderReport, type Result } from './table.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

const USAGE = 'usage: npm run bench -- [--only PATTERN] [--rounds N] [--directory DIR]';

async function main(): Promise<void> {
  const { only, rounds, directory } = readOptions();
  const chosen = cases.filter(({ name }) => only.test(name));
  console.log(describeMachine());
  const workshop = openWorkshop(directory);
  // Past this all that was made goes with the workshop; a signal ends us, and so the workshop.
  try {
    const results: Result[] = [];
    for (const [index, row] of chosen.entries()) {
      process.stderr.write(`[${index + 1}/${chosen.length}] ${row.name}, against ${row.against}\n`);
      results.push(await measure(row, rounds ?? row.rounds, workshop));
    }
    console.log(renderReport(results));
    console.log(`load average at the end: ${describeLoad()}`);
    if (results.some(({ kind }) => kind === 'failed')) process.exitCode = 1;
  } finally {
    await workshop.close();
  }
}

/** A B A B …, so that what else the machine does meets both. The first round only warms up. */
async function measure(row: Case, rounds: number, workshop: Workshop): Promise<Result> {
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    const pair = await row.prepare(workshop);
    for (let round = 0; round <= rounds; round++) {
      const [mine, other] = [await pair.ours(round), await pair.theirs(round)];
      if (round === 0) continue;
      ours.push(mine);
      theirs.push(other);
    }
    await workshop.finishCase();
    return { kind: 'measured', case: row, ours: summarize(ours), theirs: summarize(theirs) };
  } catch (cause) {
    await workshop.finishCase().catch(() => {});
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { kind: cause instanceof Skip ? 'skipped' : 'failed', case: row, reason };
  }
}

interface Options {
  only: RegExp;
  rounds: number | undefined;
  directory: string;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        directory: { type: 'string' },
      },
    });
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
      throw new Error('--rounds wants a whole number');
    }
    const directory = resolve(values.directory ?? tmpdir());
    return { only: new RegExp(values.only ?? '', 'i'), rounds, directory };
  } catch (cause) {
    console.error(`bench: ${cause instanceof Error ? cause.message : String(cause)}\n${USAGE}`);
    process.exit(2);
  }
}

await main();
