import { userInfo } from 'node:os';

/**
 * The home directories of the user, absolute: what HOME says, then what passwd(5) does. None where a
 * container runs us as a user whom its passwd(5) does not know (there Node's own homedir throws).
 */
export function homesOf({ HOME = '' }: NodeJS.ProcessEnv = process.env): string[] {
  return [HOME, registeredHome()].filter((path) => path.startsWith('/'));
}

function registeredHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    return '';
  }
}
