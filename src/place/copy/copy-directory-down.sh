# Takes a tree from stdin. Arguments: the tar that the archive is written for (gnu, plain; none where
# others extract it: then only looks whether it can be), replace or merge, the destination, the
# directory to make and extract into when it is replaced; make where a destination that is not there
# is made in its place at once (a file beside it tells so until it is whole), else nothing; and of what
# is merged directories that it holds, which are to meet directories or nothing.
if [ "$1" = none ]; then
  tar=none
else
  find_tar
  [ "$tar" = "$1" ] || exit 97
fi
how=$2 destination=$3 target=$4 witness=
if [ "$tar$5" = gnumake ] && ! exists "$destination"; then
  witness=$target.made target=$destination
fi
if [ -d "$destination" ]; then
  [ "$how" = replace ] && refuse_replacing "$destination"
elif exists "$destination"; then
  refuse "$destination is there and is no directory"
fi
shift 5
for inner; do
  [ -d "$destination/$inner" ] || ! exists "$destination/$inner" ||
    refuse "$destination/$inner is there and is no directory"
done
if [ "$tar" = none ]; then
  parent=${destination%/*}
  [ -d "${parent:-/}" ] || refuse "there is no directory ${parent:-/}"
  # Whom it is to belong to.
  while read -r key _ effective _; do
    case $key in Uid: | Gid:) echo "$effective" ;; esac
  done </proc/self/status
  exit
fi
set --
if [ "$how" = merge ]; then
  target=$destination
  if [ -d "$destination" ]; then
    # What a link to a directory in the destination leads to is merged into: /lib is one on Debian.
    set -- --keep-directory-symlink
    # Only its owner can give a directory a mode and times: leave the top itself out, and only it.
    [ -O "$destination" ] || [ "$(id -u)" = 0 ] ||
      set -- "$@" --anchored --no-wildcards --no-recursion --exclude=.
  fi
fi
if [ "$how" = replace ] || [ ! -d "$destination" ]; then
  # Without a directory to write it in mkdir says so.
  [ "$witness" ] && (: >"$witness") 2>/dev/null
  mkdir -m 700 -- "$target" || {
    [ "$witness" ] && rm -f -- "$witness"
    exit 90
  }
fi
if [ "$tar" = gnu ]; then
  set -- tar -x -p -f - --no-same-owner --delay-directory-restore --warning=no-timestamp \
    "$@" --no-unquote -C "$target"
  [ "$witness" ] || exec "$@"
  "$@" || exit
  rm -f -- "$witness"
  echo 'regime: made' >&2
  exit
fi
cd -- "$target" && exec tar -x -p -o -f -
