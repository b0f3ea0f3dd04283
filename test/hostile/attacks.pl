# Runs as root in a testbed and tries to get out. Prints `BROKE what` for each success, `done` at the end.
use strict;
use warnings;
use Fcntl;

my ($arch, $host_secret, $sessions, $outer_server) = @ARGV;
my %number = $arch eq 'x64'
    ? (ptrace => 101, process_vm_readv => 310, pidfd_open => 434, pidfd_getfd => 438, init_module => 175,
        finit_module => 313, kexec => 246, reboot => 169, swapon => 167, sethostname => 170,
        settimeofday => 164, bpf => 321, syslog => 103, iopl => 172, acct => 163, mount => 165,
        umount => 166, unshare => 272, setns => 308, name_to_handle => 303, open_by_handle => 304,
        setrlimit => 160, mknod => 133, quotactl => 179, pivot_root => 155)
    : (ptrace => 117, process_vm_readv => 270, pidfd_open => 434, pidfd_getfd => 438, init_module => 105,
        finit_module => 273, kexec => 104, reboot => 142, swapon => 224, sethostname => 161,
        settimeofday => 170, bpf => 280, syslog => 116, acct => 89, mount => 40, umount => 39,
        unshare => 97, setns => 268, name_to_handle => 264, open_by_handle => 265, quotactl => 60,
        pivot_root => 41);

sub broke { print "BROKE $_[0]\n" }
sub try { my ($name, @rest) = @_; my $n = $number{$name} // return -1; return syscall $n, @rest }
sub can_write { sysopen(my $file, $_[0], O_WRONLY) or return 0; return defined syswrite $file, $_[1] // '0' }

# Process 1, its descriptors, memory, root and program.
if (opendir(my $fds, '/proc/1/fd')) { my @open = grep { /^\d/ } readdir $fds; broke("descriptors of 1: @open") if @open }
for my $link (qw(root cwd exe ns/mnt ns/pid)) { my $to = readlink "/proc/1/$link"; broke("/proc/1/$link is $to") if defined $to }
for my $file (qw(mem environ maps auxv)) { if (open(my $in, '<', "/proc/1/$file")) { broke("read /proc/1/$file") if sysread($in, my $bytes, 10) } }
broke('ptrace attach 1') if try('ptrace', 16, 1, 0, 0) == 0;
broke('ptrace seize 1') if try('ptrace', 0x4206, 1, 0, 0) == 0;
my $pidfd = try('pidfd_open', 1, 0);
if ($pidfd >= 0) { for (0 .. 20) { my $got = try('pidfd_getfd', $pidfd, $_, 0); broke("stole descriptor $_ of 1") if $got >= 0 } }
kill $_, 1 for qw(STOP TERM KILL HUP INT USR1 SEGV);

# Other processes' roots: all that is visible must be of the testbed.
for my $pid (map { m{(\d+)} } glob '/proc/[0-9]*') {
    broke("a process of the host: $pid") if $outer_server && $pid == $outer_server && -e "/proc/$pid/root/$host_secret";
    broke("the host through /proc/$pid/root") if -e "/proc/$pid/root/$host_secret";
}
broke('the host\'s own file by name') if -e $host_secret;
if (opendir(my $list, $sessions)) { broke("session directory $_") for grep { !/^\.\.?$/ } readdir $list }

# The kernel's own files.
can_write('/proc/sysrq-trigger', 'h') and broke('sysrq');
for my $knob (qw(kernel/core_pattern kernel/modprobe vm/drop_caches kernel/hostname kernel/randomize_va_space fs/suid_dumpable net/ipv4/ip_forward)) {
    if (sysopen(my $file, "/proc/sys/$knob", O_WRONLY)) { broke("open /proc/sys/$knob for writing") }
}
my @sys = ('/sys');
for (1 .. 3) { @sys = map { -d $_ && !-l $_ ? glob("$_/*") : $_ } @sys }
for (grep { -f } @sys) { if (sysopen(my $file, $_, O_WRONLY)) { broke("open $_ for writing") } }
for (qw(/proc/kcore /proc/kmsg /dev/mem /dev/kmem /dev/kmsg /dev/sda /dev/vda /dev/nvme0n1 /dev/loop0 /dev/kvm /dev/fuse)) {
    sysopen(my $file, $_, O_RDONLY) or next;
    broke("open $_") unless -p $_ || !sysread($file, my $bytes, 16);
}

# Devices of one's own, everywhere that files can be made.
for my $place (qw(/ /tmp /run /dev /dev/shm /dev/pts /var /var/tmp /home /root /mnt /srv /opt /usr /etc)) {
    -d $place or next;
    for ([b => 8, 0], [b => 254, 0], [b => 259, 0], [b => 7, 0], [b => 1, 0], [c => 1, 1], [c => 1, 11], [c => 10, 200], [c => 5, 1]) {
        my ($kind, $major, $minor) = @$_;
        my $name = "$place/regime-test-node";
        unlink $name;
        system('mknod', $name, $kind, $major, $minor) if -x '/usr/bin/mknod' || -x '/bin/mknod';
        broke("device $kind $major:$minor in $place") if -e $name && sysopen(my $file, $name, O_RDONLY | O_NONBLOCK);
        broke("device $kind $major:$minor in $place, writing") if -e $name && sysopen(my $again, $name, O_WRONLY | O_NONBLOCK);
        unlink $name;
    }
}

# What needs a capability that is not there.
my ($source, $target, $type, $text) = ('none', '/mnt', 'tmpfs', "x\0" x 100);
broke('mount') if try('mount', $source, $target, $type, 0, 0) == 0;
for my $mount (qw(/proc/sys /proc/keys /proc /sys /dev)) { my $path = $mount; broke("umount $path") if try('umount', $path, 2) == 0 }
my $here = '/proc/sys';
broke('remount') if try('mount', $source, $here, $type, 32 | 4096, 0) == 0;
broke('unshare mounts') if !fork_and(sub { try('unshare', 0x20000) == 0 });
broke('init_module') if try('init_module', $text, 1, $text) == 0;
broke('finit_module') if try('finit_module', 0, $text, 0) == 0;
broke('sethostname') if try('sethostname', $text, 1) == 0;
my $now = pack 'q2', time, 0;
broke('settimeofday') if try('settimeofday', $now, 0) == 0;
broke('syslog') if try('syslog', 3, $text, 10) >= 0;
broke('iopl') if try('iopl', 3) == 0;
broke('acct') if try('acct', $here) == 0;
broke('swapon') if try('swapon', $here, 0) == 0;
broke('bpf') if try('bpf', 5, $text, 72) >= 0;
my ($name, $handle, $id) = ('/', pack('II', 128, 0) . "\0" x 128, "\0" x 8);
# The root of most file systems is inode 2 with generation 0.
my $root = pack('IIIII', 8, 1, 2, 0, 0) . "\0" x 100;
for (qw(/ /tmp /run /dev /etc/hostname)) {
    opendir(my $dir, $_) or next;
    my $fd = try('open_by_handle', fileno($dir), $root, 0);
    broke("open_by_handle_at in $_") if $fd >= 0;
}

# The classic way out of a chroot, and by way of names.
mkdir '/regime-test-x';
if (opendir(my $old, '/')) {
    fork_and(sub {
        chroot '/regime-test-x';
        chdir $old;
        chdir '..' for 1 .. 100;
        chroot '.';
        broke('chroot and fchdir') if -e $host_secret;
    });
}
rmdir '/regime-test-x';
broke('..') if -e "/../$host_secret" || -e "../../../../../../..$host_secret";

# A user namespace gives all capabilities, but only over what was made in it.
fork_and(sub {
    try('unshare', 0x10000000 | 0x20000) == 0 or return;
    for my $mount (qw(/proc/sys /proc/keys /proc/sysrq-trigger /sys)) { my $path = $mount; broke("umount $path in a user namespace") if try('umount', $path, 2) == 0 }
    for my $mount (qw(/proc/sys /proc/sysrq-trigger /sys)) { my $path = $mount; broke("remount $path in a user namespace") if try('mount', $source, $path, $type, 32 | 4096, 0) == 0 }
    for my $kind (qw(proc sysfs)) { my ($fs, $at) = ($kind, '/mnt'); broke("$kind in a user namespace") if try('mount', $source, $at, $fs, 0, 0) == 0 }
    can_write('/proc/sysrq-trigger', 'h') and broke('sysrq in a user namespace');
});

# Into the caller's terminal.
for my $number (0 .. 2) {
    open(my $file, '<&', $number) or next;
    broke("TIOCSTI on $number") if ioctl($file, 0x5412, my $key = 'x');
}
if (open(my $terminal, '+<', '/dev/tty')) { broke('/dev/tty'); broke('TIOCSTI on /dev/tty') if ioctl($terminal, 0x5412, my $key = 'x') }

# The program that this process was started by, and the one that the auxverb is.
if (sysopen(my $file, '/proc/1/exe', O_WRONLY)) { broke('/proc/1/exe for writing') }
print "done\n";

sub fork_and {
    my ($act) = @_;
    my $pid = fork // return 1;
    if (!$pid) { $| = 1; exit($act->() ? 0 : 1) }
    waitpid $pid, 0;
    return $? >> 8;
}
