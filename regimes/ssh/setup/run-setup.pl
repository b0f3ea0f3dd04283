# `perl -e THIS NOTE SCRIPT COMMAND ARG...`: runs a setup script and hands on what it writes. What it
# says as `extraopts=` is added to the file NOTE, and the last of it to the arguments of later calls.
# Its clean-up needs that also when the server has died meanwhile: then the script still comes to its
# end, under the lock of NOTE. What else it says, a password perhaps, is written nowhere.
use strict;
use warnings;
use Errno qw(EINTR);
use Fcntl qw(:flock);
use IO::Handle;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

# Processes that the script leaves behind may hold its output for ever: seconds that they get.
my $linger = 0.2;
# Seconds to wait for a script that a dead server left at work.
my $patience = 60;

my ($path, @command) = @ARGV;
open(my $note, '+>>', $path) or die "$path: $!\n";
my $give_up = time + $patience;
until (flock $note, LOCK_EX | LOCK_NB) {
    die "the setup script that was started before still runs\n" if time > $give_up;
    sleep 0.1;
}
seek $note, 0, 0;
chomp(my @extra = <$note>);
# Parted at each space, as autopkgtest-virt-ssh does it.
push @command, split / /, $extra[-1], -1 if @extra;

# Handlers, as what is ignored stays so in the script. It is the script that a signal is for.
$SIG{$_} = sub { } for qw(CHLD HUP INT PIPE QUIT TERM);

pipe(my $out, my $out_end) && pipe(my $err, my $err_end) or die "pipe: $!\n";
my $child = fork // die "fork: $!\n";
if (!$child) {
    open(STDOUT, '>&', $out_end) && open(STDERR, '>&', $err_end) or die "dup: $!\n";
    no warnings 'exec';
    exec { $command[0] } @command;
    print STDERR "$!\n";
    POSIX::_exit($!{ENOENT} ? 127 : 126);
}
close $_ for $out_end, $err_end;

my ($line, $status, $end) = ('');
my %streams = (fileno $out => [$out, \*STDOUT], fileno $err => [$err, \*STDERR]);
while (%streams) {
    if (!defined $status && waitpid($child, WNOHANG) == $child) {
        ($status, $end) = ($?, time + $linger);
    }
    my $bits = '';
    vec($bits, $_, 1) = 1 for keys %streams;
    # A child that ends just now interrupts nothing: looked for again after a while.
    my $ready = select($bits, undef, undef, defined $end ? $end - time > 0 ? $end - time : 0 : 1);
    next if $ready < 0;
    last if !$ready && defined $end;
    for my $number (grep { $ready && vec($bits, $_, 1) } keys %streams) {
        my ($from, $to) = @{ $streams{$number} };
        my $got = sysread $from, my $data, 65536;
        next if !defined $got && $!{EINTR};
        if (!$got) { delete $streams{$number}; next }
        note($data) if $from == $out;
        for (my $done = 0; $done < length $data;) {
            my $written = syswrite $to, $data, length($data) - $done, $done;
            if (defined $written) { $done += $written }
            elsif (!$!{EINTR}) { last }    # the server has gone
        }
    }
}
note("\n");
if (!defined $status) { 1 while waitpid($child, 0) < 0 && $!{EINTR}; $status = $? }
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);

sub note {
    $line .= shift;
    while ($line =~ s/^([^\r\n]*)[\r\n]//) {
        my $text = $1;
        next if $text !~ s/^extraopts=//;
        print {$note} "$text\n";
        $note->flush && $note->sync or warn "$path: $!\n";
    }
}
