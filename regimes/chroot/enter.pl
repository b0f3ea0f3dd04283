# The auxverb of a chroot testbed: `PERL ENTER CONFIG GENERATION PROGRAM ARG…`. Perl, this file
# and its configuration are descriptors of the monitor (/proc/MONITOR/fd/N), so that nothing of it
# works any more once the monitor has gone, and no name on it needs quoting. Its stdin, stdout and
# stderr are the command's own. It ends as the command did; 255 says that the testbed has gone.

my ($config_number, $generation, @command) = @ARGV;
my ($descriptors) = $0 =~ m{^(/proc/[0-9]+/fd/)};
sub gone { print STDERR "regime: $_[0]\n"; exit 255 }

open(my $file, '<', "$descriptors$config_number") or gone('the testbed has gone');
my $config = do { local $/; <$file> };
close $file;
my ($settings, $environment) = split /\n\n/, $config // '', 2;
my %setting = map { split / /, $_, 2 } split /\n/, $settings // '';
gone('the testbed has gone') if ($setting{generation} // '') ne $generation;
$NR = { map { /^nr\.(.*)/ ? ($1 => $setting{$_} + 0) : () } keys %setting };
# A descriptor that the caller left open is none of the testbed's business.
close_descriptors() or gone("/proc: $!");

my %namespace;
for (qw(user pid ipc uts cgroup net mnt)) {
    next unless defined $setting{"ns.$_"};
    open($namespace{$_}, '<', $descriptors . $setting{"ns.$_"}) or gone('the testbed has gone');
}
for (split / /, $setting{cgroups} // '') {
    my $procs;
    open($procs, '>', $descriptors . $_) && syswrite($procs, '0') or gone("cannot enter its cgroup: $!");
}
# Until it executes the testbed's program, nothing in there may look into this process.
sys('prctl', PR_SET_DUMPABLE, 0, 0, 0, 0);
for (qw(user pid)) {
    next unless $namespace{$_};
    join_namespace($namespace{$_}) or gone("cannot enter the testbed: $_: $!");
}

# A person at a terminal gets job control; all else gets a session of its own: `kill 0` in the testbed
# would reach the caller's process group, and /dev/tty the caller's terminal (TIOCSTI, ioctl_tty(2)).
my $group = pack 'i', 0;
my $interactive = -t STDIN && -t STDOUT && ioctl(STDIN, $NR->{tiocgpgrp}, $group) && unpack('i', $group) == getpgrp;

pipe(my $started, my $starting) or gone("pipe: $!");
my $child = fork;
# EAGAIN where it is full, ENOMEM where its process 1 is dead.
gone($! == 11 ? 'no more processes can be started in the testbed' : 'the testbed has gone') unless defined $child;
if (!$child) {
    close $started;
    my $fail = sub { syswrite($starting, "$_[0]: $!"); exit 255 };
    if ($interactive) { setpgrp 0, 0; take_terminal($$) }
    else { sys('setsid') or $fail->('setsid') }
    for (qw(ipc uts cgroup net mnt)) {
        next unless $namespace{$_};
        join_namespace($namespace{$_}) or $fail->("cannot enter the testbed: $_");
    }
    chdir '/' or $fail->('cannot enter the testbed');
    # Where a plain user has but one id the kernel forbids setgroups (user_namespaces(7)).
    sys('setgroups', 0, 0) or $fail->('setgroups') unless $setting{single_id};
    $( = $) = 0;
    $< = $> = 0;
    sys('personality', $setting{personality} + 0) or $fail->('personality') if $setting{personality};
    if ($setting{seccomp}) {
        my $filter = pack 'H*', $setting{seccomp};
        my $program = pack 'S x![P] P', length($filter) / 8, $filter;
        # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        sys('prctl', 22, 2, $program) or $fail->('seccomp');
    }
    if (defined $setting{capabilities}) {
        keep_capabilities($setting{capabilities}, $setting{last_capability}) or $fail->('capabilities');
    }
    # Whoever kills the auxverb means the command. After the credentials: changing them resets it.
    sys('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    umask 022;
    # What a terminal understands comes with the terminal, as by ssh and by docker.
    my ($terminal) = $interactive ? ($ENV{TERM} // '') =~ /^([\w.+-]+)$/a : ();
    %ENV = map { split /=/, $_, 2 } split /\0/, $environment;
    $ENV{TERM} //= $terminal if defined $terminal;
    exec { $command[0] } @command;
    # As a shell has it: 127 not found, 126 not executable.
    my $status = $! == 2 || $! == 20 ? 127 : 126;    # ENOENT, ENOTDIR
    print STDERR "regime: $command[0]: $!\n";
    syswrite($starting, "\0$status");
    exit $status;
}

# The terminal's foreground process group; who is not in it may set it only with SIGTTOU ignored.
sub take_terminal {
    my ($leader) = @_;
    local $SIG{TTOU} = 'IGNORE';
    ioctl(STDIN, $NR->{tiocspgrp}, pack 'i', $leader);
}

# Whoever ends the auxverb means the command and what it started.
for my $name (grep { ($SIG{$_} // '') ne 'IGNORE' } qw(HUP INT QUIT TERM)) {
    $SIG{$name} = sub {
        kill '-KILL', $child if $child;
        kill 'KILL', $child if $child;
        # Left to the outer process 1, the dead child would keep the testbed from ending until that reaps it.
        waitpid $child, 0 if $child;
        take_terminal(getpgrp) if $interactive;
        $SIG{$name} = 'DEFAULT';
        kill $name, $$;
    };
}
close $starting;
my $trouble = do { local $/; <$started> };
# A command that a key stopped stops us too, and both go on together. Where nobody could make us go on
# (an orphaned process group, setpgid(2)) the kernel leaves us alone, and the key does nothing.
# What is still there was not reaped: of a stop $? says nothing. EPERM is 1.
while (waitpid($child, $interactive ? 2 : 0) > 0 && $interactive && (kill(0, $child) || $! == 1)) {    # WUNTRACED
    take_terminal(getpgrp);
    kill 'TSTP', $$;
    take_terminal($child);
    kill '-CONT', $child;
}
undef $child;    # by now the number may be another's
my ($signal, $status) = ($? & 127, $? >> 8);
take_terminal(getpgrp) if $interactive;
if (defined $trouble && length $trouble) {
    exit $1 if $trouble =~ /^\0(\d+)/;
    gone($trouble);
}
if ($signal) {
    # Was it the command that was killed, or the testbed? In a dead pid namespace nothing forks.
    my $probe = fork;
    gone('the testbed has gone') unless defined $probe;
    sys('prctl', PR_SET_DUMPABLE, 0, 0, 0, 0), exit 0 unless $probe;
    waitpid $probe, 0;
    gone('the testbed has gone') if $?;
    exit 128 + $signal;
}
exit($status > 253 ? 253 : $status);
