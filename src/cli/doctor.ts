import { setMaxListeners } from 'node:events';

import { abortOf, anyOf } from '../abort.ts';
import { bytesOf, textOf, type Argv } from '../bytes.ts';
import { asError, shown, UsageError } from '../errors.ts';
import { stderrLogger } from '../log.ts';
import { localPlace } from '../place/local.ts';
import type { Finding } from '../regime.ts';
import { builtInRegimes, locateRegime, type FoundRegime } from '../regimes.ts';
import { checkHost, makeTrialRoom, type TrialRoom } from '../session/check.ts';
import { repositoryIn } from '../session/repository.ts';
import { didYouMean } from './closest.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { dieBy, haltOnSignals, Signalled } from './signals.ts';

/** Milliseconds after which a check that does not come back counts as failed. */
const PATIENCE = 20_000;

/** `regime doctor` */
export const doctorCommand: Command = {
  name: 'doctor',
  summary:
    'Tries what regimes need on this machine, and says what works, what is missing and which ' +
    'command would mend it. Without a name all regimes are tried, and one that works is enough. ' +
    'Nothing is changed.',
  options: [
    { name: 'json', help: 'Print JSON, for programs.' },
    {
      name: 'state-dir',
      value: 'DIR',
      help: 'Try DIR for the session records, not the state directory of the user.',
    },
    commonOptions.debug,
    commonOptions.help,
  ],
  page: 'regime-doctor(1)',
};

/** What was found about one regime, or about what all of them need. */
interface Diagnosis {
  /** Left out for what all need. */
  regime?: string;
  works: boolean;
  findings: Finding[];
}

/**
 * `regime doctor`. Resolves with the exit status: 0 where all that was asked for works, or where nothing
 * was named, one of them; else 1.
 */
export async function doctor(args: Argv): Promise<number> {
  let halt: AbortSignal | undefined;
  const status = await runCommand(doctorCommand, args, async ({ operands, flag, value }) => {
    const names =
      operands.length > 0 ? operands.map(textOf) : builtInRegimes.map(({ name }) => name);
    const regimes = await Promise.all(names.map(locate));
    halt = haltOnSignals();
    const log = stderrLogger(flag('debug'));
    const signal = anyOf(halt, AbortSignal.timeout(PATIENCE));
    // All checks run side by side: that many listeners are no leak.
    setMaxListeners(0, signal);
    const room = makeTrialRoom(repositoryIn(value('state-dir')));
    try {
      const shared = diagnose(checkHost(room, signal), signal);
      const each = regimes.map((found) => examine(found, room, { signal, log }));
      const all = await Promise.all([shared, ...each]);
      halt.throwIfAborted();
      const works = worksOverall(all, operands.length > 0);
      process.stdout.write(flag('json') ? asJson(all, works) : all.map(asText).join('\n'));
      return works ? 0 : 1;
    } finally {
      room.remove();
    }
  });
  if (halt?.reason instanceof Signalled) dieBy(halt.reason.signal);
  return status;
}

/** No machine has every regime: those have to work that were named. */
function worksOverall([shared, ...regimes]: readonly Diagnosis[], named: boolean): boolean {
  const does = ({ works }: Diagnosis) => works;
  return shared?.works === true && (named ? regimes.every(does) : regimes.some(does));
}

async function locate(name: string): Promise<FoundRegime> {
  const found = await locateRegime(name);
  if (found) return found;
  const names = builtInRegimes.map((entry) => entry.name);
  throw new UsageError(`there is no regime ${shown(bytesOf(name))}${didYouMean(name, names)}`);
}

async function examine(
  { reference, regime }: FoundRegime,
  { directory }: TrialRoom,
  { signal, log }: { signal: AbortSignal; log: ReturnType<typeof stderrLogger> },
): Promise<Diagnosis> {
  const context = { signal, log, directory: bytesOf(directory) };
  const checked = regime.check?.(localPlace, context) ?? Promise.resolve([]);
  return { regime: reference, ...(await diagnose(checked, signal)) };
}

async function diagnose(checked: Promise<Finding[]>, signal: AbortSignal): Promise<Diagnosis> {
  const findings = await Promise.race([checked, abortOf(signal)]).catch(
    (cause: unknown): Finding[] => [
      { what: 'the check', state: 'missing', detail: asError(cause).message },
    ],
  );
  const all = findings ?? [
    {
      what: 'the check',
      state: 'missing',
      detail: `no end within ${PATIENCE / 1000} s`,
    } satisfies Finding,
  ];
  return { works: all.every(({ state }) => state !== 'missing'), findings: all };
}

function asText({ regime, works, findings }: Diagnosis): string {
  const title = regime ?? 'for all regimes';
  const lines = findings.flatMap(({ state, what, detail, fix }) => [
    `  ${state.padEnd(8)} ${what}${detail === undefined ? '' : `: ${detail}`}`,
    ...(fix === undefined ? [] : [`           mend it: ${fix}`]),
  ]);
  const head = `${title}: ${works ? 'works' : 'does not work here'}`;
  return [head, ...lines].map((line) => `${printable(line)}\n`).join('');
}

/** Keeps the indentation, which `shown` takes off. */
function printable(line: string): string {
  const [indent = ''] = /^ */.exec(line) ?? [];
  return indent + shown(bytesOf(line));
}

/** The names are an interface. */
function asJson(all: readonly Diagnosis[], works: boolean): string {
  const [shared, ...regimes] = all;
  const whole = {
    works,
    shared: shared?.findings,
    regimes: regimes.map((one) => ({
      regime: one.regime,
      works: one.works,
      findings: one.findings,
    })),
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}
