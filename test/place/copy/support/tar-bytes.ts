/** One member of an archive as a hostile tar may send it; nothing is checked. */
export interface RawMember {
  name: string;
  type?: string;
  link?: string;
  mode?: number;
  data?: string;
  /** The size that the header claims, where it is another. */
  size?: number;
  mtime?: number;
  device?: [number, number];
  /** Records of a pax header before it. */
  pax?: Record<string, string>;
}

/** Two blocks of zeros. */
export const END = Buffer.alloc(1024);

/** An archive with its end. Written on its own, so that it shares no mistake with the program's. */
export function archive(...members: RawMember[]): Buffer {
  return Buffer.concat([...members.map(memberBytes), END]);
}

/** The top directory, which an honest tar sends first. */
export const TOP: RawMember = { name: './', type: '5', mode: 0o755 };

export function memberBytes(member: RawMember): Buffer {
  const { name, type = '0', link = '', mode = 0o644, data = '', mtime = 1e9, pax } = member;
  const block = Buffer.alloc(512);
  block.write(name.slice(0, 100), 0, 'latin1');
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  block.write('0000000\x000000000\0', 108);
  block.write(`${(member.size ?? data.length).toString(8).padStart(11, '0')}\0`, 124);
  block.write(`${mtime.toString(8).padStart(11, '0')}\0`, 136);
  block.write('        ', 148);
  block.write(type, 156, 'latin1');
  block.write(link.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257);
  const [major, minor] = member.device ?? [0, 0];
  block.write(`${major.toString(8).padStart(7, '0')}\0`, 329);
  block.write(`${minor.toString(8).padStart(7, '0')}\0`, 337);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(data.length / 512) * 512);
  body.write(data, 'latin1');
  if (!pax) return Buffer.concat([block, body]);
  const records = Object.entries(pax).map(([key, value]) => paxRecord(key, value));
  return Buffer.concat([
    memberBytes({ name: 'pax', type: 'x', data: records.join('') }),
    block,
    body,
  ]);
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  for (let length = rest.length + 1; ; length++) {
    if (length === rest.length + String(length).length) return `${length}${rest}`;
  }
}
