/* What the parts of the program share. Errors end it with a line on stderr. */
#pragma once
#include "system.h"

typedef const char *text;

/* What is made gets the bits that a login's files have. */
static const unsigned mask = 022;

static word length(text s) { word n = 0; while (s[n]) n++; return n; }
static int begins(text a, text b) { while (*b && *a == *b) a++, b++; return !*b; }
static int same(text a, text b) { return begins(a, b) && length(a) == length(b); }

/* Two texts as one, as far as there is room. */
static void join(char *to, word room, text a, text b) {
  char *end = to + room - 1;
  while (*a && to < end) *to++ = *a++;
  while (*b && to < end) *to++ = *b++;
  *to = 0;
}
static void say(int out, text s) { K(write, out, s, length(s), 0, 0); }

/* A new file that is not whole yet: half of one is taken back. */
static text unfinished;
static _Noreturn void leave(int status) {
  if (unfinished) K(unlinkat, AT_CWD, unfinished, 0, 0, 0);
  for (;;) K(exit_group, status, 0, 0, 0, 0);
}

static text word_for(long error) {
  switch (-error) {
    case 1: return "operation not permitted";
    case 2: return "no such file or directory";
    case 13: return "permission denied";
    case 17: return "it is there already";
    case 20: return "not a directory";
    case 21: return "is a directory";
    case 26: return "text file busy";
    case 28: return "no space left on device";
    case 30: return "read-only file system";
    case 39: return "directory not empty";
    default: return "it can't be done";
  }
}

static _Noreturn void fail(text what, long error, int status) {
  say(2, what); say(2, ": "); say(2, word_for(error)); say(2, "\n");
  leave(status);
}
static long must(text what, long result) {
  if (result < 0) fail(what, result, 1);
  return result;
}

/* A refusal of ours, as the scripts' "refuse": exit status 90. */
static _Noreturn void refuse(text before, text what, text after) {
  say(2, before); say(2, what); say(2, after); say(2, "\n");
  leave(90);
}

static word octal(text s) {
  word n = 0;
  while (*s >= '0' && *s <= '7') n = n * 8 + (word)(*s++ - '0');
  return n;
}
static word decimal(text s) {
  word n = 0;
  while (*s >= '0' && *s <= '9') n = n * 10 + (word)(*s++ - '0');
  return n;
}
/* In decimal digits, by subtraction: not every machine divides. */
static text digits(unsigned n) {
  static char s[16];
  static const unsigned powers[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000, 1000, 100, 10, 1};
  char *to = s;
  for (int i = 0; i < 10; i++) {
    char digit = '0';
    while (n >= powers[i]) n -= powers[i], digit++;
    if (to > s || digit > '0' || i == 9) *to++ = digit;
  }
  *to = 0;
  return s;
}

static long look_at(text path, int flags, struct status *found) {
  return K(statx, AT_CWD, path, flags, 0x7ff, found);
}
static int kind(const struct status *found) { return found->mode >> 12; }
enum { DIRECTORY = 4, REGULAR = 8, LINK = 10 };
static int is_directory(text path) {
  struct status found;
  return look_at(path, 0, &found) >= 0 && kind(&found) == DIRECTORY;
}
/* A link to nowhere exists too. */
static int exists(text path) {
  struct status found;
  return look_at(path, AT_NOFOLLOW, &found) >= 0;
}

/* A whole file, ended by a NUL; a file that can't be read is empty. */
static word read_file_in(int directory, text path, char *data, word room) {
  word size = 0;
  long file = K(openat, directory, path, O_NONBLOCK, 0, 0), got;
  while (file >= 0 && size < room - 1 && (got = K(read, file, data + size, room - 1 - size, 0, 0)) > 0)
    size += (word)got;
  if (file >= 0) K(close, file, 0, 0, 0, 0);
  data[size] = 0;
  return size;
}
static word read_file(text path, char *data, word room) {
  return read_file_in(AT_CWD, path, data, room);
}

/* The directory that something is in. */
static text parent_of(text path) {
  static char parent[4096];
  word end = length(path);
  while (end && path[end] != '/') end--;
  for (word i = 0; i < end && i < 4095; i++) parent[i] = path[i];
  parent[end < 4095 ? end : 4095] = 0;
  return *parent ? parent : *path == '/' ? "/" : ".";
}

static void copy(text what, int in, int out) {
  static char piece[65536];
  for (long n; (n = must(what, K(read, in, piece, sizeof piece, 0, 0))) > 0;)
    for (long done = 0; done < n;)
      done += must(what, K(write, out, piece + done, n - done, 0, 0));
}

/* Removes a tree; what is gone already is no error. No link is followed. */
static long remove_in(int directory, text name) {
  long result = K(unlinkat, directory, name, 0, 0, 0);
  if (result >= 0 || result == -ENOENT) return 0;
  /* Only who may look into a directory can empty it. */
  long inner = K(openat, directory, name, O_DIRECTORY | O_NOFOLLOW, 0, 0);
  if (inner == -EACCES && K(fchmodat, directory, name, 0700, 0, 0) >= 0)
    inner = K(openat, directory, name, O_DIRECTORY | O_NOFOLLOW, 0, 0);
  if (inner < 0) return result;
  char list[2048];
  for (long n, removed = 1; removed;) {
    removed = 0;
    K(lseek, inner, 0, 0, 0, 0);
    while ((n = K(getdents64, inner, list, sizeof list, 0, 0)) > 0)
      for (long at = 0; at < n; at += *(unsigned short *)(list + at + 16)) {
        text entry = list + at + 19;
        if (same(entry, ".") || same(entry, "..")) continue;
        if (remove_in((int)inner, entry) < 0) { K(close, inner, 0, 0, 0, 0); return -39; }
        removed = 1;
      }
  }
  K(close, inner, 0, 0, 0, 0);
  return K(unlinkat, directory, name, AT_REMOVEDIR, 0, 0);
}

