# Joins stdin and stdout with a unix socket, whose path is the argument. Each direction ends by itself.
use strict;
use warnings;
use Socket;

my ($path) = @ARGV;
my $engine = connect_to($path) or do { print STDERR "$path: $!\n"; exit 1 };
my $feeder = fork // do { print STDERR "fork: $!\n"; exit 1 };
if (!$feeder) {
    close STDOUT;
    hand_on(*STDIN, $engine);
    shutdown $engine, 1;
    require POSIX;
    POSIX::_exit(0);
}
close STDIN;
hand_on($engine, *STDOUT);
kill 'KILL', $feeder;
exit 0;

sub connect_to {
    my $address = eval { sockaddr_un($_[0]) } or do { $! = 36; return };    # ENAMETOOLONG
    socket(my $handle, PF_UNIX, SOCK_STREAM, 0) or return;
    connect($handle, $address) or return;
    return $handle;
}

sub hand_on {
    my ($from, $to) = @_;
    for (;;) {
        my $read = sysread $from, my $data, 65536;
        next if !defined $read && $!{EINTR};
        last unless $read;
        while (length $data) {
            my $written = syswrite $to, $data;
            if (defined $written) { substr $data, 0, $written, ''; next }
            return unless $!{EINTR};
        }
    }
}
