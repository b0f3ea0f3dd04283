import type { Regime } from './regime.ts';

/** A regime of ours before it is loaded: what `regime --help` needs to know of it. */
export interface RegimeEntry {
  readonly name: string;
  /** The same words as the regime's own (a test compares them). */
  readonly summary: string;
  load(): Promise<{ regime: Regime }>;
}

/** The regimes that each are one way to have a testbed. This is the only file that names them all. */
const plainRegimes: readonly RegimeEntry[] = [
  {
    name: 'null',
    summary: 'this host itself; nothing reverts',
    load: () => import('../regimes/null/index.ts'),
  },
  {
    name: 'chroot',
    summary: 'a directory, a tarball or the host itself under an overlay that is thrown away',
    load: () => import('../regimes/chroot/index.ts'),
  },
  {
    name: 'ssh',
    summary: 'a machine behind ssh; it reverts with another regime inside',
    load: () => import('../regimes/ssh/index.ts'),
  },
  {
    name: 'docker',
    summary: "a container of Docker's engine, or of podman's service",
    load: () => import('../regimes/docker/index.ts'),
  },
  {
    name: 'podman',
    summary: "a container of podman's service",
    load: async () => ({ regime: (await import('../regimes/docker/index.ts')).podman }),
  },
];

/** All regimes that come with the program. */
export const builtInRegimes: readonly RegimeEntry[] = [
  ...plainRegimes,
  {
    name: 'auto',
    summary: 'the strongest of these that works here',
    async load() {
      const { autoRegime } = await import('../regimes/auto/index.ts');
      const loaded = await Promise.all(plainRegimes.map(({ load }) => load()));
      return { regime: autoRegime(loaded.map(({ regime }) => regime)) };
    },
  },
];

/** A regime that was found, and what it is found by in another process. */
export interface FoundRegime {
  /** Its name, or the absolute path of its module. */
  reference: string;
  regime: Regime;
}

/**
 * Finds a regime by its name, by the path of a module, or by the name of an installed package
 * `regime-NAME`. Resolves with nothing where there is none.
 * @throws UsageError where there is a module that is no regime, or does not load
 */
export async function locateRegime(word: string): Promise<FoundRegime | undefined> {
  const entry = builtInRegimes.find(({ name }) => name === word);
  if (entry) return { reference: entry.name, regime: (await entry.load()).regime };
  return (await import('./cli/outside-regimes.ts')).locateOutsideRegime(word);
}

/** The regime that `locateRegime` finds, or that an earlier `reference` of it names. */
export async function findRegime(word: string): Promise<Regime | undefined> {
  return (await locateRegime(word))?.regime;
}
