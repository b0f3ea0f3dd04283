# The keeper of a session on the far side. Its stdin is the lifeline: a line now and then says that the
# server lives, and names the commands that have ended since. When there is none for PATIENCE seconds,
# or the lifeline ends, all that runs for the session is ended.
# `keep` is told where all that runs is left to its user: then it goes, and nothing is ended.
# Arguments: DIRECTORY PATIENCE. It answers with a line: ok UID.
directory=$1 patience=$2
mkdir -m 700 "$directory" || exit 1
while read -r key _ effective _; do
  if [ "$key" = Uid: ]; then uid=$effective; fi
done </proc/self/status
echo "ok ${uid-}"
exec >/dev/null 2>&1

# A loss without a word leaves stdin open: then only the time tells.
watch() {
  (
    # KILL, as what a shell has just forked may be deaf to TERM for a moment.
    trap 'kill -s KILL $!; exit' TERM
    sleep "$patience" &
    wait $!
    end_session "$directory"
    kill -s KILL $$
  ) </dev/null &
  watcher=$!
}
trap '' HUP INT
watch
while read -r ended; do
  kill "$watcher"
  [ "$ended" != keep ] || exit 0
  watch
  (cd "$directory" && rm -f -- $ended)
done
kill "$watcher"
end_session "$directory"
