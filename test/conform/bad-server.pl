#!/usr/bin/perl
# A server that answers like null, but for one fault, named by its first argument.
use strict;
use warnings;
my $fault = shift // '';
$| = 1;
sleep 100 if $fault eq 'silent';
print "hello\n" if $fault eq 'greets';
print "ok\n";
$SIG{TERM} = 'IGNORE' if $fault eq 'immortal';
while (my $line = <STDIN>) {
    chomp $line;
    if ($line eq 'open') { print "ok /tmp\n" }
    elsif ($line eq 'print-execute-command') { print "ok env\n" }
    elsif ($line eq 'capabilities') { print "ok\n" }
    elsif ($line eq 'auxverb_debug_fail') {
        print "ok\n";
        print "a stray line\n" if $fault eq 'strays';
        print STDOUT "no newline" if $fault eq 'dangles';
    }
    elsif ($line eq 'close') { print "ok\n" }
    elsif ($line eq 'quit') { print "ok\n"; last if $fault ne 'immortal' }
    else { warn "unknown\n"; exit 12 }
}
1 while $fault eq 'immortal' and sleep 1;
