/* What the scripts of a copy do: copy-*.sh. Trees go by the archives of who keeps the testbed. */
#include "tools.h"

/* As the scripts say that there is no tar. */
static _Noreturn void no_tar(void) {
  say(2, "there is no tar\n");
  leave(96);
}

/* A path without links; empty where there is none. */
static void real_path(text path, char *real) {
  long file = K(openat, AT_CWD, path, O_PATH, 0, 0), size = -1;
  *real = 0;
  if (file < 0) return;
  char name[40];
  join(name, sizeof name, "/proc/self/fd/", digits((unsigned)file));
  size = K(readlinkat, AT_CWD, name, real, 4095, 0);
  real[size < 0 ? 0 : size] = 0;
  K(close, file, 0, 0, 0, 0);
}

static int is_within(text inner, text outer) {
  return begins(inner, outer) && (!inner[length(outer)] || inner[length(outer)] == '/');
}

/* What must not be moved away: mounts below a directory would go with it. */
static void refuse_replacing(text path) {
  static char mounts[1 << 20], real[4096], other[4096];
  struct status found;
  if (look_at(path, AT_NOFOLLOW, &found) >= 0 && kind(&found) == LINK)
    refuse("", path, " is a symbolic link and can't be replaced");
  real_path(path, real);
  if (!*real) refuse("can't enter ", path, "");
  if (same(real, "/")) refuse("", path, " is not replaced");
  real_path(".", other);
  if (is_within(other, real)) refuse("", path, " holds the working directory and is not replaced");
  read_file("/proc/self/mountinfo", mounts, sizeof mounts);
  for (char *at = mounts; *at;) {
    char *to = other;
    for (int field = 1; *at && *at != '\n'; at++) {
      if (*at == ' ') field++;
      else if (field == 5 && to < other + 4095) {
        if (*at == '\\') *to++ = (char)octal((char[]){at[1], at[2], at[3], 0}), at += 3;
        else *to++ = *at;
      }
    }
    *to = 0;
    if (is_within(other, real)) refuse("", path, " is or holds a mount point and is not replaced");
    if (*at) at++;
  }
}

/* SOURCE HOW: its bytes after a line that says how they come. */
static void copy_file_up(text source, text how) {
  struct status found;
  long error = look_at(source, 0, &found);
  if (error < 0) refuse("there is no file ", source, "");
  if (kind(&found) == DIRECTORY) refuse("", source, " is a directory");
  if (kind(&found) != REGULAR) refuse("", source, " is no regular file");
  long in = must(source, K(openat, AT_CWD, source, 0, 0, 0));
  if (!same(how, "small")) say(1, "dense\n");
  else if (found.size > 262144) { say(1, "big\n"); return; }
  else say(1, "small\n");
  copy(source, (int)in, 1);
}

/* HOW X DESTINATION: what comes on stdin, as a redirection would write it. */
static void copy_file_down(text how, text x, text destination) {
  struct status found;
  if (is_directory(destination)) refuse("", destination, " is a directory");
  if (same(how, "sparse")) no_tar();
  int there = look_at(destination, 0, &found) >= 0;
  long out = must(destination, K(openat, AT_CWD, destination, O_WRONLY | O_CREAT | O_TRUNC, 0666, 0));
  if (!there) unfinished = destination;
  copy(destination, 0, (int)out);
  unfinished = 0;
  if (*x == 'x') {
    unsigned mode = there ? found.mode & 07777 : 0666 & ~mask;
    must(destination, K(fchmodat, AT_CWD, destination, mode | (0111 & ~mask), 0, 0));
  }
}

static void copy_directory_up(text source) {
  if (!is_directory(source))
    refuse(exists(source) ? "" : "there is no directory ", source, exists(source) ? " is no directory" : "");
  no_tar();
}

/* KIND HOW DESTINATION: whether a tree may go there, and whom it is to belong to. */
static void copy_directory_down(text tar, text how, text destination) {
  if (!same(tar, "none")) no_tar();
  if (is_directory(destination)) {
    if (same(how, "replace")) refuse_replacing(destination);
  } else if (exists(destination)) refuse("", destination, " is there and is no directory");
  if (!is_directory(parent_of(destination))) refuse("there is no directory ", parent_of(destination), "");
  say(1, digits((unsigned)K(geteuid, 0, 0, 0, 0, 0))); say(1, "\n");
  say(1, digits((unsigned)K(getegid, 0, 0, 0, 0, 0))); say(1, "\n");
}

static long move(text from, text to) { return K(renameat2, AT_CWD, from, AT_CWD, to, 0); }

static void copy_commit(text destination, text fresh, text aside) {
  if (is_directory(destination)) refuse_replacing(destination);
  if (exists(destination)) must(destination, move(destination, aside));
  long error = move(fresh, destination);
  if (error < 0) {
    if (exists(aside)) move(aside, destination);
    fail(destination, error, 90);
  }
  must(aside, remove_in(AT_CWD, aside));
}

static void copy_settle(text destination, text fresh, text aside) {
  if (exists(aside)) {
    if (exists(destination)) must(aside, remove_in(AT_CWD, aside));
    else must(aside, move(aside, destination));
  }
  must(fresh, remove_in(AT_CWD, fresh));
}
