import type { AnyAuthMethod, Prompt } from 'ssh2';

import { textOf } from '../../../src/bytes.ts';
import type { Context } from '../../../src/regime.ts';
import { agentOf } from './agent.ts';
import { ask } from './ask.ts';
import { ATTEMPTS, nameOf, passwords } from './passwords.ts';
import { findSigners } from './signers.ts';
import type { Target } from './target.ts';

/** A log-in that is under way. */
export interface Authentication {
  /**
   * The next way to try; nothing where there is none left.
   * @param methods what the server would take; null before it was asked
   */
  next(methods: readonly string[] | null): Promise<AnyAuthMethod | undefined>;
  /** The ways that were tried, for messages. */
  readonly tried: readonly string[];
  /** What the server would take, for messages. */
  readonly accepted: readonly string[];
}

type Surroundings = Pick<Context, 'signal' | 'log'>;

/** Where a server counts failures (MaxAuthTries, 6 by default), the password has to have its turn. */
const KEYS_BEFORE_PASSWORD = 4;

/** Prepares to log in, in the ways and with the keys that a target names. */
export function authenticate(target: Target, context: Surroundings): Authentication {
  const { user, credentials } = target;
  const tried: string[] = [];
  let accepted: readonly string[] = [];
  const ways = new Map(
    credentials.methods.map((method) => [method, attempts(method, target, context, tried)]),
  );
  return {
    tried,
    get accepted() {
      return accepted;
    },
    async next(methods) {
      if (methods === null) return { type: 'none', username: user };
      accepted = methods;
      for (const [method, way] of ways) {
        if (!methods.includes(method)) continue;
        const attempt = await way.next();
        if (!attempt.done) return attempt.value;
      }
      return undefined;
    },
  };
}

type Attempts = AsyncGenerator<AnyAuthMethod, undefined>;

function attempts(
  method: string,
  target: Target,
  context: Surroundings,
  tried: string[],
): Attempts {
  if (method === 'publickey') return keyAttempts(target, context, tried);
  if (method === 'password') return passwordAttempts(target, context.signal, tried);
  return dialogueAttempts(target, context.signal, tried);
}

/** Where an own agent for each key makes ssh2 ask the server first whether it would take that key. */
async function* keyAttempts(
  { user, credentials }: Target,
  context: Surroundings,
  tried: string[],
): Attempts {
  const signers = await findSigners(credentials, context);
  const isSparing = credentials.password !== undefined && !credentials.namesFiles;
  for (const signer of isSparing ? signers.slice(0, KEYS_BEFORE_PASSWORD) : signers) {
    tried.push(signer.label);
    yield { type: 'agent', username: user, agent: await agentOf(signer) };
  }
  return undefined;
}

async function* passwordAttempts(target: Target, signal: AbortSignal, tried: string[]): Attempts {
  for await (const password of passwords(target, 'login', signal)) {
    tried.push('a password');
    yield { type: 'password', username: target.user, password: textOf(password) };
  }
  return undefined;
}

/**
 * keyboard-interactive: the first question whose answer is not to be seen is taken for the one for the
 * password.
 */
async function* dialogueAttempts(
  { user, label, credentials }: Target,
  signal: AbortSignal,
  tried: string[],
): Attempts {
  const { password, answers, mayAsk } = credentials;
  const name = nameOf(credentials, 'login');
  const given = await password?.();
  for (let attempt = 0; attempt < (given === undefined ? ATTEMPTS : 1); attempt += 1) {
    const known = given ?? answers.get(name);
    if (known === undefined && !mayAsk) return undefined;
    const heard = { first: false, silence: false };
    const answerTo = async ({ prompt, echo = false }: Prompt): Promise<string> => {
      const isFirst = !echo && !heard.first;
      heard.first ||= isFirst;
      if (isFirst && known !== undefined) return textOf(known);
      const question = { prompt: `(${label}) ${prompt}`, echo, signal };
      const answer = mayAsk && !heard.silence ? await ask(question) : undefined;
      heard.silence ||= answer === undefined;
      if (isFirst && answer !== undefined) answers.set(name, answer);
      return textOf(answer ?? '');
    };
    tried.push('a dialogue (keyboard-interactive)');
    yield {
      type: 'keyboard-interactive',
      username: user,
      prompt(_name, _instructions, _language, prompts, finish) {
        void answerAll(prompts, answerTo)
          .catch(() => prompts.map(() => ''))
          .then(finish);
      },
    };
    // It was wrong.
    answers.delete(name);
    if (heard.silence) return undefined;
  }
  return undefined;
}

async function answerAll(
  prompts: readonly Prompt[],
  answerTo: (prompt: Prompt) => Promise<string>,
): Promise<string[]> {
  const answers: string[] = [];
  for (const prompt of prompts) answers.push(await answerTo(prompt));
  return answers;
}
