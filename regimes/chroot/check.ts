import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import { bufferOf, type Bytes } from '../../src/bytes.ts';
import { asError, TestbedError } from '../../src/errors.ts';
import { succeeded, type Place } from '../../src/place/place.ts';
import { asRoot, checkPerl, installing } from '../../src/place/programs.ts';
import type { CheckContext, Finding, Regime } from '../../src/regime.ts';
import type { ChrootState } from './index.ts';
import type { ChrootSettings } from './settings.ts';

/** A testbed with nothing asked for but what it is over. */
const PLAIN: Omit<ChrootSettings, 'source'> = {
  kind: 'directory',
  keep: [],
  inPlace: false,
  net: 'host',
  binds: [],
  privileged: false,
  gainRoot: [],
};

/** Opens testbeds and takes them away: over a directory of its own, with limits, and over the outer root. */
export async function checkChroot(
  regime: Regime<ChrootSettings, ChrootState>,
  outer: Place,
  context: CheckContext,
): Promise<Finding[]> {
  const perl = await checkPerl(outer, context.signal);
  if (perl.state === 'missing') return [perl];
  const tried = { regime, outer, context };
  const lower = `${context.directory}/lower`;
  mkdirSync(bufferOf(`${lower}/bin`), { recursive: true });
  // By its shell a root file system is known; nothing is run there.
  writeFileSync(bufferOf(`${lower}/bin/sh`), '', { mode: 0o755 });
  const own = { ...PLAIN, source: lower };
  const [overlay, pids, memory, root] = await Promise.all([
    tryOne({ ...tried, what: 'an overlay in namespaces of its own', name: 'a' }, own),
    tryOne({ ...tried, what: '--pids', name: 'b' }, { ...own, pids: 64 }),
    tryOne({ ...tried, what: '--memory', name: 'c' }, { ...own, memory: 64 << 20 }),
    tryOne({ ...tried, what: 'a testbed over /', name: 'd' }, { ...PLAIN, source: '/' }, ['true']),
  ]);
  const limits = overlay.state === 'missing' ? [] : [pids, memory].map(merelyLimited);
  return [perl, overlay, ...limits, merelyLimited(root)];
}

/** Without it the regime still works. */
function merelyLimited(finding: Finding): Finding {
  return finding.state === 'missing' ? { ...finding, state: 'limited' } : finding;
}

interface Trial {
  regime: Regime<ChrootSettings, ChrootState>;
  outer: Place;
  context: CheckContext;
  what: string;
  /** Tells what it makes from that of the others. */
  name: string;
}

async function tryOne(
  { regime, outer, context, what, name }: Trial,
  settings: ChrootSettings,
  command?: [Bytes],
): Promise<Finding> {
  const { signal, directory } = context;
  const notices: string[] = [];
  const log = { warn: (line: string) => notices.push(line), debug: context.log.debug };
  const own = { signal, log, checkpoint: () => Promise.resolve() };
  const state: ChrootState = {
    name: `regime-check-${process.pid}-${name}`,
    base: `${directory}/${name}`,
    hidden: [],
    gainRoot: [],
  };
  try {
    const testbed = await regime.open(settings, state, outer, own);
    try {
      if (command && !succeeded(await testbed.place.run(command, { signal }))) {
        throw new TestbedError({ step: `${command.join(' ')} does not run in it` });
      }
      const lacks = testbed.traits.limitedRoot ?? notices[0];
      // A notice may begin with the option that it is about.
      const prefix = `${what}: `;
      const detail = lacks?.startsWith(prefix) ? lacks.slice(prefix.length) : lacks;
      return detail === undefined ? { what, state: 'works' } : limited(what, detail);
    } finally {
      await testbed.close(own);
    }
  } catch (cause) {
    signal.throwIfAborted();
    return { what, state: 'missing', detail: asError(cause).message, ...fixFor(cause) };
  }
}

function limited(what: string, detail: string): Finding {
  if (!/only one user id/.test(detail)) return { what, state: 'limited', detail };
  const ids = '--add-subuids 100000-165535 --add-subgids 100000-165535';
  const fix = `${installing('uidmap')} && ${asRoot(`usermod ${ids} ${userInfo().username}`)}`;
  return { what, state: 'limited', detail, fix };
}

function fixFor(cause: unknown): { fix?: string } {
  const { message } = asError(cause);
  if (/apparmor_restrict/.test(message)) {
    return { fix: asRoot('sysctl kernel.apparmor_restrict_unprivileged_userns=0') };
  }
  if (/unprivileged_userns_clone/.test(message)) {
    return { fix: asRoot('sysctl kernel.unprivileged_userns_clone=1') };
  }
  if (/max_user_namespaces/.test(message)) {
    return { fix: asRoot('sysctl user.max_user_namespaces=10000') };
  }
  return /mount an overlay/.test(message) ? { fix: asRoot('modprobe overlay') } : {};
}
