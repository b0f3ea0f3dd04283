# Runs a command in a user namespace of its own in which no further one can be made. The machine's
# own limit is left alone: a namespace has a limit of its own (namespaces(7)).
# Arguments: UID GID COMMAND…; both ids, and root's, are mapped to themselves.
uid=$1 gid=$2
shift 2
unshare --user sleep 60 >/dev/null 2>&1 &
holder=$!
until [ "$(readlink /proc/$holder/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
printf '0 0 1\n%s %s 1\n' "$uid" "$uid" >/proc/$holder/uid_map
printf '0 0 1\n%s %s 1\n' "$gid" "$gid" >/proc/$holder/gid_map
exec nsenter --target "$holder" --user --setuid 0 --setgid 0 sh -c '
  kill "$0"
  echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' "$holder" "$@"
