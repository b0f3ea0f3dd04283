# What the monitor of a chroot testbed knows, and how its processes talk to each other and to the server.

# What the server asked for; the testbed that is open; how many there have been; seconds after which a
# silent server counts as gone; keepers that have not ended yet, by their pid; the handles that
# auxverbs are run from; their environment.
my ($settings, $current, $generation, $heartbeat) = (undef, undef, 0, 0);
my (%retired, $program, $entry, @environment);

# What has come over the lifeline and is not worked off; when something came last; whether a SIGTERM came.
my ($unread, $heard, $terminated) = ('', time, 0);

sub our_settings { return $settings }

# The pid namespace of the testbed that is open, as a link below /proc/PID/ns names it.
sub pid_space { return $current && readlink "/proc/$$/fd/" . fileno $current->{spaces}{pid} }

sub decode { my ($word) = @_; $word =~ s/%([0-9A-F]{2})/chr hex $1/ge; return $word }
sub encode { my ($word) = @_; $word =~ s{([^A-Za-z0-9_.~/-])}{sprintf '%%%02X', ord $1}ge; return $word }
sub answer { syswrite STDOUT, join(' ', shift, map { encode($_) } @_) . "\n" }

# A line of percent-encoded words from another process of ours, byte by byte: no buffer is shared.
sub hear {
    my ($handle) = @_;
    my $line = '';
    while (sysread $handle, my $byte, 1) {
        return map { decode($_) } split / /, $line if $byte eq "\n";
        $line .= $byte;
    }
    return ();
}

# Waits until something comes over the lifeline or a handle, or for some seconds (undef: for ever). False
# where the server has gone: the lifeline has ended, it was silent for too long, or we were told to end.
sub server_lives {
    my ($seconds, $handle) = @_;
    my $wanted = '';
    vec($wanted, fileno $_, 1) = 1 for \*STDIN, $handle // ();
    my $found = select($wanted, undef, undef, $seconds);
    return 0 if $terminated;
    if ($found > 0 && vec($wanted, fileno STDIN, 1)) {
        $heard = time;
        return sysread STDIN, $unread, 65536, length $unread;
    }
    return !$heartbeat || time - $heard <= $heartbeat;
}

sub say_to { my $handle = shift; syswrite $handle, join(' ', map { encode($_) } @_) . "\n" }

1;
