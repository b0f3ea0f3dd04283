# Process 1 of a testbed, before it sleeps: builds the file system out of overlays and mounts, makes
# it the root, drops what capabilities the testbed is not to have. It runs in the testbed's new
# namespaces. Until pivot_root names are the outer Place's; after it a link that a hostile tree
# holds leads nowhere but into the testbed.

# Builds the testbed's root and moves into it. Dies with { step, error } where it can't.
sub build_root {
    my ($settings) = @_;
    umask 022;
    my $spaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    $spaces |= CLONE_NEWCGROUP if -e '/proc/self/ns/cgroup';
    $spaces |= CLONE_NEWNET if $settings->{net} eq 'none';
    sys('unshare', $spaces) or fail('cannot make namespaces');
    sys('mount', '', '/', '', MS_REC | MS_PRIVATE, 0) or fail('cannot make the mounts private');

    my ($frame, $layer) = ("$settings->{base}/root", $settings->{layer});
    my %devices = map { $_ => open_path("/dev/$_") } @DEVICES;
    my $outer_sys = open_path('/sys');
    my @binds = map { +{ %$_, handle => open_bind($_) } } @{ $settings->{binds} };
    my @mounts = $settings->{host} && !$settings->{userns} ? grep { $_->[1] } map { [$_, open_path($_)] } submounts() : ();
    my $resolv_conf = read_file('/etc/resolv.conf');
    my $share = $settings->{share} && open_path("$settings->{base}/share");
    my @lasting = map { [$_, "$settings->{base}/keep" . tr{/}{-}r] } @{ $settings->{keep} };

    mount_layer_in_memory($layer, $settings) if $settings->{tmpfs};
    # After pivot_root(".", ".") the outer root would be stacked on ours, where `/..` leads to it: so
    # would a link `../etc` of a hostile tree. A frame holds the two side by side meanwhile.
    mount_or_fail('regime', $frame, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=700');
    mkdir "$frame/$_", 0700 for qw(new old proc);
    mount_lower("$frame/new", $layer, $settings);
    my %layers = map { $_ => open_path($_) } $layer, map { $_->[1] } @lasting;
    chdir $frame or fail("cannot enter $frame");
    my ($here, $old) = ('.', 'old');
    sys('pivot_root', $here, $old) or fail('cannot make the testbed the root');
    my $frame_root = open_path('/');
    mount_proc_on('/proc', $settings);
    chroot 'new' and chdir 'proc' or fail('cannot enter the new root');
    use_private_proc();

    # From here on every name is the testbed's.
    -x '/bin/sh' || -l '/bin/sh' or fail("$settings->{source} has no /bin/sh", 'not a root file system');
    stack_submounts(\@mounts, handle_path($layers{$layer}), $settings) if @mounts;
    my $own = !$settings->{in_place};
    mount_dev($settings, \%devices);
    mount_sys($outer_sys);
    if ($own) {
        mount_temporary('/run', 755);
        mkdir '/run/lock' and chmod 01777, '/run/lock';
        provide_tmp($settings, handle_path($layers{$layer}));
        write_configuration($resolv_conf, handle_path($layers{$layer}));
    }
    keep_directory($_->[0], handle_path($layers{ $_->[1] }), $settings) for @lasting;
    if ($share) {
        make_mount_point($settings->{share}, 1);
        bind_mount(handle_path($share), $settings->{share}, $settings->{privileged} ? 0 : MS_NODEV)
            or fail('cannot mount the session share');
    }
    hide($_) for @{ $settings->{hidden} };
    for (@binds) {
        my $source = handle_path($_->{handle});
        # A device that was asked for by name may be used; one that is made in a directory may not.
        my $flags = ($_->{readonly} ? MS_RDONLY : 0) | (!$settings->{privileged} && -d $source ? MS_NODEV : 0);
        make_mount_point($_->{target}, -d $source);
        bind_mount($source, $_->{target}) && (!$flags || restrict_mount($_->{target}, $flags))
            or fail("cannot bind $_->{source} to $_->{target}");
    }
    bring_up_loopback() if $settings->{net} eq 'none';
    # After all names that a tree may have links for: its /proc shows our descriptors.
    mount_proc($settings);
    mask_paths() unless $settings->{privileged};
    # The outer root goes last, for the binds came from it.
    chdir handle_path($frame_root) and chroot $here and sys('umount2', $old, MNT_DETACH) or fail('cannot leave the outer root');
    chdir 'new' and sys('pivot_root', $here, $here) and sys('umount2', $here, MNT_DETACH) or fail('cannot leave the frame');
    chdir '/' or fail('cannot enter the new root');
}

# A testbed that may write to a directory which holds the source of another bind could put a link in
# its place before a revert.
sub open_bind {
    my ($bind) = @_;
    my $handle = open_path($bind->{source}) // fail("cannot bind $bind->{source}");
    join(':', (stat handle_path($handle))[0, 1]) eq $bind->{identity}
        or fail("cannot bind $bind->{source}", 'it is not what it was when the testbed was opened');
    return $handle;
}

# The machine's own /tmp holds other people's files; a tree's own /tmp is part of the tree, unless it
# belongs to an id that is not mapped: then nothing can be made in it.
sub provide_tmp {
    my ($settings, $layer) = @_;
    make_mount_point('/tmp', 1);
    if ($settings->{host} || $settings->{foreign}) {
        mkdir "$layer/tmp", 01777;
        bind_mount("$layer/tmp", '/tmp', MS_NODEV) or fail('cannot mount /tmp');
    }
    chmod 01777, '/tmp';
}

# Names resolve as on the outer Place, and a package's script starts no daemon (the interface is
# that of invoke-rc.d, /usr/share/doc/init-system-helpers/README.policy-rc.d).
sub write_configuration {
    my ($resolv_conf, $layer) = @_;
    if (length $resolv_conf && -d '/etc' && !write_file('/etc/resolv.conf', $resolv_conf, 0644)) {
        # Where /etc can't be written to, a file of ours is shown in place of the one there.
        write_file("$layer/resolv.conf", $resolv_conf, 0644)
            && bind_mount("$layer/resolv.conf", '/etc/resolv.conf');
    }
    if (-d '/usr/sbin' && !lstat '/usr/sbin/policy-rc.d') {
        write_file('/usr/sbin/policy-rc.d', "#!/bin/sh\nexit 101\n", 0755);
    }
}

sub read_file {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return <$file> // '';
}

# Replaces a file of the testbed, whatever it was: a link there may lead to nothing.
sub write_file {
    my ($path, $content, $mode) = @_;
    unlink $path;
    open(my $file, '>', $path) or return 0;
    print $file $content;
    close $file;
    return chmod $mode, $path;
}

# Where our own records lie, a testbed of the machine itself sees an empty directory.
sub hide {
    my ($path) = @_;
    sys('mount', 'tmpfs', $path, 'tmpfs', MS_RDONLY | MS_NOSUID | MS_NODEV, 'size=0,mode=755') if -d $path;
}

# SIOCSIFFLAGS with IFF_UP, as `ip link set lo up` does (netdevice(7)).
sub bring_up_loopback {
    socket(my $socket, 2, 2, 0) or return;    # AF_INET, SOCK_DGRAM
    my $request = pack('a16 s x22', 'lo', 0x41);
    ioctl($socket, 0x8914, $request);
}

1;
