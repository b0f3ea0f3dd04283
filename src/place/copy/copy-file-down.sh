# Writes a file from stdin. Arguments: plain or sparse, x where it is to be executable, the
# destination; for sparse also a directory to extract into and the name that the file has there.
destination=$3
[ -d "$destination" ] && refuse "$destination is a directory"
[ -e "$destination" ] && there=yes || there=
if [ "$1" = sparse ]; then
  find_tar
  [ "$tar" = gnu ] || exit 97
  mkdir -m 700 -- "$4" || exit 90
  tar -x -f - --no-same-owner --no-same-permissions --touch --no-unquote -C "$4" || exit
  if [ "$there" ]; then
    # GNU cp keeps the holes, and the destination's mode and owner.
    cp -- "$4/$5" "$destination" || exit
  else
    mv -- "$4/$5" "$destination" || exit
  fi
  rm -rf -- "$4"
else
  # Half a new file is taken back. What was there before is lost, as with any redirection.
  [ "$there" ] || trap 'rm -f -- "$destination"' EXIT
  trap 'exit 143' HUP INT TERM
  cat >"$destination" || exit
  trap - EXIT
fi
if [ "$2" = x ]; then
  chmod +x -- "$destination"
fi
