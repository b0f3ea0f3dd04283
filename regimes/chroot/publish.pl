# What auxverbs are run from: files in memory that the monitor holds, which go with it.

# A file in memory that auxverbs reach as /proc/MONITOR/fd/N and that goes with the monitor.
sub memory_file {
    my ($content) = @_;
    my $name = 'regime';
    my $number = syscall($NR->{memfd_create}, $name, 1 | 2);    # MFD_CLOEXEC, MFD_ALLOW_SEALING
    $number >= 0 or fail('cannot make a memory file');
    open(my $file, '+<&=', $number) or fail('cannot open a memory file');
    rewrite($file, $content);
    return $file;
}

sub rewrite {
    my ($file, $content) = @_;
    truncate($file, 0) && sysseek($file, 0, 0) or fail('cannot empty a memory file');
    my $written = syswrite $file, $content;
    ($written // -1) == length $content or fail('cannot write a memory file');
}

# A testbed's process could change the file that it was executed from (CVE-2019-5736), so auxverbs run
# a sealed copy of perl where that is ours to change.
sub provide_program {
    open(my $perl, '<', $^X) or fail("cannot read $^X");
    binmode $perl;
    return $perl if $> && (stat $perl)[4] != $>;
    my $content = do { local $/; <$perl> };
    my $copy = memory_file($content);
    fcntl($copy, 1033, 0xf) or fail('cannot seal a memory file');    # F_ADD_SEALS, all of them
    return $copy;
}

# Everything an auxverb must know, in a file of its own for each generation.
sub publish_configuration {
    my %spaces = %{ $current->{spaces} };
    my @lines = ("generation $current->{generation}");
    push @lines, "nr.$_ $NR->{$_}" for keys %$NR;
    push @lines, "ns.$_ " . fileno $spaces{$_} for keys %spaces;
    push @lines, "capabilities $DOCKER_CAPABILITIES", 'last_capability ' . last_capability()
        unless $settings->{privileged};
    # In a user namespace another one inside gives nothing that is not there already.
    push @lines, 'seccomp ' . unpack 'H*', seccomp_filter()
        unless $settings->{privileged} || $settings->{userns} || !-e '/proc/sys/kernel/seccomp';
    push @lines, 'single_id 1' if $settings->{single_id};
    push @lines, "personality $settings->{personality}" if $settings->{personality};
    push @lines, 'cgroups ' . join ' ', map { fileno $_ } @{ $settings->{cgroup_handles} // [] };
    my $content = join("\n", @lines) . "\n\n" . join("\0", @environment);
    $current->{configuration} //= memory_file('');
    rewrite($current->{configuration}, $content);
}

# What a caller puts before a command. No member may hold a comma or a percent sign. A shell goes first,
# for only it can say 255 where the monitor, and perl's copy with it, has gone; what a caller's
# environment asks of perl, such as to look for a locale, is no concern of the testbed's.
sub prefix {
    my ($perl, $script) = map { "/proc/$$/fd/" . fileno $_ } $program, $entry;
    my $start = "test -x $perl || exit 255; "
        . 'unset PERL5OPT PERL5LIB PERLIO PERL_UNICODE LD_PRELOAD LD_LIBRARY_PATH; '
        . "export LC_ALL=C; exec $perl $script \"\$@\"";
    return ('/bin/sh', '-c', $start, 'regime', fileno $current->{configuration}, $current->{generation});
}

1;
