# The keeper of a testbed makes its namespaces and process 1 in them, waits until that is dead and
# everything in the testbed with it, and then removes the upper layer.

my $DOCKER_CAPABILITIES = 0xa80425fb;    # Docker's default set (moby, oci/caps/defaults.go)

# Starts a keeper and waits until the testbed can be used.
sub start_testbed {
    $generation++;
    my %testbed = (layer => "$settings->{base}/$generation");
    make_directories($testbed{layer});
    pipe(my $from_keeper, my $to_monitor) or fail('pipe');
    pipe(my $from_monitor, my $to_keeper) or fail('pipe');
    my $keeper = fork // fail('cannot fork');
    if (!$keeper) {
        close $_ for $from_keeper, $to_keeper;
        # The lifeline and the answers are the monitor's alone.
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', '/dev/null');
        $SIG{__DIE__} = 'DEFAULT';
        keep_testbed($testbed{layer}, $from_monitor, $to_monitor);
        exit 0;
    }
    close $_ for $to_monitor, $from_monitor;
    @testbed{qw(keeper from to)} = ($keeper, $from_keeper, $to_keeper);
    $retired{$keeper} = \%testbed;
    my $process;
    for (;;) {
        my ($word, @rest) = hear($from_keeper);
        if (!defined $word) { fail('cannot start the testbed', 'it ended before it was ready') }
        elsif ($word eq 'map') {
            my $kind = map_ids($keeper);
            $settings->{single_id} = ($kind // '') eq 'single';
            syswrite $to_keeper, defined $kind ? "mapped\n" : "failed\n";
        }
        elsif ($word eq 'notice') { $settings->{notice} //= $rest[0] }
        elsif ($word eq 'failed') { $! = 0; fail(@rest[0, 1]) }
        elsif ($word eq 'built') { $process = $rest[0]; last }
    }
    for (qw(user pid ipc uts cgroup net mnt)) {
        next if $_ eq 'user' && !$settings->{userns} || $_ eq 'net' && $settings->{net} eq 'host';
        open($testbed{spaces}{$_}, '<', "/proc/$process/ns/$_") or next if $_ eq 'cgroup';
        open($testbed{spaces}{$_}, '<', "/proc/$process/ns/$_") or fail("cannot hold the $_ namespace");
    }
    syswrite $to_keeper, "go\n";
    my ($word) = hear($from_keeper);
    ($word // '') eq 'running' or fail('cannot start the testbed', 'its process 1 ended');
    $current = \%testbed;
    $current->{generation} = $generation;
    publish_configuration();
}

sub keep_testbed {
    my ($layer, $from_monitor, $to_monitor) = @_;
    my ($process, $from_process, $to_keeper);
    my $guard = sub { $! = 0; kill 'KILL', $process if $process };
    local $SIG{TERM} = $guard;
    my $report = sub {
        my $what = ref $@ ? $@ : { step => 'a bug of the monitor', error => $@ };
        say_to($to_monitor, 'failed', $what->{step}, $what->{error});
    };
    my $made = eval {
        join_cgroups();
        if ($settings->{userns}) {
            sys('unshare', CLONE_NEWUSER) or fail('cannot make a user namespace', userns_reason());
            say_to($to_monitor, 'map');
            (hear($from_monitor))[0] eq 'mapped' or fail('cannot map ids into the user namespace');
            $( = $) = 0;
            $< = $> = 0;
        }
        sys('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        sys('unshare', CLONE_NEWPID) or fail('cannot make a pid namespace', userns_reason());
        pipe($from_process, $to_keeper) or fail('pipe');
        $process = fork // fail('cannot fork');
        1;
    };
    if ($made && !$process) {
        close $from_process;
        eval { run_process_one($layer, $to_keeper, $from_monitor, $to_monitor); 1 } or $report->();
        exit 1;
    }
    $report->() unless $made;
    close $from_monitor;
    my $mounts;
    if ($process) {
        close $to_keeper;
        # The last who holds the mounts pays for taking them down, the more the more was changed. Held
        # here, that happens behind everybody's back, not while process 1 dies.
        if (hear($from_process)) {
            open($mounts, '<', "/proc/$process/ns/mnt");
            say_to($to_monitor, 'built', $process);
        }
        waitpid $process, 0;
    }
    # All that was in the pid namespace is dead now.
    say_to($to_monitor, 'dead');
    close $to_monitor;
    local $SIG{TERM} = 'IGNORE';
    close $mounts if $mounts;
    run_quietly('rm', '-rf', '--', $layer);
}

# In an unshared world process 1 must reap orphans: with SIGCHLD ignored the kernel does it.
sub run_process_one {
    my ($layer, $to_keeper, $from_monitor, $to_monitor) = @_;
    my %own = (%$settings, layer => $layer);
    build_root(\%own);
    say_to($to_monitor, 'notice', $own{notice}) if $own{notice};
    say_to($to_keeper, 'built');
    close $to_keeper;
    (hear($from_monitor))[0] // exit 1;
    sys('prctl', PR_SET_DUMPABLE, 0, 0, 0, 0);
    keep_capabilities($DOCKER_CAPABILITIES, last_capability()) or fail('cannot drop capabilities')
        unless $settings->{privileged};
    sys('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    # A death before that is not told; the keeper's is the monitor's, and its pipe then at its end.
    my $over = '';
    vec($over, fileno $from_monitor, 1) = 1;
    exit 1 if select($over, undef, undef, 0);
    $SIG{CHLD} = 'IGNORE';
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP PIPE);
    $0 = 'regime-testbed';
    say_to($to_monitor, 'running');
    sys('close', $_) for 0 .. 2;
    close_descriptors();
    while (1) { sleep 1 << 30 }
}

sub last_capability {
    open(my $file, '<', '/proc/sys/kernel/cap_last_cap') or return 40;
    return 0 + <$file>;
}

# Ends the testbed that is open; returns when every process in it is dead.
sub end_testbed {
    my $testbed = $current or return;
    undef $current;
    retire($testbed);
}

sub retire {
    my ($testbed) = @_;
    # The namespaces' descriptors keep their mounts alive.
    delete $testbed->{spaces};
    delete $testbed->{configuration};
    kill 'TERM', $testbed->{keeper};
    close $testbed->{to} if $testbed->{to};
    while (my ($word) = hear($testbed->{from})) { last if $word eq 'dead' }
}

1;
