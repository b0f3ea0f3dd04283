# System calls that neither Node nor util-linux's tools can make in the order that a testbed
# needs. Only perl-base is used: it is Essential on Debian, and starts in under two milliseconds. This
# part belongs to auxverbs too, which load no module at all: strict, warnings and constant alone would
# take as long again.

# linux/prctl.h, signal.h
sub PR_SET_PDEATHSIG () { 1 }
sub PR_SET_DUMPABLE () { 4 }
sub PR_CAPBSET_DROP () { 24 }
sub PR_SET_CHILD_SUBREAPER () { 36 }
sub SIGKILL () { 9 }
sub SIGTERM () { 15 }

our $NR;

# Makes a system call; true where it succeeded. Strings are copied: perl refuses constants here.
sub sys {
    my ($name, @arguments) = @_;
    return syscall($NR->{$name}, @arguments) != -1;
}

# Joins the caller's process to a namespace that an open descriptor stands for.
sub join_namespace {
    my ($handle) = @_;
    return sys('setns', fileno($handle), 0);
}

# Closes all descriptors but stdin, stdout and stderr, whatever perl still has them open for.
sub close_descriptors {
    opendir(my $list, '/proc/self/fd') or return 0;
    my @open = grep { /^\d+$/ && $_ > 2 } readdir $list;
    closedir $list;
    sys('close', $_ + 0) for @open;
    return 1;
}

# Keeps only the capabilities of a mask, in this process and in all that it executes.
sub keep_capabilities {
    my ($mask, $last) = @_;
    for my $capability (0 .. $last) {
        next if $mask >> $capability & 1;
        sys('prctl', PR_CAPBSET_DROP, $capability, 0, 0, 0) or return 0;
    }
    my $header = pack('LL', 0x20080522, 0);    # _LINUX_CAPABILITY_VERSION_3, this process
    my ($low, $high) = ($mask & 0xffffffff, $mask >> 32 & 0xffffffff);
    my $data = pack('L6', $low, $low, 0, $high, $high, 0);
    return sys('capset', $header, $data);
}

1;
