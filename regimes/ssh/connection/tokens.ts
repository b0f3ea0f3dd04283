import { hostname, homedir, userInfo } from 'node:os';

import { UsageError } from '../../../src/errors.ts';

/** Tokens of ssh_config(5) that depend on the host: `h`, `n`, `p`, `r` and others. */
export type Tokens = Readonly<Record<string, string>>;

/** Replaces `%h` and its like. @throws UsageError for one that is not known */
export function expandTokens(text: string, tokens: Tokens): string {
  const local = hostname();
  const all: Tokens = {
    '%': '%',
    d: homedir(),
    i: String(process.getuid?.() ?? 0),
    L: local.replace(/\..*/, ''),
    l: local,
    u: userInfo().username,
    ...tokens,
  };
  return text.replace(/%(.?)/gs, (_, letter: string) => {
    const value = all[letter];
    if (value === undefined) throw new UsageError(`the token %${letter} is not known in ${text}`);
    return value;
  });
}

/** The name of a file: `~`, `~user` where that is who asks, `${VAR}` and tokens. @throws UsageError */
export function expandPath(path: string, tokens: Tokens): string {
  const home = path.replace(/^~(?=\/|$)/, homedir());
  if (home.startsWith('~')) throw new UsageError(`homes of others are not known: ${path}`);
  const withTokens = expandTokens(home, tokens);
  return withTokens.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined) throw new UsageError(`there is no variable ${name} for ${path}`);
    return value;
  });
}
