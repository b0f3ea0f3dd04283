# Takes a session away, with what a reaper or a shell that died has made anew. Argument: DIRECTORY
for of_session in "$1" "$1"-again-*; do
  end_session "$of_session"
  if [ -O "$of_session" ] || [ -O "$of_session.ended" ]; then
    echo "cannot remove $of_session" >&2
    exit 1
  fi
done
