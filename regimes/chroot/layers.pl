# What a testbed is made of: overlays over the lower tree, whose upper layers are thrown away.

# An overlay over the directory behind a handle, its upper layer in a directory of ours.
sub mount_overlay {
    my ($lower, $upper_base, $target, $settings) = @_;
    my ($mode, $uid, $gid) = (stat handle_path($lower))[2, 4, 5];
    $settings->{foreign} = 1 if $settings->{userns} && $uid == 65534;    # what is not mapped shows so
    for ("$upper_base", "$upper_base/upper", "$upper_base/work") { mkdir $_, 0755 }
    # The upper directory's mode and owner become those of the overlay's root.
    chown $uid, $gid, "$upper_base/upper";
    chmod $mode & 07777, "$upper_base/upper";
    my @handles = (open_path("$upper_base/upper"), open_path("$upper_base/work"));
    defined or fail("cannot open $upper_base") for @handles;
    my $options = 'lowerdir=' . handle_path($lower) . ',upperdir=' . handle_path($handles[0])
        . ',workdir=' . handle_path($handles[1]);
    $options .= ',userxattr' if $settings->{userns};
    my $flags = $settings->{privileged} ? 0 : MS_NODEV;
    # What a crash of the machine leaves of a testbed is thrown away: nothing needs to be synced.
    return 1 if !$settings->{lasting} && sys('mount', 'regime', $target, 'overlay', $flags, "$options,volatile");
    return sys('mount', 'regime', $target, 'overlay', $flags, $options);
}

# What lies under the root: one overlay over the lower directory, or what stands for it.
sub mount_lower {
    my ($stage, $layer, $settings) = @_;
    return compose_root($stage, $layer, $settings) if $settings->{host} && $settings->{userns};
    my $lower = open_path($settings->{lower}) or fail("cannot open $settings->{source}");
    if ($settings->{in_place}) {
        sys('mount', handle_path($lower), $stage, '', MS_BIND | MS_REC, 0)
            or fail("cannot bind $settings->{source}");
        # Root of the testbed may make devices: they must not lead to those of the machine.
        $settings->{privileged} || restrict_mount($stage, MS_NODEV, 1) or fail("cannot bind $settings->{source}");
        return;
    }
    return if mount_overlay($lower, $layer, $stage, $settings);
    # The disk can't carry an upper layer (it is an overlay itself, or NFS): memory can.
    my $reason = "$!";
    $settings->{tmpfs} and fail("cannot mount an overlay over $settings->{source}", $reason);
    mount_layer_in_memory($layer, $settings);
    mount_overlay($lower, $layer, $stage, $settings)
        or fail("cannot mount an overlay over $settings->{source}", $reason);
    $settings->{notice} = "$settings->{base} can't carry an overlay's upper layer ($reason): changes are kept in memory";
}

sub mount_layer_in_memory {
    my ($layer, $settings) = @_;
    my $options = 'mode=755' . ($settings->{size} ? ",size=$settings->{size}" : '');
    mount_or_fail('regime', $layer, 'tmpfs', MS_NODEV, $options);
    $settings->{tmpfs} = 1;
}

# In a user namespace the kernel refuses an overlay over / (its submounts are locked to it), so the
# root is put together from what lies directly below; what can't be an overlay is shown read-only.
sub compose_root {
    my ($stage, $layer, $settings) = @_;
    mount_or_fail('regime', $stage, 'tmpfs', MS_NODEV, 'mode=755');
    opendir(my $list, '/') or fail('cannot read /');
    for my $name (sort grep { !/^\.\.?$/ } readdir $list) {
        my ($outer, $inner) = ("/$name", "$stage/$name");
        if (-l $outer) { symlink readlink $outer, $inner; next }
        next unless -d $outer;
        mkdir $inner, 0755;
        next if $name =~ /^(proc|sys|dev|run|tmp|lost\+found)$/;
        my $handle = open_path($outer) or next;
        next if mount_overlay($handle, "$layer/top-$name", $inner, $settings);
        sys('mount', handle_path($handle), $inner, '', MS_BIND | MS_REC, 0)
            && sys('mount', '', $inner, '', MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, 0);
    }
}

# The file systems mounted below the outer root that hold files, parents first.
sub submounts {
    open(my $table, '<', '/proc/self/mountinfo') or fail('cannot read /proc/self/mountinfo');
    my %found;
    while (<$table>) {
        my ($before, $after) = split / - /;
        my $path = (split / /, $before)[4];
        my ($type) = split / /, $after;
        next if $type =~ /^(autofs|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fuse\..*|fusectl|
            hugetlbfs|mqueue|nsfs|proc|pstore|rpc_pipefs|securityfs|selinuxfs|sysfs|tracefs)$/x;
        $path =~ s/\\([0-7]{3})/chr oct $1/ge;
        $found{$path} = 1 unless $path eq '/' || $path =~ m{^/(proc|sys|dev|run|tmp)(/|$)};
    }
    my @paths = sort { length $a <=> length $b || $a cmp $b } keys %found;
    return @paths;
}

# The outer root itself: its submounts would show empty, so each gets an overlay of its own.
sub stack_submounts {
    my ($mounts, $layer, $settings) = @_;
    my $number = 0;
    for my $mount (@$mounts) {
        my ($path, $handle) = @$mount;
        if (!-d handle_path($handle)) {
            # A single file that was bind-mounted, as Docker does with /etc/hosts.
            open(my $source, '<', handle_path($handle)) or next;
            write_file($path, do { local $/; <$source> } // '', 0644) if -f $source && -s _ < 1 << 20;
            next;
        }
        lstat $path && -d _ or next;
        mount_overlay($handle, "$layer/sub-" . ++$number, $path, $settings);
    }
}

# A directory that outlives revert: an overlay whose upper layer is the session's.
sub keep_directory {
    my ($path, $upper, $settings) = @_;
    make_mount_point($path, 1);
    my $lower = open_path($path) or fail("cannot keep $path");
    return if mount_overlay($lower, $upper, $path, { %$settings, lasting => 1 });
    bind_mount("$upper/upper", $path, $settings->{privileged} ? 0 : MS_NODEV) or fail("cannot keep $path");
}

1;
