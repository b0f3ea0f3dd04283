/* What the session's scripts do: probe.sh, execute.sh, kill-marked.sh; and how programs are run. */
#include "tools.h"

static text *environment;

/* Runs a program as a shell does: 127 where there is none, 126 where it can't be executed. */
static _Noreturn void run(text *command, text *variables) {
  text program = *command, path = "", failed = program;
  long worst = -ENOENT;
  for (text *one = variables; *one; one++)
    if (begins(*one, "PATH=")) { path = *one + 5; break; }
  int plain = 0;
  for (text s = program; *s; s++) plain |= *s == '/';
  if (plain) worst = K(execve, program, command, variables, 0, 0);
  else if (*program)
    for (;;) {
      char name[8192];
      word at = 0;
      while (*path && *path != ':' && at < 4096) name[at++] = *path++;
      if (at) name[at++] = '/';
      for (text s = program; *s && at < sizeof name - 1;) name[at++] = *s++;
      name[at] = 0;
      long error = K(execve, name, command, variables, 0, 0);
      if (error != -ENOENT && error != -20) worst = error;
      if (*path != ':') break;
      path++;
    }
  fail(failed, worst, worst == -ENOENT || worst == -20 ? 127 : 126);
}

/* Words before "--" are variables; returns the command behind it. */
static text *command_in(text *words) {
  while (*words && !same(*words, "--")) words++;
  if (*words) *words++ = 0;
  if (!*words) leave(127);
  return words;
}

static int same_name(text a, text b) {
  while (*a && *a != '=' && *a == *b) a++, b++;
  return *a == '=' && *b == '=';
}

/* Arguments: MARK DIRECTORY STDIN STDOUT STDERR TFD VARIABLE... -- COMMAND... */
static _Noreturn void execute(text *w) {
  static text all[4096];
  word n = 0;
  static char mark[64];
  join(mark, sizeof mark, "REGIME_EXECUTE=", w[0]);
  text in = w[2], out = w[3], err = w[4];
  int tfd = *w[5] ? (int)decimal(w[5]) : -1;
  text *command = command_in(w + 6);
  all[n++] = mark;
  for (text *v = w + 6; *v && n < 4000; v++) all[n++] = *v;
  for (text *v = environment; *v && n < 4095; v++) {
    int given = 0;
    for (text *other = all; other < all + n; other++) given |= same_name(*v, *other);
    if (!given) all[n++] = *v;
  }
  long now = K(chdir, w[1], 0, 0, 0, 0);
  if (now < 0) say(2, "cannot enter the directory "), fail(w[1], now, 126);
  long debug = tfd < 0 ? -1 : K(dup3, 1, 1000, 0, 0, 0);
  text names[3] = {in, out, err};
  for (int i = 0; i < 3; i++) {
    if (i == tfd) continue;
    int flags = i ? O_WRONLY | O_CREAT | O_TRUNC : 0;
    long file = i == 2 && tfd != 1 && same(err, out) ? 1 : K(openat, AT_CWD, names[i], flags, 0666, 0);
    if (file < 0) say(2, i ? "cannot write " : "cannot read "), fail(names[i], file, 126);
    if (file != i) K(dup3, file, i, 0, 0, 0);
    if (file > 2) K(close, file, 0, 0, 0, 0);
  }
  if (tfd >= 0) K(dup3, debug, tfd, 0, 0, 0), K(close, debug, 0, 0, 0, 0);
  run(command, all);
}

/* Ends what carries a mark in its environment, and the process groups of these, until none is left. */
static _Noreturn void kill_marked(text mark) {
  static char data[1 << 20];
  for (int round = 0; round < 10; round++) {
    int found = 0;
    char list[4096], name[64];
    long proc = must("/proc", K(openat, AT_CWD, "/proc", O_DIRECTORY, 0, 0));
    for (long n; (n = K(getdents64, proc, list, sizeof list, 0, 0)) > 0;)
      for (long at = 0; at < n; at += *(unsigned short *)(list + at + 16)) {
        text entry = list + at + 19;
        long pid = (long)decimal(entry);
        if (pid <= 1) continue;
        join(name, sizeof name, entry, "/environ");
        word size = read_file_in((int)proc, name, data, sizeof data);
        /* A dead process that nobody has fetched has no environment. */
        for (word here = 0; here < size; here += length(data + here) + 1)
          if (begins(data + here, "REGIME_EXECUTE=") && same(data + here + 15, mark)) {
            long group = K(getpgid, pid, 0, 0, 0, 0);
            if (group > 1) K(kill, -group, 9, 0, 0, 0);
            K(kill, pid, 9, 0, 0, 0);
            found = 1;
            break;
          }
      }
    K(close, proc, 0, 0, 0, 0);
    if (!found) break;
  }
  leave(0);
}

/* A line NAME:PASSWORD:UID:GID:COMMENT:HOME:SHELL; its fields are cut out of the text. */
static text account[7];
static char *next_account(char *at) {
  for (int i = 0; i < 7; i++) account[i] = "";
  for (int i = 0; *at && *at != '\n';) {
    if (i < 7) account[i++] = at;
    while (*at && *at != ':' && *at != '\n') at++;
    if (*at == ':') *at++ = 0;
  }
  if (*at) *at++ = 0;
  return at;
}
static int is_number(text s) {
  text start = s;
  while (*s >= '0' && *s <= '9') s++;
  return s > start && !*s;
}

static void append(text path, text a, text number, text b) {
  long file = must(path, K(openat, AT_CWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644, 0));
  say((int)file, a); say((int)file, number);
  if (b) say((int)file, ":"), say((int)file, number), say((int)file, b);
  else say((int)file, ":\n");
  K(close, file, 0, 0, 0, 0);
}

static void answer(text mark, text name) {
  say(1, "\n"); say(1, mark); say(1, " "); say(1, name); say(1, "\n");
}

/* Arguments: MARK SCRATCH MODE OWNER ACCOUNT. Of owners only that who runs it. */
static _Noreturn void probe(text mark, text scratch, text mode, text add) {
  static char data[1 << 20];
  static byte taken[60000];
  text normal = "";
  unsigned uid = (unsigned)K(geteuid, 0, 0, 0, 0, 0), own = 0;
  answer(mark, "uid");
  say(1, digits(uid));
  answer(mark, "self");
  read_file("/etc/passwd", data, sizeof data);
  for (char *at = data; *at;) {
    at = next_account(at);
    if (!is_number(account[2])) continue;
    word number = decimal(account[2]);
    if (number < sizeof taken) taken[number] = 1;
    if (number == uid && !own++)
      say(1, account[0]), say(1, ":"), say(1, account[5]), say(1, ":"), say(1, account[6]);
    if (number >= 1000 && number <= 59999 && !*normal) normal = account[0];
  }
  if (*add && !uid && !*normal) {
    static char groups[1 << 20];
    read_file("/etc/group", groups, sizeof groups);
    for (char *at = groups; *at;) {
      at = next_account(at);
      if (is_number(account[2]) && decimal(account[2]) < sizeof taken) taken[decimal(account[2])] = 1;
    }
    unsigned number = 1000;
    while (number < sizeof taken && taken[number]) number++;
    K(mkdirat, AT_CWD, "/etc", 0755, 0, 0);
    append("/etc/passwd", "regime:x:", digits(number), ":regime:/home/regime:/bin/sh\n");
    append("/etc/group", "regime:x:", digits(number), 0);
    K(mkdirat, AT_CWD, "/home", 0755, 0, 0);
    if (K(mkdirat, AT_CWD, "/home/regime", 0755, 0, 0) >= 0)
      K(fchownat, AT_CWD, "/home/regime", number, number, 0);
    normal = "regime";
  }
  answer(mark, "normal");
  say(1, normal);
  text files[] = {"/etc/environment", "/etc/default/locale"};
  for (int i = 0; i < 2; i++) {
    static char text_of[1 << 20];
    if (!read_file(files[i], text_of, sizeof text_of)) continue;
    answer(mark, files[i]);
    say(1, text_of);
  }
  if (*scratch) {
    must(scratch, remove_in(AT_CWD, scratch));
    text parent = parent_of(scratch);
    if (!is_directory(parent) && K(mkdirat, AT_CWD, parent, 0777, 0, 0) >= 0)
      K(fchmodat, AT_CWD, parent, 01777, 0, 0);
    must(scratch, K(mkdirat, AT_CWD, scratch, 0700, 0, 0));
    must(scratch, K(fchmodat, AT_CWD, scratch, octal(mode), 0, 0));
    answer(mark, "scratch");
    say(1, scratch);
  }
  answer(mark, "end");
  leave(0);
}

