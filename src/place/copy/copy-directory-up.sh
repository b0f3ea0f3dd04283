# Writes a tree to stdout. Argument: the source.
if [ ! -d "$1" ]; then
  exists "$1" && refuse "$1 is no directory"
  refuse "there is no directory $1"
fi
find_tar
if [ "$tar" = gnu ]; then
  # atime and ctime in every header would only make it longer.
  exec tar -c -f - --format=posix --pax-option=delete=atime,delete=ctime --sparse \
    --numeric-owner --no-unquote -C "$1" .
fi
echo 'regime: plain tar' >&2
cd -- "$1" && exec tar -c -f - .
