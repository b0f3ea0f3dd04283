# The file systems that the kernel shows itself by, and what a testbed must not see or change of them.

# Paths as runc masks them (libcontainer, specconv/example.go), and those it makes read-only.
my @MASKED = qw(/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/scsi
    /proc/sched_debug /proc/timer_list /proc/timer_stats /sys/firmware /sys/devices/virtual/powercap);
my @READONLY = qw(/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger);
my @DEVICES = qw(null zero full random urandom tty);

sub mount_proc_on {
    my ($path, $settings) = @_;
    sys('mount', 'proc', $path, 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, 0)
        or fail('cannot mount /proc', $settings->{userns} && $! == 1
            ? 'the kernel refuses it to a plain user where parts of /proc are hidden, as in a container'
            : "$!");
}

sub mount_proc {
    my ($settings) = @_;
    make_mount_point('/proc', 1);
    mount_proc_on('/proc', $settings);
    # Since Linux 6.14 each pid namespace has a limit of its own; before that it is the machine's.
    return unless $settings->{pid_max};
    open(my $limit, '>', '/proc/sys/kernel/pid_max') or return;
    syswrite $limit, $settings->{pid_max};
}

sub mount_dev {
    my ($settings, $devices) = @_;
    make_mount_point('/dev', 1);
    my $nodev = $settings->{privileged} ? 0 : MS_NODEV;
    mount_or_fail('tmpfs', '/dev', 'tmpfs', MS_NOSUID | $nodev, 'mode=755,size=65536k');
    for (@DEVICES) {
        my $handle = $devices->{$_} or next;
        make_mount_point("/dev/$_", 0);
        bind_mount(handle_path($handle), "/dev/$_") or fail("cannot mount /dev/$_");
    }
    mkdir "/dev/$_", 0755 for qw(pts shm);
    my $instance = 'newinstance,ptmxmode=0666,mode=620';
    sys('mount', 'devpts', '/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, "$instance,gid=5")
        or mount_or_fail('devpts', '/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, $instance);
    mount_or_fail('shm', '/dev/shm', 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=1777');
    my %links = (ptmx => 'pts/ptmx', fd => '/proc/self/fd', stdin => '/proc/self/fd/0',
        stdout => '/proc/self/fd/1', stderr => '/proc/self/fd/2');
    symlink $links{$_}, "/dev/$_" for keys %links;
}

# A fresh /sys shows the network namespace of its owner only; elsewhere the outer one is shown.
sub mount_sys {
    my ($outer_sys) = @_;
    make_mount_point('/sys', 1);
    my $flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
    return if sys('mount', 'sysfs', '/sys', 'sysfs', $flags, 0);
    if ($outer_sys && sys('mount', handle_path($outer_sys), '/sys', '', MS_BIND | MS_REC, 0)) {
        # A plain user can only add to the flags that are locked: reading stays possible.
        sys('mount', '', '/sys', '', MS_REMOUNT | MS_BIND | $flags, 0);
    }
}

sub mask_paths {
    for (@MASKED) {
        lstat $_ or next;
        if (-d _) { sys('mount', 'tmpfs', $_, 'tmpfs', MS_RDONLY, 'size=0') }
        else { bind_mount('/dev/null', $_) }
    }
    for (@READONLY) {
        lstat $_ or next;
        bind_mount($_, $_, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    }
}

sub mount_temporary {
    my ($path, $mode) = @_;
    make_mount_point($path, 1);
    mount_or_fail('tmpfs', $path, 'tmpfs', MS_NOSUID | MS_NODEV, "mode=$mode");
}

1;
