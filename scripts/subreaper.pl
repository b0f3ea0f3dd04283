# perl subreaper.pl COMMAND ARG…: runs a command so that whatever it leaves running becomes our child
# (prctl(2), PR_SET_CHILD_SUBREAPER) and can be told from what others run on the machine. Fetches the
# dead ones, as process 1 would.
use strict;
use warnings;
use Errno;

my %prctl = (x86_64 => 157, aarch64 => 167, riscv64 => 167, i686 => 172, armv7l => 172);
my $number = $prctl{ (split ' ', `uname -m`)[0] };
if ($number && syscall($number, 36, 1, 0, 0, 0) == 0) { $ENV{REGIME_TEST_REAPER} = $$ }

my $command = fork() // die "fork: $!\n";
if ($command == 0) { exec @ARGV or die "$ARGV[0]: $!\n" }
# A Ctrl-C reaches the command as well; we stay to tell how it ended.
$SIG{INT} = 'IGNORE';
$SIG{TERM} = sub { kill 'TERM', $command };
while ((my $ended = waitpid(-1, 0)) > 0 || $!{EINTR}) {
    next if $ended != $command;
    exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}
