import { percentDecode, type Bytes } from '../bytes.ts';

/** What stands in the place of a secret. */
const HIDDEN = '***';

/** Names whose values are nobody's business, of variables and of options. */
const VARIABLE =
  /\b([A-Za-z0-9_]*(?:PASS|SECRET|TOKEN|CREDENTIAL|KEY)[A-Za-z0-9_]*=)('[^']*'|"[^"]*"|\S+)/gi;
const OPTION_NAME = '--?[a-z-]*(?:pass(?:word|wd|phrase)?|secret|token|credentials?|api-?key)';
const OPTION = new RegExp(`((?:^|\\s)${OPTION_NAME}[= ])('[^']*'|"[^"]*"|\\S+)`, 'gi');
const OPTION_ALONE = new RegExp(`^${OPTION_NAME}$`, 'i');
/** The password of a URL; over http what stands before the host may be a token as a whole. */
const PASSWORD = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const TOKEN = /\b(https?:\/\/)[^\s/@]+@/gi;

/**
 * A line of the protocol with what looks like a secret left out: values of variables and options with such
 * names, also in the members of a list and in scripts, and the credentials of URLs.
 */
export function withoutSecrets(line: Bytes): Bytes {
  let isNext = false;
  return line.replace(/[^\s,]+/g, (member) => {
    const plain = percentDecode(member);
    const shown = isNext ? HIDDEN : hide(plain);
    isNext = OPTION_ALONE.test(plain);
    return shown === plain ? member : encode(shown);
  });
}

/** The same for words of a person, as they are. */
export function hide(text: string): string {
  return text
    .replace(VARIABLE, `$1${HIDDEN}`)
    .replace(OPTION, `$1${HIDDEN}`)
    .replace(PASSWORD, `$1${HIDDEN}@`)
    .replace(TOKEN, (whole, scheme: string) =>
      whole.endsWith(`:${HIDDEN}@`) ? whole : `${scheme}${HIDDEN}@`,
    );
}

/** As on the wire, but that what needs no escape to be told apart is left to be read. */
function encode(member: Bytes): Bytes {
  return member.replace(
    /[^A-Za-z0-9_.~/=*:@-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
