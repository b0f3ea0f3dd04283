# `sh clean-up.sh DIRECTORY SCHROOT`: waits until its input ends, which it does with the benchmark,
# however that ends, and takes away what the benchmark made. All its processes bear the directory in
# their environment (REGIME_BENCH). Servers whose caller has gone end by themselves; they get the
# time for it.
trap '' HUP INT TERM QUIT
cat >/dev/null
directory=$1 schroot=$2

ours() {
    grep -lsz "^REGIME_BENCH=$directory\$" /proc/[0-9]*/environ | cut -d/ -f3
}

turns=0
while [ -n "$(ours)" ] && [ $turns -lt 300 ]; do
    sleep 0.1
    turns=$((turns + 1))
done
for pid in $(ours); do
    echo "bench: had to kill process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
    kill -KILL "$pid"
done

engine=$directory/docker
if [ -S "$engine/docker.sock" ]; then
    # Only what was started here is on this engine.
    docker --host "unix://$engine/docker.sock" ps --all --quiet |
        xargs --no-run-if-empty docker --host "unix://$engine/docker.sock" rm --force >/dev/null
    kill "$(cat "$engine/pid")"
    turns=0
    while [ -e "$engine/pid" ] && [ $turns -lt 300 ]; do
        sleep 0.1
        turns=$((turns + 1))
    done
fi

if [ -e "$directory/sshd/pid" ]; then kill "$(cat "$directory/sshd/pid")"; fi

if command -v schroot >/dev/null && [ -e "/etc/schroot/chroot.d/$schroot" ]; then
    for session in $(schroot --list --all-sessions 2>/dev/null | grep "^session:$schroot-"); do
        schroot --quiet --force --end-session --chroot "$session"
    done
    rm -f "/etc/schroot/chroot.d/$schroot"
fi

# Files of subordinate ids can be removed only where those are mapped.
rm -rf --one-file-system -- "$directory" 2>/dev/null ||
    unshare --map-auto --map-root-user rm -rf --one-file-system -- "$directory" ||
    rm -rf --one-file-system -- "$directory"
