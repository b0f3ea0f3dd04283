/*
 * The auxverb of a testbed that is reached through the server: auxverb SOCKET PROGRAM ARG…
 * The same as auxverb.pl, for machines that we have built it for; it needs no library. Without
 * arguments it ends at once: so a server sees that it runs here.
 */
#include "../place/stand-in/tools.h"
#include "terminal.h"

enum { HEAD = 5, ROOM = 65536, AT_ONCE = 4096, MOST_UNTAKEN = 262144 };
enum { GONE = 255 };
enum { MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, POLLIN = 1, POLLOUT = 4 };
enum { EINTR = 4, EAGAIN = 11, EPIPE = 32 };

/* A descriptor of the caller's is shared with others, so it never gets O_NONBLOCK. */
enum sort { PLAIN, NEVER_BLOCKS, SOCKET, PIPE_OF_OTHERS };

static struct output {
  int fd;
  enum sort sort;
  word at, held;
  char data[ROOM];
} outputs[2];

static int server, input, ended, resized, closed, done = -1;
static char queue[HEAD + ROOM], arrived[ROOM];
static word queued, queued_at, arrived_end;
static long untaken;

static int is_passing(long error) { return error == -EAGAIN || error == -EINTR; }

static _Noreturn void gone(text why) {
  restore();
  say(2, "regime: "); say(2, why); say(2, "\n");
  leave(GONE);
}

static _Noreturn void die_of(int signal) {
  static word none[8];
  static unsigned long long all = ~0ULL;
  restore();
  K(rt_sigaction, signal, none, 0, 8, 0);
  K(rt_sigprocmask, 1, &all, 0, 8, 0);
  K(kill, K(getpid, 0, 0, 0, 0, 0), signal, 0, 0, 0);
  leave(128 + signal);
}

/* sendto(2) has more arguments than our calls have. */
static long send(int fd, const char *data, word size, int flags) {
  word part[2] = {(word)data, size};
  word message[7] = {0, 0, (word)part, 1, 0, 0, 0};
  return K(sendmsg, fd, message, flags, 0, 0);
}

static void head(char kind, word size) {
  queue[0] = kind;
  for (int i = 1; i < HEAD; i++) queue[i] = (char)(size >> (8 * (4 - i)));
  queued = HEAD + size;
  queued_at = 0;
}

/* The first frame goes while the socket still blocks: it may be longer than the queue. */
static void flush(void) {
  while (queued_at < queued) {
    long sent = send(server, queue + queued_at, queued - queued_at, MSG_NOSIGNAL);
    if (sent > 0) queued_at += (word)sent;
    else if (sent != -EINTR) break; /* the server's last words are to be read */
  }
  queued = queued_at = 0;
}
static void put_word(text s) {
  do {
    if (queued == sizeof queue) flush();
    queue[queued++] = *s;
  } while (*s++);
}

static void ask(text *command, text term) {
  char rows[16] = "0", columns[16] = "0";
  if (terminal) {
    look_at_window();
    join(rows, sizeof rows, digits(window.ws_row), "");
    join(columns, sizeof columns, digits(window.ws_col), "");
  }
  text first[] = {terminal ? term : "", rows, columns, 0};
  word size = 0;
  for (text *w = first; *w; w++) size += length(*w) + 1;
  for (text *w = command; *w; w++) size += length(*w) + 1;
  head('a', size);
  queued = HEAD;
  for (text *w = first; *w; w++) put_word(*w);
  for (text *w = command; *w; w++) put_word(*w);
  flush();
}

static void tell_window(void) {
  word n = HEAD;
  look_at_window();
  for (text s = digits(window.ws_row); (queue[n++] = *s); s++);
  for (text s = digits(window.ws_col); (queue[n++] = *s); s++);
  head('w', n - HEAD);
}

/* A pipe is opened once more, for us alone. */
static int own(int fd, int flags, enum sort *sort) {
  struct status status;
  char name[32];
  *sort = PIPE_OF_OTHERS;
  if (K(statx, fd, "", 0x1000, 1, &status) < 0) return fd; /* AT_EMPTY_PATH, STATX_TYPE */
  int type = status.mode & 0170000;
  if (type != 0010000) {
    *sort = type == 0140000 ? SOCKET : type == 0100000 ? NEVER_BLOCKS : PLAIN;
    return fd;
  }
  join(name, sizeof name, "/proc/self/fd/", digits((unsigned)fd));
  long ours = K(openat, AT_CWD, name, flags | O_NONBLOCK, 0, 0);
  if (ours < 0) return fd;
  *sort = NEVER_BLOCKS;
  return (int)ours;
}

static void take_signal(void) {
  unsigned signal[32];
  if (K(read, signals, signal, sizeof signal, 0, 0) <= 0) return;
  if (*signal != WINCH) die_of((int)*signal);
  resized = 1;
}

/* How many bytes need no more be kept; an output that is broken takes all. */
static word put(struct output *o, const char *from, word size) {
  long sent = o->sort == SOCKET ? send(o->fd, from, size, MSG_DONTWAIT)
                                : K(write, o->fd, from, size, 0, 0);
  if (sent == -EPIPE) die_of(PIPE); /* the command ends with us */
  if (is_passing(sent)) return 0;
  return sent < 0 ? size : (word)sent;
}

static void write_some(struct output *o) {
  /* Where writing may block, no more than fits once poll has said that something does. */
  word size = o->sort == PIPE_OF_OTHERS && o->held > AT_ONCE ? AT_ONCE : o->held;
  word sent = put(o, o->data + o->at, size);
  o->held -= sent;
  o->at = o->held ? o->at + sent : 0;
}

static void obey(char kind, char *words) {
  if (kind == 'k') untaken -= (long)decimal(words);
  if (kind == 'x') done = (int)decimal(words);
  if (kind == 'g') gone(words);
}

/* Takes apart what has arrived, as far as there is room for it. */
static void take_frames(void) {
  static char kind, words[4096];
  static word left, said;
  static int within;
  word at = 0;
  for (;;) {
    if (!within) {
      if (arrived_end - at < HEAD) break;
      kind = arrived[at];
      left = 0;
      for (int i = 1; i < HEAD; i++) left = left << 8 | (byte)arrived[at + (word)i];
      at += HEAD;
      said = 0;
      within = 1;
    }
    struct output *o = kind == 'o' ? &outputs[0] : kind == 'r' ? &outputs[1] : 0;
    word here = left < arrived_end - at ? left : arrived_end - at;
    if (o && here && !o->held && (o->sort == NEVER_BLOCKS || o->sort == SOCKET)) {
      word sent = put(o, arrived + at, here);
      at += sent;
      left -= sent;
    }
    for (; left && at < arrived_end; left--, at++) {
      if (o) {
        if (o->at + o->held == ROOM) break;
        o->data[o->at + o->held++] = arrived[at];
      } else if (said < sizeof words - 1) words[said++] = arrived[at];
    }
    if (left) break;
    within = 0;
    words[said] = 0;
    if (!o) obey(kind, words);
  }
  for (word i = at; i < arrived_end; i++) arrived[i - at] = arrived[i];
  arrived_end -= at;
}

static void read_server(void) {
  long got = K(read, server, arrived + arrived_end, ROOM - arrived_end, 0, 0);
  if (got > 0) arrived_end += (word)got;
  else if (!is_passing(got)) closed = 1;
}

static void write_server(void) {
  long sent = send(server, queue + queued_at, queued - queued_at, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) queued_at += (word)sent;
  else if (!is_passing(sent)) queued_at = queued, input = -1; /* its last words are to be read */
  if (queued_at == queued) queued = 0;
}

static void read_input(void) {
  long got = K(read, input, queue + HEAD, ROOM, 0, 0);
  if (got > 0) head('i', (word)got), untaken += got;
  else if (!is_passing(got)) input = -1, ended = 1;
}

static _Noreturn void relay(void) {
  for (;;) {
    take_frames();
    if (done >= 0 && !outputs[0].held && !outputs[1].held) {
      restore();
      leave(done);
    }
    /* What has arrived may still wait for room, and the status is behind it. */
    if (closed && done < 0 && !outputs[0].held && !outputs[1].held) gone("the testbed has gone");
    if (!queued && resized) resized = 0, tell_window();
    if (!queued && ended) ended = 0, head('e', 0);
    struct { int fd; short events, seen; } polled[] = {
      {server, 0, 0},
      {!queued && untaken < MOST_UNTAKEN ? input : -1, POLLIN, 0},
      {outputs[0].held ? outputs[0].fd : -1, POLLOUT, 0},
      {outputs[1].held ? outputs[1].fd : -1, POLLOUT, 0},
      {signals, POLLIN, 0},
    };
    if (done < 0 && !closed) polled[0].events = (arrived_end < ROOM ? POLLIN : 0) | (queued ? POLLOUT : 0);
    /* Its end would be seen again and again. */
    if (!polled[0].events) polled[0].fd = -1;
    if (K(ppoll, polled, 5, 0, 0, 8) < 0) continue;
    if (polled[0].seen & POLLOUT && queued) write_server();
    if (polled[0].seen & ~POLLOUT && arrived_end < ROOM) read_server();
    if (polled[1].seen) read_input();
    for (int i = 0; i < 2; i++)
      if (polled[2 + i].seen) write_some(&outputs[i]);
    if (polled[4].seen) take_signal();
  }
}

void begin(word *stack) {
  int count = (int)*stack;
  text *words = (text *)(stack + 1), term = "dumb";
  if (count < 3) leave(0);
  for (text *v = words + count + 1; *v; v++)
    if (begins(*v, "TERM=") && (*v)[5]) term = *v + 5;
  /* A caller may have closed one of them: what we open must not take its place. */
  while (must("/dev/null", K(openat, AT_CWD, "/dev/null", 2, 0, 0)) < 3);
  static struct { unsigned short family; char path[108]; } address = {1, ""};
  join(address.path, sizeof address.path, words[1], "");
  server = (int)must("socket", K(socket, 1, 1, 0, 0, 0));
  if (K(connect, server, &address, sizeof address, 0, 0) < 0) gone("the testbed has gone");
  find_terminal();
  /* First, as no change of its size is to be missed. */
  if (terminal) take_terminal();
  ask(words + 2, term);
  enum sort sort;
  input = own(0, 0, &sort);
  for (int i = 0; i < 2; i++) outputs[i].fd = own(i + 1, O_WRONLY, &outputs[i].sort);
  relay();
}
