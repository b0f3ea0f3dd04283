// The auxverb where there is neither a program for the machine nor perl: node auxverb.cjs SOCKET
// PROGRAM ARG…. The same as auxverb.pl; without PROGRAM it ends at once. Node would set O_NONBLOCK on the
// caller's descriptors, which are shared with others: so cat(1) reads and writes them. They are
// descriptor 3 there, as libuv clears that flag of the first three.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const { readFileSync, writeSync } = require('node:fs');
const { connect } = require('node:net');
const { isatty } = require('node:tty');

const MOST_UNTAKEN = 262144;

// Node takes its arguments for UTF-8.
const words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
const [path, ...command] = words.slice(
  words.findIndex((word) => word.endsWith('/auxverb.cjs')) + 1,
);
if (command.length === 0) process.exit(0);

const terminal = isatty(0) && isatty(1);
const saved = terminal ? stty('-g') : '';
const outputs = { o: { fd: 1 }, r: { fd: 2 } };
let untaken = 0;
let status;

const server = connect(path);
server.on('error', () => {}).on('close', () => status ?? gone('the testbed has gone'));
const head = terminal ? [process.env.TERM || 'dumb', ...size()] : ['', '0', '0'];
send('a', Buffer.from([...head, ...command].map((word) => `${word}\0`).join(''), 'latin1'));

const input = spawn('/bin/sh', ['-c', 'exec cat <&3 3<&-'], {
  stdio: ['ignore', 'pipe', 'ignore', 0],
});
input.stdout.on('data', (data) => {
  send('i', data);
  untaken += data.length;
  if (untaken >= MOST_UNTAKEN) input.stdout.pause();
});
input.stdout.once('end', () => send('e', Buffer.alloc(0)));

for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) process.on(name, () => dieOf(name));
if (terminal) {
  stty('raw', '-echo');
  process.on('SIGWINCH', () => send('w', Buffer.from(`${size().join('\0')}\0`)));
}

let unread = Buffer.alloc(0);
server.on('data', (chunk) => {
  unread = Buffer.concat([unread, chunk]);
  while (unread.length >= 5) {
    const end = 5 + unread.readUInt32BE(1);
    if (unread.length < end) break;
    obey(String.fromCharCode(unread[0]), unread.subarray(5, end));
    unread = unread.subarray(end);
  }
});

function obey(kind, data) {
  if (kind in outputs) {
    const { stdin } = relayOf(outputs[kind]);
    if (stdin.write(data)) return;
    server.pause();
    stdin.once('drain', () => server.resume());
  } else if (kind === 'k') {
    untaken -= Number(data.toString());
    if (untaken < MOST_UNTAKEN) input.stdout.resume();
  } else if (kind === 'x') {
    status = Number(data.toString());
    const all = Object.values(outputs).map(({ relay }) => relay);
    const open = all.filter((relay) => relay && relay.exitCode === null);
    let left = open.length;
    if (left === 0) leave(status);
    for (const relay of open) relay.once('close', () => --left > 0 || leave(status)).stdin.end();
  } else if (kind === 'g') gone(data.toString('latin1'));
}

/** What writes to one of the caller's descriptors, once there is something to write. */
function relayOf(output) {
  if (output.relay) return output.relay;
  const relay = spawn('/bin/sh', ['-c', 'exec cat >&3 3>&-'], {
    stdio: ['pipe', 'ignore', 'ignore', output.fd],
  });
  // Nobody reads any more: the command ends with us.
  relay.on('exit', (_, signal) => signal === 'SIGPIPE' && dieOf(signal));
  relay.stdin.on('error', () => {});
  return (output.relay = relay);
}

function send(kind, data) {
  const start = Buffer.alloc(5);
  start.write(kind);
  start.writeUInt32BE(data.length, 1);
  server.write(Buffer.concat([start, data]));
}

function stty(...args) {
  const stdio = ['ignore', 'pipe', 'ignore', 0];
  const { stdout } = spawnSync('/bin/sh', ['-c', 'exec stty "$@" <&3', 'sh', ...args], { stdio });
  return stdout.toString().trim();
}

function size() {
  const [rows = '24', columns = '80'] = stty('size').split(' ').filter(Boolean);
  return [rows, columns];
}

function putBack() {
  input?.kill();
  if (terminal) stty(saved);
}

function leave(code) {
  putBack();
  process.exit(code);
}

function gone(why) {
  putBack();
  writeSync(2, `regime: ${why}\n`);
  process.exit(255);
}

function dieOf(signal) {
  putBack();
  // Node ignores SIGPIPE; a listener that goes leaves the default.
  process.once(signal, () => {}).removeAllListeners(signal);
  process.kill(process.pid, signal);
}
