import type { Regime } from '../../src/regime.ts';
import { regime as toy, type ToySettings } from './toy-regime.ts';

/** The same for a regime that passes on what stands after its first operand. */
export const regime: Regime<ToySettings, null> = { ...toy, name: 'passing', passesArguments: true };
