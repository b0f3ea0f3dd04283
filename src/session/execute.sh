# Runs a command with its files and its directory on the testbed.
# Arguments: MARK DIRECTORY STDIN STDOUT STDERR TFD ENVIRONMENT-AND-COMMAND…
# What goes to TFD goes to where this script's own stdout goes; then TFD's own file is not opened.
mark=$1 directory=$2 in=$3 out=$4 err=$5 tfd=$6
shift 6
complain() {
  printf '%s\n' "$1" >&2
  exit 126
}
cd -- "$directory" || complain "cannot enter the directory $directory"
exec 9>&1 8>&2
[ -r "$in" ] || complain "cannot read $in"
exec <"$in"
# Each is opened once: to the reader of a FIFO a trial would be its end. Behind `command` a failed exec
# does not end the shell.
if [ "$tfd" != 1 ]; then command exec >"$out" || complain "cannot write $out"; fi
if [ "$tfd" = 2 ]; then exec 2>&9
elif [ "$err" = "$out" ] && [ "$tfd" != 1 ]; then exec 2>&1
else command exec 2>"$err" || complain "cannot write $err"
fi
case $tfd in
  '' | 1 | 2) ;;
  9) exec 8>&- && exec env "REGIME_EXECUTE=$mark" "$@" ;;
  # A shell that follows only POSIX knows no descriptors of two digits.
  ??*)
    command -v bash >/dev/null || { exec 2>&8; complain "debug=$tfd-… needs bash on the testbed"; }
    exec env "REGIME_EXECUTE=$mark" bash -c 'eval "exec $0>&9" && exec 8>&- 9>&- "$@"' "$tfd" "$@"
    ;;
  *) eval "exec $tfd>&9" ;;
esac
if [ "$tfd" != 8 ]; then exec 8>&-; fi
exec 9>&-
exec env "REGIME_EXECUTE=$mark" "$@"
