# The auxverb of the null regime: runs a command as it is, and ends as the command does. 255 says that
# the session has gone, so a command's own 254 and 255 become 253.
use strict;
use warnings;

my ($pipe, @command) = @ARGV;
# Variables of the command's that are perl's too; then a word -- and the command.
delete $ENV{PERL_BADLANG};
while (($_ = shift @command // '--') ne '--') {
    my ($name, $value) = split /=/, $_, 2;
    $ENV{$name} = $value;
}
sub gone { print STDERR "regime: the testbed has gone\n"; exit 255 }
open(my $lifeline, '<', $pipe) or gone();
pipe(my $deaths, my $death) or die "pipe: $!";
$SIG{CHLD} = sub { syswrite $death, 'x' };
my $child = fork // die "fork: $!";
if (!$child) {
    $SIG{CHLD} = 'DEFAULT';
    { no warnings 'exec'; exec { $command[0] } @command }
    my $status = $! == 2 || $! == 20 ? 127 : 126;    # ENOENT, ENOTDIR
    print STDERR "regime: $command[0]: $!\n";
    exit $status;
}
# Ctrl-C at a terminal is for the command to deal with; being told to end is for both.
$SIG{$_} = 'IGNORE' for qw(INT QUIT);
for my $signal (qw(TERM HUP)) {
    $SIG{$signal} = sub {
        my $start = start_of($child);
        kill $signal, $child;
        my $guard = fork;
        outlast($child, $start) if defined $guard && !$guard;
        $SIG{$signal} = 'DEFAULT';
        kill $signal, $$;
    };
}
for (;;) {
    my $wanted = '';
    vec($wanted, fileno $_, 1) = 1 for $lifeline, $deaths;
    # Perl hands out signals between its own steps: one that comes just before the kernel's select
    # does not end it, so look again now and then.
    my $found = select $wanted, undef, undef, 0.1;
    next if $found < 0;
    if (waitpid($child, 1) == $child) {    # WNOHANG
        my ($signal, $status) = ($? & 127, $? >> 8);
        exit 128 + $signal if $signal;
        exit($status > 253 ? 253 : $status);
    }
    sysread $deaths, my $drained, 64 if vec $wanted, fileno $deaths, 1;
    if (vec $wanted, fileno $lifeline, 1) { end_tree($child); gone() }
}

# Once we have been told to end nobody looks after the command any more, which may be deaf to it: it has two
# seconds, or until the session has gone.
sub outlast {
    my ($child, $start) = @_;
    $SIG{$_} = 'IGNORE' for qw(TERM HUP);
    close $_ for \*STDIN, \*STDOUT, \*STDERR;    # others wait for the end of these
    for (1 .. 20) {
        my $wanted = '';
        vec($wanted, fileno $lifeline, 1) = 1;
        last if select($wanted, undef, undef, 0.1) > 0;
        exit 0 if start_of($child) ne $start;
    }
    end_tree($child) if start_of($child) eq $start;
    exit 0;
}

# When a process was started, the 22nd field of proc(5): a later one with its number has another. Empty
# where it has ended.
sub start_of {
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/stat") or return '';
    return (<$file> // '') =~ /\) [^ZX](?: \S+){18} (\d+)/ ? $1 : '';
}

# Ends a process and all that descend from it; stopped first, so that none can slip away.
sub end_tree {
    my ($root) = @_;
    kill 'STOP', $root;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat') {
        open(my $handle, '<', $file) or next;
        my ($pid, $parent) = (<$handle> // '') =~ /^(\d+) .*\) \S+ (\d+)/s or next;
        push @children, $pid if $parent == $root;
    }
    end_tree($_) for @children;
    kill 'KILL', $root;
}
