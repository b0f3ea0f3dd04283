# `perl THIS LOG SERVER ARG...`: stands between a harness and a server and writes into LOG, for each
# command, its name and how many milliseconds passed until the reply (for `quit`: until the end).
use strict;
use warnings;
use IPC::Open2;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($path, @server) = @ARGV;
# The harness closes its end before it says quit.
$SIG{PIPE} = 'IGNORE';
$| = 1;
open(my $log, '>', $path) or die "$path: $!";
my $server = open2(my $replies, my $commands, @server);
print scalar readline $replies;
while (defined(my $line = <STDIN>)) {
    my ($name) = $line =~ /^(\S+)/;
    my $began = clock_gettime(CLOCK_MONOTONIC);
    print $commands $line;
    my $reply = <$replies>;
    if ($name eq 'quit') { waitpid $server, 0 }
    printf $log "%s %.1f\n", $name, 1e3 * (clock_gettime(CLOCK_MONOTONIC) - $began);
    last unless defined $reply;
    print $reply;
}
close $commands;
waitpid $server, 0;
exit $? >> 8;
