/*
 * What stands in for a shell and its tools on a testbed that has none: process 1 that idles, a way to
 * run programs, and all that our scripts (*.sh) do elsewhere, by their names. It needs no library.
 */
#include "session.h"
#include "copies.h"

/* Turns \0ooo into the bytes that they stand for, in place. */
static void decode(char *s) {
  for (char *to = s;; s++, to++) {
    if (*s == '\\') *to = (char)octal((char[]){s[2], s[3], s[4], 0}), s += 4;
    else if (!(*to = *s)) return;
  }
}

static _Noreturn void act(int count, text *w) {
  text verb = *w;
  if (same(verb, "run")) {
    text *command = command_in(w + 1);
    run(command, w + 1);
  }
  if (same(verb, "execute") && count > 7) execute(w + 1);
  if (same(verb, "kill-marked") && count > 1) kill_marked(w[1]);
  if (same(verb, "probe") && count > 5) probe(w[1], w[2], w[3], w[5]);
  if (same(verb, "copy-file-up") && count > 2) copy_file_up(w[1], w[2]);
  else if (same(verb, "copy-file-down") && count > 3) copy_file_down(w[1], w[2], w[3]);
  else if (same(verb, "copy-directory-up") && count > 1) copy_directory_up(w[1]);
  else if (same(verb, "copy-directory-down") && count > 3) copy_directory_down(w[1], w[2], w[3]);
  else if (same(verb, "copy-commit") && count > 3) copy_commit(w[1], w[2], w[3]);
  else if (same(verb, "copy-settle") && count > 3) copy_settle(w[1], w[2], w[3]);
  else fail(verb, -1, 127);
  leave(0);
}

/* The kernel puts the count of arguments, the arguments and the environment on the stack. */
void begin(word *stack) {
  int count = (int)*stack;
  text *words = (text *)(stack + 1);
  environment = words + count + 1;
  K(umask, mask, 0, 0, 0, 0);
  if (count > 2 && same(words[1], "decode")) {
    words++, count--;
    for (int i = 1; i < count; i++) decode((char *)words[i]);
  }
  if (count > 1) act(count - 1, words + 1);
  /* Process 1 must fetch what is orphaned: with SIGCHLD ignored the kernel does it. */
  static word ignore[8];
  ignore[0] = 1; /* SIG_IGN */
  K(rt_sigaction, 17, ignore, 0, 8, 0);
  for (;;) K(ppoll, 0, 0, 0, 0, 8);
}
