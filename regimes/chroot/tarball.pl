# Root file systems that come as archives: each is unpacked once into a cache, under the hash of its
# content, and shared by all testbeds of a user. Nothing ever writes into what is unpacked.

sub cache_directory {
    my $home = $ENV{HOME} || (getpwuid $>)[7];
    return ($ENV{XDG_CACHE_HOME} || "$home/.cache") . '/regime/trees';
}

sub unpack_tarball {
    my ($archive) = @_;
    my $cache = cache_directory();
    make_directories($cache);
    # Whoever comes second waits until the first has unpacked it; the kernel frees a dead one's lock.
    open(my $lock, '>>', "$cache/lock") or fail("cannot open $cache/lock");
    if (!flock $lock, 2 | 4) {    # LOCK_EX, LOCK_NB
        answer('waiting', 'another server unpacks one');
        flock $lock, 2 or fail("cannot lock $cache/lock");
    }
    remove_half_trees_in($cache);
    my $tree = "$cache/" . content_hash($archive, $cache);
    return $tree if -d $tree;
    my $fresh = "$tree.unpacking";
    make_directories($fresh);
    chmod 0755, $fresh;
    # GNU tar finds the compression by itself. Devices can't be made in a user namespace, and a
    # testbed gets a /dev of its own.
    my ($status, $words) = eval {
        run_with_ids('tar', '--extract', '--preserve-permissions', '--numeric-owner',
            '--checkpoint=500', '--checkpoint-action=echo=regime: unpacked %u', '--same-owner', '--xattrs', '--xattrs-include=security.capability',
            '--anchored', '--exclude=./dev/*', '--exclude=dev/*', "--directory=$fresh", '--file', $archive);
    };
    if (my $failure = $@) { rmdir $fresh; die $failure }
    if ($status == 0 && rename $fresh, $tree) { return $tree }
    my $reason = $status ? 'tar: ' . ($status & 127 ? 'signal ' . ($status & 127) : 'exit status ' . ($status >> 8)) . ": $words" : "$!";
    run_with_ids('rm', '-rf', '--', $fresh);
    fail("cannot unpack $archive", $reason);
}

# How much of an archive has been read, as `BYTES of BYTES`; where that does not show, the bytes that are
# unpacked. A compressed one is read by a child of tar's, whose standard input it is.
sub unpacked_so_far {
    my ($tar, $archive, $unpacked) = @_;
    my ($device, $inode, $size) = (stat $archive)[0, 1, 7];
    open(my $list, '<', "/proc/$tar/task/$tar/children") or return $unpacked;
    my @children = split / /, <$list> // '';
    return $unpacked <= $size ? "$unpacked of $size" : $unpacked if !@children;
    for my $child (@children) {
        my ($on, $read) = (stat "/proc/$child/fd/0")[0, 1];
        next unless defined $read && $on == $device && $read == $inode;
        open(my $info, '<', "/proc/$child/fdinfo/0") or next;
        return "$1 of $size" if <$info> =~ /^pos:\s+(\d+)/;
    }
    return $unpacked;
}

# What unpackers that were killed have left of trees. Who unpacks one now has done that already.
sub remove_half_trees {
    my $cache = cache_directory();
    open(my $lock, '<', "$cache/lock") or return;
    remove_half_trees_in($cache) if flock $lock, 2 | 4;    # LOCK_EX, LOCK_NB
}

# The lock is held.
sub remove_half_trees_in {
    my ($cache) = @_;
    opendir(my $names, $cache) or return;
    my @left = map { "$cache/$_" } grep { /\.unpacking$/ } readdir $names;
    run_with_ids('rm', '-rf', '--', @left) if @left;
}

# The SHA-256 of a file. What a file with the same inode, size and times had is remembered, but not
# where it was changed so lately that another change could show the same times.
sub content_hash {
    my ($archive, $cache) = @_;
    my ($device, $inode, $size, $modified, $changed) = (stat $archive)[0, 1, 7, 9, 10];
    defined $size or fail("cannot read $archive");
    my $known = "$cache/known-" . join '-', $device, $inode, $size, $modified, $changed;
    if (my $hash = readlink $known) { return $hash }
    answer('waiting', 'looking whether it is known');
    open(my $sum, '-|', 'sha256sum', '--', $archive) or fail('cannot run sha256sum');
    my ($hash) = <$sum> =~ /^\\?([0-9a-f]{64})/;
    close $sum and $hash or fail("cannot read $archive");
    symlink $hash, $known if time - $changed > 2;
    return $hash;
}

1;
