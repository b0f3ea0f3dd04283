import { bytesOf, type Argv } from '../bytes.ts';
import { shown, TestbedError, UsageError } from '../errors.ts';
import type { Regime } from '../regime.ts';
import { findRegime as ourRegimes } from '../regimes.ts';
import { markKept } from '../session/keep.ts';
import { repositoryIn, type Repository } from '../session/repository.ts';
import { surveySessions, type Survey } from '../session/survey.ts';
import { commonOptions, runCommand, type Command, type Given } from './command.ts';
import { explainSilence } from './print.ts';
import { findSession } from './session-words.ts';
import { renderTable, surveyAsJson, describeSurvey } from './sessions-text.ts';

/** `regime sessions` */
export const sessionsCommand: Command = {
  name: 'sessions',
  summary:
    'Shows the sessions of this user, oldest first; with show all that is known of one. keep leaves ' +
    "its testbed to you when its server ends: 'regime shell ID' gets in, 'regime reap ID' takes it away.",
  options: [
    { name: 'json', help: 'Print JSON, for programs.' },
    {
      name: 'share',
      help: 'With show: print only the directory of its share on this host (see regime-session-share(7)).',
    },
    commonOptions.stateDir,
    commonOptions.help,
  ],
  page: 'regime-sessions(1)',
};

type FindRegime = (name: string) => Promise<Regime | undefined>;

/**
 * `regime sessions`. Resolves with the exit status: 0, 1 where it fails, 2 for wrong words.
 * @param findRegime tests have their own
 */
export function sessions(args: Argv, findRegime: FindRegime = ourRegimes): Promise<number> {
  return runCommand(sessionsCommand, args, async (given) => {
    const repository = repositoryIn(given.value('state-dir'));
    const [verb = 'list', ...words] = given.operands;
    if (given.flag('share') && verb !== 'show') throw new UsageError('--share goes with show');
    if (verb === 'list' && words.length === 0) return list(repository, findRegime, given);
    if (verb !== 'show' && verb !== 'keep') {
      const named = await findSession(repository, verb).catch(() => undefined);
      const guess = named ? `; did you mean regime sessions show ${named.id}?` : '';
      throw new UsageError(`sessions: not list, show or keep: ${shown(verb)}${guess}`);
    }
    const [word, ...more] = words;
    if (word === undefined || more.length > 0) {
      throw new UsageError(
        `sessions ${verb} takes the id of one session, as regime sessions shows it`,
      );
    }
    const { id } = await findSession(repository, word);
    return verb === 'show' ? show(repository, id, findRegime, given) : keep(repository, id);
  });
}

async function list(repository: Repository, findRegime: FindRegime, given: Given): Promise<number> {
  const all = await surveySessions(repository, findRegime);
  const json = given.flag('json');
  const text = json ? `${JSON.stringify(all.map(surveyAsJson), null, 2)}\n` : renderTable(all);
  process.stdout.write(text);
  if (text === '') explainSilence('There are no sessions.');
  return 0;
}

async function show(
  repository: Repository,
  id: string,
  findRegime: FindRegime,
  given: Given,
): Promise<number> {
  const survey = await surveyOf(repository, id, findRegime);
  if (given.flag('share')) {
    if (survey.share === undefined) {
      const { shareThere } = survey;
      const step = `session ${id} has no share that can be seen on this host`;
      const hint = 'see regime-session-share(7)';
      if (shareThere === undefined) throw new TestbedError({ step, hint });
      throw new TestbedError({ step: `${step}: it is ${shareThere} on the testbed`, hint });
    }
    process.stdout.write(`${survey.share}\n`);
  } else if (given.flag('json')) {
    process.stdout.write(`${JSON.stringify(surveyAsJson(survey), null, 2)}\n`);
  } else process.stdout.write(describeSurvey(survey));
  return 0;
}

async function keep(repository: Repository, id: string): Promise<number> {
  process.stdout.write(`${await markKept(repository, id)}\n`);
  return 0;
}

async function surveyOf(
  repository: Repository,
  id: string,
  findRegime: FindRegime,
): Promise<Survey> {
  const all = await surveySessions(repository, findRegime);
  const survey = all.find((one) => one.id === id);
  if (!survey) throw new UsageError(`there is no session ${shown(bytesOf(id))}`);
  return survey;
}
