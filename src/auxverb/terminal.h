/* The caller's terminal, while the auxverb has it. */
#pragma once
#include "../place/stand-in/tools.h"
#include <asm/termios.h>

enum { HUP = 1, INT = 2, QUIT = 3, PIPE = 13, TERM = 15, WINCH = 28 };

/* `terminal`: input and output are one. `signals`: where signals are read then. */
static int terminal, signals = -1;
static struct termios before, raw;
static struct winsize window = {24, 80, 0, 0};

static void find_terminal(void) {
  terminal = K(ioctl, 1, TCGETS, &raw, 0, 0) >= 0 && K(ioctl, 0, TCGETS, &before, 0, 0) >= 0 &&
             K(ioctl, 0, TCGETS, &raw, 0, 0) >= 0;
}

static void look_at_window(void) { K(ioctl, 0, TIOCGWINSZ, &window, 0, 0); }

static void restore(void) {
  if (terminal) K(ioctl, 0, TCSETSW, &before, 0, 0);
}

/* Every key goes to the far side, whose terminal gives it its meaning. */
static void take_terminal(void) {
  raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | IGNPAR | PARMRK | INPCK | ISTRIP | INLCR | IGNCR |
                             ICRNL | IUCLC | IXON | IXANY | IXOFF | IMAXBEL);
  raw.c_oflag &= ~(tcflag_t)OPOST;
  raw.c_lflag &= ~(tcflag_t)(ISIG | ICANON | XCASE | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  static unsigned long long set;
  static const byte some[] = {HUP, INT, QUIT, TERM, PIPE, WINCH};
  for (word i = 0; i < sizeof some; i++) set |= 1ULL << (some[i] - 1);
  K(rt_sigprocmask, 0, &set, 0, 8, 0);
  signals = (int)K(signalfd4, -1, &set, 8, 0, 0);
  K(ioctl, 0, TCSETSW, &raw, 0, 0);
}
