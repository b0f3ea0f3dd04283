# What the scripts for the far side share: plain sh, as there may be nothing else. A command is named
# by the KEY that its wrapper wrote down: PID.START.SESSION.

# Looks at a process: its start and its session, empty where it has gone. The name, which may hold
# anything, ends with the last parenthesis (proc(5)).
look_at() {
  parent='' group='' session='' started=''
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- ${stat##*) }
  case $1 in Z | X) return 0 ;; esac
  parent=$2 group=$3 session=$4 started=${20}
}

# Sets `target` to what a KEY's command can be signalled by: its session, where that is its own (with
# sudo it is sudo's), or its process group. Empty where it has gone, or its number is another's now.
find_command() {
  target=''
  key_pid=${1%%.*} key_session=${1##*.} key_start=${1#*.}
  key_start=${key_start%.*}
  look_at "$key_pid"
  [ "$started" = "$key_start" ] && [ -n "$started" ] || return 1
  if [ "$session" = "$key_pid" ] || [ "$session" = "$parent" ]; then target="session $session"
  elif [ "$group" = "$key_pid" ]; then target="group $group"
  else target="process $key_pid"
  fi
}

# signal_target SIGNAL KIND NUMBER: false where there is nobody left.
signal_target() {
  signalled=1
  case $2 in
    session)
      # A shell's own read takes a system call for each byte.
      for pid in $(sed -n "s/^\([0-9]*\) .*) [^ZX] [0-9]* [0-9]* $3 .*/\1/p" /proc/[0-9]*/stat 2>/dev/null); do
        kill -s "$1" "$pid" 2>/dev/null && signalled=0
      done
      ;;
    group) kill -s "$1" -- "-$3" 2>/dev/null && signalled=0 ;;
    process) kill -s "$1" "$3" 2>/dev/null && signalled=0 ;;
  esac
  return "$signalled"
}

# Where sleep(1) knows no fractions it takes longer.
nap() { sleep "$1" 2>/dev/null || sleep 1; }

# Sets `left` to those of the targets (KIND NUMBER …) in which a signal finds somebody.
signal_targets() {
  signal=$1 left=''
  shift
  while [ $# -gt 0 ]; do
    signal_target "$signal" "$1" "$2" && left="$left $1 $2"
    shift 2
  done
}

# end_commands NAPS KEY…: TERM, the naps (seconds) for all of them together, KILL.
end_commands() {
  naps=$1 targets=''
  shift
  for key do
    find_command "$key" && targets="$targets $target"
  done
  signal_targets TERM $targets
  for pause in $naps; do
    [ -n "$left" ] || return 0
    nap "$pause"
    signal_targets 0 $left
  done
  # One that is being started while we look is found the next time.
  for pause in 0.1 0.1 0.5; do
    [ -n "$left" ] || return 0
    signal_targets KILL $left
    nap "$pause"
    signal_targets 0 $left
  done
}

# end_session DIRECTORY: ends all commands that are written down there, and removes it. What starts
# meanwhile finds the directory gone.
end_session() {
  mv "$1" "$1.ended" 2>/dev/null
  for directory in "$1.ended" "$1"; do
    [ -d "$directory" ] && [ -O "$directory" ] && [ ! -h "$directory" ] || continue
    end_commands '0.1 0.2 0.4 0.8 1 1 1' $(cd "$directory" && echo *.*.*)
    rm -rf "$directory"
  done
}
