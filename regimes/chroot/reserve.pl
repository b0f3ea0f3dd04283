# Who may use a tree together with whom.

# Any number of testbeds may lie over a tree while nobody writes into it: they share its lock, and
# who works in place has it alone. The monitor holds it as long as the testbed lives.
sub reserve_tree {
    my ($tree) = @_;
    my $kind = $settings->{in_place} ? 2 : 1;    # LOCK_EX, LOCK_SH
    open($settings->{lock}, '<', $tree) or fail("cannot open $tree");
    my $told = '';
    until (flock $settings->{lock}, $kind | 4) {    # LOCK_NB
        my $holders = describe_holders($settings->{lock});
        answer('waiting', $told = $holders) if $holders ne $told;
        server_lives(0.1) or fail("cannot reserve $tree", 'the server has gone');
    }
}

# Who holds a lock on the file behind a handle, from /proc/locks (proc(5)).
sub describe_holders {
    my ($handle) = @_;
    my $inode = (stat $handle)[1];
    my @holders;
    open(my $locks, '<', '/proc/locks') or return 'somebody else';
    while (<$locks>) {
        my ($pid, $place) = /FLOCK\s+\S+\s+\S+\s+(\d+)\s+(\S+)/ or next;
        next unless $place =~ /:$inode$/ && !/->/;
        my $command = join ' ', split /\0+/, read_file("/proc/$pid/cmdline");
        my $since = (stat "/proc/$pid")[10];
        push @holders, "process $pid ($command) since " . localtime $since if $since;
    }
    return join(', ', @holders) || 'somebody else';
}

1;
