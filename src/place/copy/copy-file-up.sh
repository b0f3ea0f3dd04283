# Writes a file to stdout after a line that says how: dense, its bytes; sparse, a GNU tar archive
# with that one file; small, its bytes; big and its size, nothing. Arguments: the source, what is wanted:
# small (the answer is small or big), dense, or sparse (the answer is one of these two).
[ -d "$1" ] && refuse "$1 is a directory"
if [ ! -f "$1" ]; then
  [ -e "$1" ] && refuse "$1 is no regular file"
  refuse "there is no file $1"
fi
[ -r "$1" ] || refuse "no permission to read $1"
# Bytes, blocks, bytes a block. Where stat can't say so the file goes as a big one without holes.
read -r size blocks unit <<STAT
$(stat -L -c '%s %b %B' -- "$1" 2>/dev/null || echo 1048576 1048576)
STAT
if [ "$2" = small ]; then
  [ "$size" -gt 262144 ] && { echo "big ${unit:+$size}"; exit; }
  echo small
  exec cat <"$1"
fi
if [ "$2" = sparse ] && [ "$size" -gt 1048576 ] && [ $((blocks * unit)) -lt "$size" ]; then
  case $(tar --version 2>/dev/null </dev/null) in
    *'GNU tar'*)
      echo sparse
      exec tar -c -f - --format=posix --pax-option=delete=atime,delete=ctime --sparse -h \
        --numeric-owner --no-unquote -C "${1%/*}/" -- "./${1##*/}"
      ;;
  esac
  echo 'regime: plain tar' >&2
fi
echo dense
exec cat <"$1"
