# Takes sessions away. Arguments: DIRECTORY…
for of_session do
  end_session "$of_session"
  if [ -e "$of_session" ] || [ -e "$of_session.ended" ]; then
    echo "cannot remove $of_session" >&2
    exit 1
  fi
done
