# Saves a scratch space where a reboot does not reach it, and tells the test that it is saved.
# Argument: SCRATCH. The copy's name follows from the scratch space's, which is random; only root, or
# who runs this, can look into it.
saved=/var/tmp/${1##*/}.saved
rm -rf "$saved" && mkdir -m 700 "$saved" && cp -a "$1" "$saved/scratch" || exit 1
sync
rm -f /run/autopkgtest-reboot-prepare-mark
