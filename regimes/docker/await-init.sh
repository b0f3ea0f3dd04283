# Waits until the init of a container has brought it up, and says what came of it. Argument: SECONDS.
# It says each stage on stderr when it begins, and fails with a line that names the one not passed. Init systems are told apart by what
# process 1 is; nothing but sh and /proc is taken for granted.
seconds=$1
read -r now _ </proc/uptime
limit=$((${now%%.*} + seconds))
state=

# Begins a stage.
enter() {
  stage=$1
  echo "stage '$stage'" >&2
}

fail() {
  echo "stage '$stage': $1${state:+: $state}${2:+; $2}" >&2
  exit 1
}
# Time for another look, or the end with what a function has to say.
again() {
  read -r now _ </proc/uptime
  if [ "${now%%.*}" -ge "$limit" ]; then fail "not passed in $seconds s" "$(${1:-:})"; fi
  sleep 0.2 2>/dev/null || sleep 1
}

await_systemd() {
  enter 'systemd answers'
  while :; do
    state=$(systemctl is-system-running 2>/dev/null)
    case $state in '' | offline | unknown) again ;; *) break ;; esac
  done
  enter 'all units are started'
  while :; do
    case $state in
      running | degraded) break ;;
      maintenance | stopping) fail 'given up' "$(explain_units)" ;;
    esac
    again explain_units
    state=$(systemctl is-system-running 2>/dev/null)
  done
  state="$state$(systemctl list-units --failed --no-legend --plain 2>/dev/null | named ', failed:')"
}
explain_units() {
  systemctl list-jobs --no-legend 2>/dev/null | named 'waiting for:' second
  systemctl list-units --failed --no-legend --plain 2>/dev/null | named ' failed:'
}
# The first or the second word of each line, after a heading.
named() {
  list=
  while read -r first second _; do
    if [ -n "$2" ]; then list="$list $second"; else list="$list $first"; fi
  done
  if [ -n "$list" ]; then printf '%s%s' "$1" "$list"; fi
}

await_scripts() {
  enter 'a runlevel is reached'
  if command -v runlevel >/dev/null; then
    while :; do
      state=$(runlevel 2>/dev/null)
      case $state in *' '[1-5]) break ;; *) again ;; esac
    done
  fi
  enter 'the boot scripts have ended'
  # More than one look: process 1 may not have come to start them.
  quiet=0
  while [ "$quiet" -lt 3 ]; do
    again
    if booting; then quiet=0; else quiet=$((quiet + 1)); fi
  done
}
# Brackets in the patterns, as the text of this script is in its own command line.
booting() {
  for file in /proc/[0-9]*/cmdline; do
    line=
    read -r line <"$file"
    case $line in */etc/init.[d]/rc* | */etc/[r]c[.S]* | *[o]penrc* | *[s]tartpar*) return 0 ;; esac
  done 2>/dev/null
  return 1
}

enter 'process 1 is an init'
while :; do
  read -r name </proc/1/comm
  # Started as init it takes a moment until systemd calls itself so.
  case $(readlink /proc/1/exe) in */systemd) name=systemd ;; esac
  case $name in
    systemd) await_systemd && break ;;
    init | busybox | linuxrc | *-init | runit* | s6-*) await_scripts && break ;;
  esac
  state=$name
  again
done
printf '%s%s\n' "$name" "${state:+: $state}"
