# `perl -e THIS UNTIL PROGRAM ARG...`: prints how many nanoseconds it took from the fork to the end of
# the program (UNTIL is `end`) or to the first line of its output (`line`; it is then told to quit).
# Perl, because between fork, exec and wait nothing else happens here: no event loop, no threads.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($until, @command) = @ARGV;
$SIG{PIPE} = 'IGNORE';
pipe(my $input, my $commands) && pipe(my $replies, my $output) or die "pipe: $!";
open(my $null, '+<', '/dev/null') or die "/dev/null: $!";
my $started = clock_gettime(CLOCK_MONOTONIC);
my $child = fork // die "fork: $!";
if (!$child) {
    my $talks = $until eq 'line';
    open(STDIN, '<&', $talks ? $input : $null) && open(STDOUT, '>&', $talks ? $output : $null)
        or die "dup: $!";
    close $_ for $commands, $replies;
    exec { $command[0] } @command or die "$command[0]: $!";
}
close $_ for $input, $output;
my $line = $until eq 'line' ? <$replies> : undef;
waitpid $child, 0 if $until eq 'end';
my $ended = clock_gettime(CLOCK_MONOTONIC);
if ($until eq 'line') {
    syswrite $commands, "quit\n";
    close $commands;
    waitpid $child, 0;
    defined $line or die "no line of output\n";
}
die "$command[0]: wait status $?\n" if $?;
printf "%.0f\n", ($ended - $started) * 1e9;
