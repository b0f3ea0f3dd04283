/* What a program without a C library needs of Linux: how it starts, and how it calls the kernel. */
#include <asm/unistd.h>

typedef unsigned char byte;
typedef unsigned long word;

#if defined(__x86_64__)
#define START "mov %rsp, %rdi; and $-16, %rsp; call begin"
#define CALL register long r __asm__("rax") = n; register long a0 __asm__("rdi") = a; \
  register long a1 __asm__("rsi") = b; register long a2 __asm__("rdx") = c; \
  register long a3 __asm__("r10") = d; register long a4 __asm__("r8") = e; \
  __asm__ volatile("syscall" : "+r"(r) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(a4) \
                   : "rcx", "r11", "memory")
#elif defined(__i386__)
#define START "mov %esp, %eax; and $-16, %esp; sub $12, %esp; push %eax; call begin"
#define CALL long r = n; \
  __asm__ volatile("int $0x80" : "+a"(r) : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory")
#elif defined(__aarch64__)
#define START "mov x0, sp; bl begin"
#define CALL register long r __asm__("x0") = a; register long a1 __asm__("x1") = b; \
  register long a2 __asm__("x2") = c; register long a3 __asm__("x3") = d; \
  register long a4 __asm__("x4") = e; register long a8 __asm__("x8") = n; \
  __asm__ volatile("svc 0" : "+r"(r) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a8) : "memory")
#elif defined(__arm__)
#define START "mov r0, sp; bic sp, sp, #15; bl begin"
#define CALL register long r __asm__("r0") = a; register long a1 __asm__("r1") = b; \
  register long a2 __asm__("r2") = c; register long a3 __asm__("r3") = d; \
  register long a4 __asm__("r4") = e; register long a7 __asm__("r7") = n; \
  __asm__ volatile("svc 0" : "+r"(r) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory")
#elif defined(__riscv)
#define START "mv a0, sp; call begin"
#define CALL register long r __asm__("a0") = a; register long a1 __asm__("a1") = b; \
  register long a2 __asm__("a2") = c; register long a3 __asm__("a3") = d; \
  register long a4 __asm__("a4") = e; register long a7 __asm__("a7") = n; \
  __asm__ volatile("ecall" : "+r"(r) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory")
#elif defined(__powerpc64__)
#define START "addis 2, 12, .TOC.-_start@ha; addi 2, 2, .TOC.-_start@l; mr 3, 1; " \
  "clrrdi 1, 1, 4; li 0, 0; stdu 0, -64(1); bl begin; nop"
/* An error is a flag here, and its number is positive. */
#define CALL register long n0 __asm__("r0") = n; register long r __asm__("r3") = a; \
  register long a1 __asm__("r4") = b; register long a2 __asm__("r5") = c; \
  register long a3 __asm__("r6") = d; register long a4 __asm__("r7") = e; \
  __asm__ volatile("sc; bns+ 1f; neg %1, %1; 1:" \
                   : "+r"(n0), "+r"(r), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4) \
                   : : "memory", "cr0", "r8", "r9", "r10", "r11", "r12", "ctr")
#elif defined(__s390x__)
#define START "lgr %r2, %r15; aghi %r15, -160; brasl %r14, begin"
#define CALL register long r __asm__("r2") = a; register long a1 __asm__("r3") = b; \
  register long a2 __asm__("r4") = c; register long a3 __asm__("r5") = d; \
  register long a4 __asm__("r6") = e; register long n1 __asm__("r1") = n; \
  __asm__ volatile("svc 0" : "+d"(r) : "d"(a1), "d"(a2), "d"(a3), "d"(a4), "d"(n1) : "memory")
#endif

__asm__(".globl _start; _start: " START);

/* The result, or an error as a negative number. */
static long kernel(long n, long a, long b, long c, long d, long e) {
  CALL;
  return r;
}

#define K(name, a, b, c, d, e) \
  kernel(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

/* Where these names mean the calls with numbers of 16 bits. */
#ifdef __NR_geteuid32
#undef __NR_geteuid
#undef __NR_getegid
#define __NR_geteuid __NR_geteuid32
#define __NR_getegid __NR_getegid32
#endif

/* From linux/fcntl.h and linux/stat.h; O_DIRECTORY and O_NOFOLLOW differ. */
#define AT_CWD -100
#define AT_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_PATH 010000000
#if defined(__arm__) || defined(__aarch64__) || defined(__powerpc64__)
#define O_DIRECTORY 040000
#define O_NOFOLLOW 0100000
#else
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#endif
#define ENOENT 2
#define EACCES 13

/* struct statx of linux/stat.h as far as it is read: the same for all machines. */
struct status {
  unsigned mask, blksize;
  unsigned long long attributes;
  unsigned nlink, uid, gid;
  unsigned short mode, spare;
  unsigned long long ino, size;
  byte rest[208];
};
