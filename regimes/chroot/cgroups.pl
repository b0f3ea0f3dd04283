# Limits on processes and memory by control groups (Documentation/admin-guide/cgroup-v1, cgroup-v2).

# A fork bomb in a test must not take the host, where it costs nothing to see to it.
my $DEFAULT_PIDS = 4096;

# Makes the testbed's control group under every hierarchy that is needed, and opens what is written
# to in order to join it: auxverbs reach these through the monitor's descriptors.
sub enter_cgroups {
    my $settings = our_settings();
    my %limits;
    $limits{memory} = $settings->{memory} if $settings->{memory};
    my $own_limit = own_pid_limit($settings);
    $limits{pids} = $settings->{pids} if $settings->{pids};
    return unless %limits;
    my %made;
    for my $controller (sort keys %limits) {
        my $group = make_cgroup($controller, $settings->{name});
        if (!defined $group && $controller eq 'pids' && $own_limit) {
            $settings->{notice} = "--pids: no control group can be made here: up to 300 processes more are possible";
            next;
        }
        defined $group
            or fail("cannot limit $controller", 'no control group with that controller can be made here'
                . ($> ? '; a plain user needs one delegated by systemd' : ''));
        my $file = -e "$group/cgroup.controllers"
            ? { memory => 'memory.max', pids => 'pids.max' }->{$controller}
            : { memory => 'memory.limit_in_bytes', pids => 'pids.max' }->{$controller};
        my $limit;
        open($limit, '>', "$group/$file") && syswrite($limit, $limits{$controller})
            or fail("cannot limit $controller: $group/$file");
        $made{$group} = 1;
    }
    $settings->{cgroup_paths} = [sort keys %made];
    for (@{ $settings->{cgroup_paths} }) {
        open(my $procs, '>', "$_/cgroup.procs") or fail("cannot open $_/cgroup.procs");
        push @{ $settings->{cgroup_handles} }, $procs;
    }
}

# Since Linux 6.14 a pid namespace has a limit of its own, which costs nothing. It limits the numbers:
# those up to 300 come on top, as they are given once (kernel/pid.c, RESERVED_PIDS).
sub own_pid_limit {
    my ($settings) = @_;
    open(my $file, '<', '/proc/sys/kernel/osrelease') or return 0;
    my ($major, $minor) = <$file> =~ /^(\d+)\.(\d+)/;
    return 0 unless $major > 6 || $major == 6 && $minor >= 14;
    $settings->{pid_max} = ($settings->{pids} || $DEFAULT_PIDS) + 301;
    return 1;
}

# The directory of a new group below our own, or below the nearest ancestor that can have one.
sub make_cgroup {
    my ($controller, $name) = @_;
    my ($mount, $version) = cgroup_mount($controller) or return undef;
    my ($own) = own_cgroup($controller, $version) or return undef;
    for (my $parent = $own; ; $parent =~ s{/[^/]*$}{}) {
        my $group = "$mount$parent/$name";
        if (-d $group || mkdir $group, 0755) {
            return $group if $version == 1 || offers($group, $controller);
            if (open(my $control, '>', "$mount$parent/cgroup.subtree_control")) {
                syswrite $control, "+$controller";
                return $group if offers($group, $controller);
            }
            rmdir $group;
        }
        last unless length $parent;
    }
    return undef;
}

sub offers {
    my ($group, $controller) = @_;
    return -e "$group/$controller.max";
}

# Where a controller's hierarchy is mounted, and its version; version 1 first, which takes a
# controller away from version 2.
sub cgroup_mount {
    my ($controller) = @_;
    open(my $table, '<', '/proc/self/mountinfo') or return ();
    my $unified;
    while (<$table>) {
        my ($before, $after) = split / - /;
        my $path = (split / /, $before)[4];
        my ($type, undef, $options) = split / /, $after;
        return ($path, 1) if $type eq 'cgroup' && $options =~ /(^|,)\Q$controller\E(,|$)/m;
        $unified = $path if $type eq 'cgroup2';
    }
    return defined $unified ? ($unified, 2) : ();
}

sub own_cgroup {
    my ($controller, $version) = @_;
    open(my $table, '<', '/proc/self/cgroup') or return ();
    while (<$table>) {
        chomp;
        my (undef, $controllers, $path) = split /:/, $_, 3;
        next unless $version == 2 ? $controllers eq '' : $controllers =~ /(^|,)\Q$controller\E(,|$)/;
        return $path eq '/' ? ('') : ($path);
    }
    return ();
}

sub join_cgroups {
    my $settings = our_settings();
    for (@{ $settings->{cgroup_handles} // [] }) {
        syswrite $_, '0' or fail('cannot enter the control group');
    }
}

# What a dead monitor left: nothing but its name tells where. It was made below the group of its
# server, as of a container or a unit, which need not be ours.
sub remove_cgroups {
    my ($name) = @_;
    for my $controller (qw(memory pids)) {
        my ($mount) = cgroup_mount($controller) or next;
        remove_below($mount, $name);
    }
}

sub remove_below {
    my ($directory, $name) = @_;
    opendir(my $entries, $directory) or return;
    my @groups = grep { !/^\.\.?$/ && !-l "$directory/$_" && -d _ } readdir $entries;
    for my $group (@groups) {
        $group eq $name ? rmdir "$directory/$group" : remove_below("$directory/$group", $name);
    }
}

sub leave_cgroups {
    my $settings = our_settings() or return;
    close $_ for @{ delete $settings->{cgroup_handles} // [] };
    for my $group (@{ $settings->{cgroup_paths} // [] }) {
        # The last process may be a moment on its way out.
        for (1 .. 50) { last if rmdir $group or !-d $group; select undef, undef, undef, 0.02 }
    }
}

1;
