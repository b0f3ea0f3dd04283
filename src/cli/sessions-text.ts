import { bytesOf } from '../bytes.ts';
import { shown } from '../errors.ts';
import type { Survey } from '../session/survey.ts';

const HEADS = ['ID', 'AGE', 'REGIME', 'STATE', 'OWNER', 'HOLDS'];

/** A line for each session, under a line of heads; empty where there is none. */
export function renderTable(all: readonly Survey[], now = Date.now()): string {
  if (all.length === 0) return '';
  const rows = [
    HEADS,
    ...all.map((survey) => [
      survey.id,
      survey.created === undefined ? '-' : ageOf(now - survey.created),
      chainOf(survey),
      standingOf(survey),
      ownerOf(survey),
      survey.problem ?? (survey.holds.join('; ') || '-'),
    ]),
  ].map((row) => row.map((cell) => shown(bytesOf(cell))));
  const widths = HEADS.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** All that is known of a session, a line each. */
export function describeSurvey(survey: Survey): string {
  const time = (stamp: number | undefined) =>
    stamp === undefined ? '-' : new Date(stamp).toISOString();
  const lines: [string, string][] = [
    ['id', survey.id],
    ['regime', chainOf(survey)],
    ['state', standingOf(survey)],
    ['owner', ownerOf(survey)],
    ['made', time(survey.created)],
    ['changed', time(survey.changed)],
    ['directory', survey.directory],
    ...(survey.share === undefined ? [] : [['share', survey.share] satisfies [string, string]]),
    ...survey.holds.map((phrase): [string, string] => ['holds', phrase]),
    ...(survey.problem === undefined
      ? []
      : [['problem', survey.problem] satisfies [string, string]]),
  ];
  return lines
    .map(([name, value]) => `${`${name}:`.padEnd(11)}${shown(bytesOf(value))}\n`)
    .join('');
}

/** A session as a plain object: the names are an interface, times are ISO 8601 in UTC. */
export function surveyAsJson(survey: Survey): Record<string, unknown> {
  const time = (stamp: number | undefined) =>
    stamp === undefined ? null : new Date(stamp).toISOString();
  return {
    id: survey.id,
    regime: survey.regimes,
    state: survey.standing,
    owner: survey.owner ?? null,
    created: time(survey.created),
    changed: time(survey.changed),
    kept: survey.standing === 'kept' || survey.toBeKept,
    directory: survey.directory,
    share: survey.share ?? null,
    holds: survey.holds,
    problem: survey.problem ?? null,
  };
}

function chainOf({ regimes }: Survey): string {
  return regimes.join(' + ') || '-';
}

function standingOf({ standing, toBeKept }: Survey): string {
  return toBeKept ? `${standing}, to be kept` : standing;
}

function ownerOf({ owner, standing }: Survey): string {
  if (!owner) return '-';
  return standing === 'elsewhere' ? `${owner.pid} on ${owner.machine}` : String(owner.pid);
}

/** As `45s`, `12m`, `3h` or `5d`. */
function ageOf(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
