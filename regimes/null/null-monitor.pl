# The monitor of the null regime. The host needs no looking after, but auxverbs do: those that still
# run are to end with the testbed. They hold the other end of a pipe of the monitor's, which the
# kernel closes when the server has gone, however it went.
use strict;
use warnings;

$0 = 'regime: monitor of the host';
$SIG{$_} = 'IGNORE' for qw(HUP INT PIPE);
$| = 1;
# A file without a name: auxverbs run it as /proc/MONITOR/fd/N, so that nothing needs quoting.
open(my $script, '+>', undef) or die "cannot make a temporary file: $!\n";
{ my $before = select $script; $| = 1; select $before }
print $script $main::auxverb;
pipe(my $lifeline, my $held) or die "pipe: $!\n";
my ($program, $pipe) = map { "/proc/$$/fd/" . fileno $_ } $script, $lifeline;
my $perl = $^X =~ m{^/[\w/.+-]+$}a ? $^X : 'perl';
# What the caller's environment asks of perl is for the command, which gets it back, not for the auxverb.
my $start = "test -e $program || exit 255; set -- -- \"\$@\"; "
    . 'for regime_word in PERL5OPT PERL5LIB PERLLIB PERL5DB PERLIO PERL_UNICODE PERL_BADLANG; do '
    . 'eval "[ \"\${$regime_word+x}\" ] || continue; set -- \"$regime_word=\$$regime_word\" \"\$@\"; unset $regime_word"; '
    . "done; export PERL_BADLANG=0; exec $perl $program $pipe \"\$@\"";
while (<STDIN>) {
    s/([^A-Za-z0-9_.~\/-])/sprintf '%%%02X', ord $1/ge for my @words = ('/bin/sh', '-c', $start, 'regime');
    print join(' ', 'ok', @words), "\n";
}
