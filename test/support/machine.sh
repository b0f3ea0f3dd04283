# `sh machine.sh DIRECTORY COMMAND...`: a machine that runs a daemon and can be rebooted from inside. It
# has processes, mounts, a host name and a boot id of its own; its /run and /tmp are new after each boot,
# the rest of its file system is this host's. While there is a file DIRECTORY/off it stays down.
# DIRECTORY/boots holds the ids of all boots.
directory=$1
shift
if [ "$1" != booted ]; then
    while :; do
        read -r id </proc/sys/kernel/random/uuid
        echo "$id" >"$directory/boot_id"
        echo "$id" >>"$directory/boots"
        # The end of this script ends all of it.
        setpriv --pdeathsig KILL unshare --mount --pid --uts --fork --kill-child \
            sh "$0" "$directory" booted "$@"
        sleep 0.1
        while [ -e "$directory/off" ]; do sleep 0.1; done
    done
fi
shift
set -e
mount --make-rprivate /
# What is in there is seen from inside too, where /tmp is another.
parent=${directory%/*}
mount --bind "$parent" /mnt
mount -t proc proc /proc
mount --bind "$directory/boot_id" /proc/sys/kernel/random/boot_id
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
mkdir /run/sshd
# What shells do at login here must not be cut off by a reboot: it could leave locks behind.
mount -t tmpfs -o mode=700 tmpfs /root
mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin
printf '#!/bin/sh\nkill -KILL -1\n' >/usr/local/sbin/reboot
chmod 755 /usr/local/sbin/reboot
hostname machine
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p "$parent"
mount --bind /mnt "$parent"
# Process 1 is what `kill -1` spares: when the daemon is dead it ends, and with it all that is left.
set +e
"$@" &
wait $!
