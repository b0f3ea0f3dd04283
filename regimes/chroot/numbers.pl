# What the kernel calls things by: flags, and the numbers of system calls.

# The flags are the same on all Linux architectures; see linux/mount.h, linux/sched.h.
use constant {
    MS_RDONLY => 1, MS_NOSUID => 2, MS_NODEV => 4, MS_NOEXEC => 8, MS_REMOUNT => 32,
    MS_BIND => 4096, MS_REC => 16384, MS_PRIVATE => 1 << 18,
    MNT_DETACH => 2,
    CLONE_NEWNS => 0x20000, CLONE_NEWCGROUP => 0x2000000, CLONE_NEWUTS => 0x4000000,
    CLONE_NEWIPC => 0x8000000, CLONE_NEWUSER => 0x10000000, CLONE_NEWPID => 0x20000000,
    CLONE_NEWNET => 0x40000000,
    O_PATH => 0x200000,
};

# The numbers by what perl was built for: it is perl's ABI that counts, not the kernel's.
sub syscall_numbers {
    my ($archname) = @_;
    my @names = qw(mount umount2 pivot_root setns unshare prctl capset memfd_create personality
        setgroups close setsid);
    my %table = (
        '^x86_64.*x32' => [],
        '^x86_64|^amd64' => [165, 166, 155, 308, 272, 157, 126, 319, 135, 116, 3, 112],
        '^(aarch64|riscv64|loongarch64|loong64)' => [40, 39, 41, 268, 97, 167, 91, 279, 92, 159, 57, 157],
        '^(i[3-6]86)' => [21, 52, 217, 346, 310, 172, 185, 356, 136, 206, 6, 66],
        '^arm' => [21, 52, 218, 375, 337, 172, 185, 385, 136, 206, 6, 66],
        '^(powerpc64|ppc64)' => [21, 52, 203, 350, 282, 171, 184, 360, 136, 81, 6, 66],
        '^s390x' => [21, 52, 217, 339, 303, 172, 185, 350, 136, 206, 6, 66],
    );
    for my $pattern (sort { length $b <=> length $a } keys %table) {
        next unless $archname =~ /$pattern/ && @{ $table{$pattern} };
        my %numbers;
        @numbers{@names} = @{ $table{$pattern} };
        # Requests of ioctl_tty(2), which differ on one architecture only.
        @numbers{qw(tiocgpgrp tiocspgrp)} = $pattern =~ /ppc64/ ? (0x40047477, 0x80047476) : (0x540f, 0x5410);
        return \%numbers;
    }
    return undef;
}

1;
