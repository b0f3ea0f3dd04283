import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { abortOf, anyOf } from '../../src/abort.ts';
import { asError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import { checkPerl } from '../../src/place/programs.ts';
import type { CheckContext, Finding } from '../../src/regime.ts';
import { agentKeys } from './connection/agent.ts';
import { loadSsh2 } from './connection/load.ts';

/** Milliseconds that an agent may take to answer a check. */
const ANSWER = 2000;

/** Looks at this side: whether a host lets us in shows only when one is named. */
export function checkSsh(outer: Place, context: CheckContext): Promise<Finding[]> {
  const { signal } = context;
  return Promise.all([
    loads('ssh2, which speaks ssh', loadSsh2),
    loads('ssh-config, which reads ssh_config', () => import('ssh-config')),
    checkPerl(outer, signal),
    checkKeys(context),
  ]);
}

async function loads(what: string, load: () => Promise<unknown>): Promise<Finding> {
  try {
    await load();
    return { what, state: 'works' };
  } catch (cause) {
    return { what, state: 'missing', detail: asError(cause).message, fix: 'npm install regime' };
  }
}

/** Keys to log in with. A password, or a key that is named on the command line, does without. */
async function checkKeys({ log, signal }: CheckContext): Promise<Finding> {
  const what = 'keys to log in with';
  const limit = anyOf(signal, AbortSignal.timeout(ANSWER));
  const agent = process.env['SSH_AUTH_SOCK'];
  const asked = agentKeys(agent ? { agent } : {}, { log });
  const held = (await Promise.race([asked, abortOf(limit)])) ?? [];
  const folder = join(homedir(), '.ssh');
  const files = ['id_ed25519', 'id_ecdsa', 'id_rsa'].filter((name) =>
    existsSync(join(folder, name)),
  );
  const ofAgent = agent ? `an agent with ${held.length} keys` : 'no agent';
  const detail = `${ofAgent}; in ${folder}: ${files.join(', ') || 'none'}`;
  if (held.length > 0 || files.length > 0) return { what, state: 'works', detail };
  return { what, state: 'limited', detail, fix: 'ssh-keygen -t ed25519' };
}
