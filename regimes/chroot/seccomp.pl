# What Docker's default set of capabilities leaves open and Docker itself closes by seccomp: in a user
# namespace of its own root would have all capabilities again, and could mount the host's control
# groups; and the kernel's keyrings are root's, whichever namespace asks (moby, profiles/seccomp).

# Of each machine: what the kernel calls it (AUDIT_ARCH_… of linux/audit.h), and the numbers of clone,
# unshare and of the first of the three in a row add_key, request_key and keyctl. clone3 is 435 on all.
my %SECCOMP = (
    x86_64 => [0xc000003e, 56, 272, 248],
    i386 => [0x40000003, 120, 310, 286],
    aarch64 => [0xc00000b7, 220, 97, 217],
    arm => [0x40000028, 120, 337, 309],
    ppc64le => [0xc0000015, 120, 282, 269],
    s390x => [0x80000016, 120, 303, 278],
    riscv64 => [0xc00000f3, 220, 97, 217],
    loong64 => [0xc0000102, 220, 97, 217],
);

# A program for seccomp(2): EPERM for what makes a user namespace, for keyrings, and for whatever
# comes by another ABI than those above; ENOSYS for clone3, whose flags a filter can't see: the C
# library then uses clone.
sub seccomp_filter {
    # linux/filter.h: load a word, compare, compare bits, return.
    my ($load, $equal, $above, $bits, $return) = (0x20, 0x15, 0x35, 0x45, 0x06);
    my ($allow, $eperm, $enosys) = (0x7fff0000, 0x00050000 | 1, 0x00050000 | 38);
    # struct seccomp_data: the number, the machine, then arguments of 64 bits at 16.
    my $low = pack('S', 1) eq "\1\0" ? 0 : 4;
    my @program = ([$load, 0, 0, 4]);
    for my $machine (sort keys %SECCOMP) {
        my ($audit, $clone, $unshare, $keys) = @{ $SECCOMP{$machine} };
        my $flags = 16 + $low + ($machine eq 's390x' ? 8 : 0);    # clone(2): the stack comes first there
        my @checks = (
            [$load, 0, 0, 0],
            # x32 shares the machine of x86_64; its numbers have bit 30 set.
            [$above, 0, 1, 0x40000000], [$return, 0, 0, $eperm],
            [$equal, 0, 1, 435], [$return, 0, 0, $enosys],
            (map { ([$equal, 0, 1, $_], [$return, 0, 0, $eperm]) } $keys .. $keys + 2),
            [$equal, 0, 3, $clone],
            [$load, 0, 0, $flags], [$bits, 0, 1, CLONE_NEWUSER], [$return, 0, 0, $eperm],
            [$load, 0, 0, 0], [$equal, 0, 3, $unshare],
            [$load, 0, 0, 16 + $low], [$bits, 0, 1, CLONE_NEWUSER], [$return, 0, 0, $eperm],
            [$return, 0, 0, $allow],
        );
        push @program, [$equal, 0, scalar @checks, $audit], @checks;
    }
    push @program, [$return, 0, 0, $eperm];
    return join '', map { pack 'SCCL', @$_ } @program;
}

1;
