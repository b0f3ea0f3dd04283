import type { Bytes } from '../bytes.ts';

/** Decodes the records of a pax header, each `LENGTH KEY=VALUE\n`; the length counts all of it. */
export function readPax(data: Buffer): Map<string, Bytes> {
  const records = new Map<string, Bytes>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const digits = data.toString('latin1', at, Math.min(space, at + 10));
    const end = at + Number(digits);
    if (space < 0 || !/^[1-9][0-9]*$/.test(digits) || end > data.length || data[end - 1] !== 0x0a) {
      throw new Error('a broken pax header');
    }
    const record = data.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw new Error('a broken pax header');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** Encodes one pax record. Its length counts its own digits, hence the second look. */
export function paxRecord(key: string, value: Bytes): Bytes {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (String(length).length > String(rest.length).length)
    length = rest.length + String(length).length;
  return `${length}${rest}`;
}
