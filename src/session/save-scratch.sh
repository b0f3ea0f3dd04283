# Saves a scratch space where a reboot does not reach it, and tells the test that it is saved.
# Arguments: SCRATCH DIRECTORY...: the first directory will do that is on a disk and can be written to.
# The copy's name follows from the scratch space's, which is random; only root, or who runs this, can
# look into it.
scratch=$1
shift

# Whether a file system of the kind that a reboot empties is mounted where a directory is.
in_memory() {
  found= kind=
  while read -r _ point type _; do
    case $1/ in
      "${point%/}"/*) if [ "${#point}" -ge "${#found}" ]; then found=$point kind=$type; fi ;;
    esac
  done </proc/self/mounts
  [ "$kind" = tmpfs ] || [ "$kind" = ramfs ]
}
save() { rm -rf "$1" && mkdir -m 700 "$1" && cp -a "$scratch" "$1/scratch"; }

for name; do
  directory=$(cd -P "$name" 2>/dev/null && pwd) || continue
  [ -w "$directory" ] || continue
  if in_memory "$directory"; then continue; fi
  saved=$directory/${scratch##*/}.saved
  # Files may go while a test that still runs is copied from.
  if save "$saved" || save "$saved"; then
    sync
    rm -f /run/autopkgtest-reboot-prepare-mark
    exit 0
  fi
  rm -rf "$saved"
done
echo "it could be saved in none of $*, which have to be on a disk" >&2
exit 1
