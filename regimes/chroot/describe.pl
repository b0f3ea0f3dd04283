# What is known of a testbed when something in it has failed: its processes, the room that its changes
# have, and whether the kernel had to kill for memory.

sub describe_testbed {
    my $settings = our_settings() or return "no testbed was started\n";
    my $text = "processes of the testbed over $settings->{source}:\n" . list_processes();
    $text .= "room for its changes:\n" . output_of('df', '-hP', $settings->{base});
    for my $group (@{ $settings->{cgroup_paths} // [] }) {
        for (grep { -r } map { "$group/$_" } qw(memory.events memory.oom_control pids.events)) {
            $text .= "$_:\n" . read_file($_);
        }
    }
    return $text;
}

# Everything whose pid namespace is the testbed's, as numbers of the outer Place.
sub list_processes {
    my $space = pid_space() or return "  none: it has ended\n";
    my $text = '';
    for my $process (sort { $a <=> $b } map { m{(\d+)} } glob '/proc/[0-9]*') {
        next unless (readlink "/proc/$process/ns/pid" // '') eq $space;
        my ($state) = read_file("/proc/$process/stat") =~ /.*\) (\S)/s;
        my $command = join ' ', split /\0+/, read_file("/proc/$process/cmdline");
        $text .= sprintf "  %s %s %s\n", $process, $state // '?', substr $command, 0, 200;
    }
    return $text || "  none: it has ended\n";
}

sub output_of {
    my (@command) = @_;
    open(my $output, '-|', @command) or return "  $command[0]: $!\n";
    my $text = join '', map { "  $_" } <$output>;
    close $output;
    return $text;
}

1;
