# The monitor of a chroot testbed. It runs on the outer Place, outside the testbed's namespaces and
# in a session of its own. Its stdin is the lifeline: only the server holds the other end, so when
# the server goes, however it goes, the monitor ends the testbed and removes what it changed. It
# takes requests from the lifeline, a line of percent-encoded words each, and answers with a line:
#   unpack TARBALL          any number of: waiting STAGE | waiting BYTES, which are unpacked | waiting BYTES of BYTES, which are read; then: ok DIRECTORY | failed STEP REASON
#   start KEY=VALUE…        any number of: waiting HOLDERS; then: ok RIGHTS NOTICE PREFIX-WORD… | failed STEP REASON
#   environment VAR=VALUE…  ok
#   describe                ok TEXT
#   revert                  ok PREFIX-WORD… | failed STEP REASON
#   beat                    (nothing; says that the server lives)
#   who                     ok PID
#   keep                    ok; from then on neither the end of the lifeline nor silence ends it, SIGTERM does
#   end                     ok, when nothing is left
#   await-monitor NAME      ok PID where a testbed still has a monitor after a while, else ok
#   remove BASE NAME        ok, when nothing is left of what a dead monitor had

sub read_settings {
    my %given = (net => 'host', pids => 0, binds => [], keep => [], hidden => []);
    for (@_) {
        my ($key, $value) = split /=/, $_, 2;
        if ($key eq 'bind') {
            my ($mode, $source, $target) = map { decode($_) } split /:/, $value;
            my $identity = join ':', (stat $source)[0, 1];
            push @{ $given{binds} }, { readonly => $mode eq 'ro', source => $source, target => $target, identity => $identity };
        }
        elsif ($key =~ /^(keep|hidden)$/) { push @{ $given{$key} }, $value }
        else { $given{$key} = $value }
    }
    $given{userns} = $> != 0;
    $given{tmpfs} = 1 if $given{size};
    $given{base} ||= state_directory() . "/$given{name}";
    $given{host} = $given{lower} eq '/';
    $given{source} //= $given{lower};    # for messages: the archive of an unpacked tree
    return \%given;
}

# Where this user's testbeds are kept on a Place on which the server has no directory.
sub state_directory {
    my $home = $ENV{HOME} || (getpwuid $>)[7];
    return ($ENV{XDG_STATE_HOME} || "$home/.local/state") . '/regime/testbeds';
}

sub make_directories {
    my ($path, $error) = ('');
    # The first error is the reason, those of the directories below it are not.
    for (split m{/}, $_[0]) { $path .= "$_/"; -d $path or mkdir $path, 0700 or $error //= "$!" }
    -d $path or fail("cannot make $_[0]", $error);
}

sub handle_request {
    my ($word, @words) = @_;
    if ($word eq 'start') {
        $settings = read_settings(@words);
        $heartbeat = $settings->{heartbeat} // 0;
        make_directories("$settings->{base}/root");
        make_directories("$settings->{base}/keep" . tr{/}{-}r) for @{ $settings->{keep} };
        make_directories("$settings->{base}/share") if $settings->{share};
        $program = provide_program();
        reserve_tree($settings->{lower});
        enter_cgroups();
        start_testbed();
        answer('ok', root_rights(), $settings->{notice} // '', prefix());
    }
    elsif ($word eq 'unpack') {
        answer_apart(sub { unpack_tarball($words[0]) }, \&remove_half_trees);
    }
    elsif ($word eq 'remove') {
        remove_base($words[0] || state_directory() . "/$words[1]");
        remove_cgroups($words[1]);
        remove_half_trees();
        answer('ok');
    }
    elsif ($word eq 'await-monitor') { answer('ok', await_monitor($words[0])) }
    elsif ($word eq 'describe') { answer('ok', describe_testbed()) }
    elsif ($word eq 'environment') {
        @environment = @words;
        publish_configuration();
        answer('ok');
    }
    elsif ($word eq 'revert') {
        end_testbed();
        start_testbed();
        answer('ok', prefix());
    }
    elsif ($word eq 'who') { answer('ok', $$) }
    elsif ($word eq 'keep') {
        $settings->{kept} = 1;
        $heartbeat = 0;
        answer('ok');
    }
    elsif ($word eq 'end') {
        end_all();
        answer('ok');
        exit 0;
    }
}

sub serve {
    my ($script) = @_;
    $0 = "regime: monitor of $ARGV[0]" if @ARGV;
    # Some hundreds of processes that spin in the testbed must not keep the monitor from ending it.
    eval { setpriority 0, 0, -10 } unless $>;
    $SIG{$_} = 'IGNORE' for qw(HUP INT PIPE);
    $SIG{TERM} = sub { $terminated = 1 };
    $entry = memory_file($script);
    for (;;) {
        while ($unread =~ s/^([^\n]*)\n//) {
            my @words = map { decode($_) } split / /, $1;
            attempt(sub { handle_request(@words) });
        }
        while ((my $keeper = waitpid -1, 1) > 0) { delete $retired{$keeper} }    # WNOHANG
        # Keepers that still remove what they had are looked after now and then; a handler of
        # SIGCHLD would interrupt whatever else is being waited for.
        next if server_lives(keys %retired > 1 ? 0.2 : $heartbeat || undef);
        last if $terminated || !$settings || !$settings->{kept};
        # What was kept has no server any more; the signal of who takes it away is looked for now and then,
        # for one that comes just before the select would be missed.
        select undef, undef, undef, 2;
    }
    end_all();
}

# Does something for the server and tells it why where that fails.
sub attempt {
    my ($work) = @_;
    return if eval { $work->(); 1 };
    my $what = ref $@ ? $@ : { step => 'a bug of the monitor', error => $@ };
    answer('failed', $what->{step}, $what->{error});
}

# Answers with what some work gives, which takes its time: in a process group of its own, which is killed
# when the server goes meanwhile. Then something tidies up, for no signal would reach each of the
# group at a moment at which it can do that itself: one may just be about to start another.
sub answer_apart {
    my ($work, $tidy_up) = @_;
    pipe(my $done, my $working) or fail('pipe');
    my $monitor = $$;
    # What outlives the worker becomes a child of ours, so that the end of all can be awaited.
    sys('prctl', PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    my $worker = fork // fail('cannot fork');
    if (!$worker) {
        setpgrp;
        $SIG{TERM} = sub { kill 'KILL', -getpgrp 0 };
        sys('prctl', PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        exit 1 if $terminated || getppid != $monitor;    # by a signal that came before, or none
        attempt(sub { answer('ok', $work->()) });
        exit 0;
    }
    setpgrp $worker, $worker;    # Who comes first of the two.
    close $working;
    my ($lives, $ended) = (1, 0);
    $ended = waitpid $worker, 1 while !$ended && ($lives = server_lives(0.2, $done));    # WNOHANG
    if (!$lives) {
        kill 'KILL', -$worker;
        1 while waitpid(-$worker, 0) > 0;
        $tidy_up->();
    }
    sys('prctl', PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

# Ends everything and removes every trace.
sub end_all {
    end_testbed();
    for my $keeper (keys %retired) {
        retire($retired{$keeper});
        waitpid $keeper, 0;
    }
    leave_cgroups();
    if ($settings && length $settings->{base}) {
        remove_base($settings->{base});
    }
}

sub remove_base {
    my ($base) = @_;
    rmdir "$base/root";
    # What was kept in a user namespace belongs to ids that only such a namespace can remove.
    run_quietly('rm', '-rf', '--', $base);
    eval { run_with_ids('rm', '-rf', '--', $base) } if -e $base && $>;
}

# The monitor of a dead server is on its way out: waits for it, ten seconds at the most. Until it has
# got as far as to give itself a name, that is the last of its arguments.
sub await_monitor {
    my ($name) = @_;
    my $found;
    for (1 .. 100) {
        ($found) = grep { read_file($_) =~ /(^regime: monitor of |\0)\Q$name\E\0*$/ } glob '/proc/[0-9]*/cmdline';
        return () unless $found;
        select undef, undef, undef, 0.1;
    }
    return $found =~ m{^/proc/(\d+)/};
}

1;
