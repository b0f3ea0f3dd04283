import type { AnyAuthMethod, Prompt } from 'ssh2';

import { textOf, type Bytes } from '../../../src/bytes.ts';
import type { Context } from '../../../src/regime.ts';
import { agentOf } from './agent.ts';
import { ask } from './ask.ts';
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

/** Times that somebody may be asked for a password, as in ssh. */
const ATTEMPTS = 3;

/** Where a server counts failures (MaxAuthTries, 6 by default), the password has to have its turn. */
const KEYS_BEFORE_PASSWORD = 4;

/** Prepares to log in, in the ways and with the keys that a target names. */
export function authenticate(target: Target, context: Surroundings): Authentication {
  const { user, credentials } = target;
  const tried: string[] = [];
  let accepted: readonly string[] = [];
  const secret = passwordSource(target, context);
  const ways = new Map(
    credentials.methods.map((method) => [method, attempts(method, target, context, secret, tried)]),
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
  secret: PasswordSource,
  tried: string[],
): Attempts {
  if (method === 'publickey') return keyAttempts(target, context, tried);
  if (method === 'password') return passwordAttempts(target, secret, tried);
  return dialogueAttempts(target, context, secret, tried);
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

async function* passwordAttempts(
  { user }: Target,
  secret: PasswordSource,
  tried: string[],
): Attempts {
  for (
    let password = await secret.first();
    password !== undefined;
    password = await secret.next()
  ) {
    tried.push('a password');
    yield { type: 'password', username: user, password: textOf(password) };
  }
  return undefined;
}

/** keyboard-interactive: what is not to be echoed is taken for a question for the password, once. */
async function* dialogueAttempts(
  { user, label, credentials }: Target,
  { signal }: Surroundings,
  secret: PasswordSource,
  tried: string[],
): Attempts {
  const known = await secret.known();
  if (known === undefined && !credentials.mayAsk) return undefined;
  for (let attempt = 0; attempt < (known === undefined ? ATTEMPTS : 1); attempt += 1) {
    tried.push('a dialogue (keyboard-interactive)');
    let unused = known;
    const answerTo = async ({ prompt, echo = false }: Prompt): Promise<string> => {
      const own = echo ? undefined : unused;
      if (own !== undefined) unused = undefined;
      const question = { prompt: `(${label}) ${prompt}`, echo, signal };
      const answer = own ?? (credentials.mayAsk ? await ask(question) : undefined);
      return textOf(answer ?? '');
    };
    yield {
      type: 'keyboard-interactive',
      username: user,
      prompt(_name, _instructions, _language, prompts, finish) {
        void answerAll(prompts, answerTo).then(finish);
      },
    };
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

/** Where passwords come from: what was given, what was answered before, the terminal. */
interface PasswordSource {
  /** Without asking. */
  known(): Promise<Bytes | undefined>;
  first(): Promise<Bytes | undefined>;
  /** Another one, where the last was wrong. */
  next(): Promise<Bytes | undefined>;
}

function passwordSource({ label, credentials }: Target, { signal }: Surroundings): PasswordSource {
  const { password, answers, mayAsk } = credentials;
  let left = ATTEMPTS;
  const fromTerminal = async () => {
    if (!mayAsk || left === 0) return undefined;
    left -= 1;
    const answer = await ask({ prompt: `Password of ${label}:`, signal });
    // Further connections are opened without a question.
    if (answer !== undefined) answers.set('password', answer);
    return answer;
  };
  const known = async () => (await password?.()) ?? answers.get('password');
  return {
    known,
    first: async () => (await known()) ?? (await fromTerminal()),
    next: async () => (password ? undefined : fromTerminal()),
  };
}
