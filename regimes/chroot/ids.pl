# User and group ids of a testbed: the outer Place's own as root, those of a user namespace else.

# Ids for a user namespace of a plain user: the subordinate ones where the user has some.
sub map_ids {
    my ($pid) = @_;
    my $name = (getpwuid $>)[0] // $>;
    my %ranges;
    for my $kind (qw(uid gid)) {
        open(my $file, '<', "/etc/sub$kind") or last;
        while (<$file>) {
            my ($who, $start, $count) = split /[:\n]/;
            next unless $who eq $name || $who eq $>;
            $ranges{$kind} = [$start, $count];
            last;
        }
    }
    my $own_group = (split / /, $))[0];
    if ($ranges{uid} && $ranges{gid}) {
        my @uid = ($pid, 0, $>, 1, 1, @{ $ranges{uid} });
        my @gid = ($pid, 0, $own_group, 1, 1, @{ $ranges{gid} });
        return 'many' if run_quietly('newuidmap', @uid) && run_quietly('newgidmap', @gid);
    }
    # One id only: user_namespaces(7) wants setgroups denied before gid_map is written.
    for (['uid_map', "0 $> 1"], ['setgroups', 'deny'], ['gid_map', "0 $own_group 1"]) {
        my $file;
        open($file, '>', "/proc/$pid/$_->[0]") && syswrite($file, $_->[1]) or return undef;
    }
    return 'single';
}

sub run_quietly {
    my $pid = fork;
    return 0 unless defined $pid;
    if (!$pid) {
        open(STDIN, '<', '/dev/null');
        open($_, '>', '/dev/null') for \*STDOUT, \*STDERR;
        exec { $_[0] } @_ or exit 127;
    }
    waitpid $pid, 0;
    return $? == 0;
}

# Runs a command in a user namespace with the ids that a testbed has there; its exit status and
# the last that it wrote to stderr, but for what tar always says in the end.
sub run_with_ids {
    my (@command) = @_;
    pipe(my $mapped, my $mapping) or fail('pipe');
    pipe(my $asking, my $ask) or fail('pipe');
    pipe(my $words, my $speak) or fail('pipe');
    my $pid = fork // fail('cannot fork');
    if (!$pid) {
        close $mapping;
        if ($>) {
            if (!sys('unshare', CLONE_NEWUSER)) { say_to($ask, userns_reason()); exit 125 }
            say_to($ask, 'map');
            hear($mapped) or exit 125;
            $( = $) = 0;
            $< = $> = 0;
        }
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', '/dev/null');
        open(STDERR, '>&', $speak);
        exec { $command[0] } @command or exit 127;
    }
    close $_ for $mapped, $ask, $speak;
    if ($>) {
        my ($word) = hear($asking);
        my $reason = ($word // '') eq 'map' ? undef : $word // 'it ended';
        my $kind = defined $reason ? undef : map_ids($pid);
        say_to($mapping, $kind // ());
        if (!defined $kind) {
            waitpid $pid, 0;
            fail('cannot make a user namespace', $reason // 'no id could be mapped');
        }
    }
    close $mapping;
    my $last = '';
    while (<$words>) {
        # Records of tar's: unpack_tarball asks for them.
        if (/^tar: regime: unpacked (\d+)$/) {
            answer('waiting', unpacked_so_far($pid, $command[-1], $1 * 10_240));
            next;
        }
        $last = $_ if /\S/ && !/^tar: (Exiting with failure|Error is not recoverable|Child returned|Skipping to next)/;
    }
    waitpid $pid, 0;
    chomp $last;
    return ($?, $last);
}

# `full` where root of the testbed can do what root does there, else why it can't.
sub root_rights {
    return 'full' unless $settings->{userns};
    return 'only one user id is mapped: su, chown and installing packages fail (are newuidmap and an entry in /etc/subuid there?)'
        if $settings->{single_id};
    return 'full' if (stat $settings->{lower})[4] == $>;
    return 'a plain user can not change files of ids that are not mapped; a tarball has no such files';
}

# Which of the ways to forbid user namespaces it was.
sub userns_reason {
    my $reason = "$!";
    for (['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', 1],
        ['/proc/sys/kernel/unprivileged_userns_clone', 0], ['/proc/sys/user/max_user_namespaces', 0]) {
        open(my $file, '<', $_->[0]) or next;
        return "$reason; $_->[0] is $_->[1]" if <$file> == $_->[1];
    }
    return $reason;
}

1;
