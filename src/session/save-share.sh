# Writes the session share to stdout as a tar archive; nothing where it is empty. Argument: PATH. A test
# may have put a link in its place, which would lead elsewhere.
cd -- "${1%/*}" && parent=$(pwd -P) && cd -- "./${1##*/}" || exit 3
if [ "$(pwd -P)" != "$parent/${1##*/}" ]; then
  echo "$1 is not the directory that it was" >&2
  exit 3
fi
[ -n "$(ls -A)" ] || exit 0
tar -cf - .
# 1 says that a file changed while it was read: the archive is whole.
[ $? -le 1 ]
