# Mounting, with paths that nothing needs to be escaped in.

# What can't be done ends the step with the reason; the kernel's words are appended.
sub fail { die { step => $_[0], error => $_[1] // "$!" } }

sub mount_or_fail {
    my ($source, $target, $type, $flags, $data) = @_;
    sys('mount', $source, $target, $type, $flags, $data // '') or fail("cannot mount $type on $target");
}

# A bind mount with flags needs a second call: the first ignores them (mount(2)).
sub bind_mount {
    my ($source, $target, $flags) = @_;
    sys('mount', $source, $target, '', MS_BIND, 0) or return 0;
    return !$flags || sys('mount', '', $target, '', MS_REMOUNT | MS_BIND | $flags, 0);
}

# Adds MS_ flags to a mount and leaves those that it has; mount_setattr(2) has the same bits.
sub restrict_mount {
    my ($path, $flags, $recursive) = @_;
    my $attributes = pack('Q4', $flags, 0, 0, 0);
    my $name = $path;    # perl hands no constant to the kernel
    return 1 if syscall(442, -100, $name, $recursive ? 0x8000 : 0, $attributes, 32) == 0;    # AT_FDCWD, AT_RECURSIVE
    # Before Linux 5.12 a bind mount's flags can only be set as a whole, and for one mount.
    return sys('mount', '', $path, '', MS_REMOUNT | MS_BIND | $flags, 0);
}

# A path that stands for an open descriptor: no name on it needs escaping in mount options.
my $descriptors = '/proc/self/fd';
sub handle_path { return "$descriptors/" . fileno($_[0]) }

# From now on such paths lead through a /proc that is the working directory: one that a link of a
# hostile tree could name would lead it through our descriptors to the outer root.
sub use_private_proc { $descriptors = 'self/fd' }

sub open_path {
    my ($path) = @_;
    sysopen(my $handle, $path, O_PATH) or return undef;
    return $handle;
}

# Makes a mount point inside the new root, of the kind of its source; an existing one is taken.
sub make_mount_point {
    my ($path, $directory) = @_;
    return 1 if lstat $path;
    my $parent = $path;
    $parent =~ s{/+[^/]+/*$}{};
    make_mount_point($parent, 1) or return 0 if length $parent;
    return mkdir $path, 0755 if $directory;
    open(my $file, '>', $path) or return 0;
    return close $file;
}

1;
