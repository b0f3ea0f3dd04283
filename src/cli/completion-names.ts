/**
 * Functions of bash that find the names of what is there: each puts its words into `wanted`. None starts
 * a program but for images, whose names only their engine knows.
 *
 * Names are somebody else's, and bash would expand some of what is in them: only those pass that need
 * no quotes, which leaves out control characters too.
 */
export const nameFunctions = String.raw`_regime_ids() {
  local state=${'$'}{1:-${'$'}{XDG_STATE_HOME:-$HOME/.local/state}/regime} each
  wanted=
  for each in "$state"/sessions/regime-*.session; do
    each=${'$'}{each##*/regime-}
    _regime_add "${'$'}{each%.session}"
  done
}
# Of a file of ssh_config(5) and of those that it includes.
_regime_hosts() {
  local keyword rest words each
  [[ $seen == *$'\n'"$1"$'\n'* ]] && return
  seen+=$1$'\n'
  while IFS=$' \t\r=' read -r keyword rest || [[ $keyword ]]; do
    IFS=$' \t\r"' read -ra words <<<"$rest"
    for each in "${'$'}{words[@]}"; do
      case ${'$'}{keyword,,} in
        host) _regime_add "$each" ;;
        include)
          each=${'$'}{each/#\~\//$HOME/}
          [[ $each == /* ]] || each=$HOME/.ssh/$each
          while read -r each; do _regime_hosts "$each"; done < <(compgen -G "$each")
          ;;
      esac
    done
  done <"$1"
} 2>/dev/null
# Of an engine, docker or podman, at an address. One that does not answer at once is not waited for.
_regime_images() {
  local address=$2 own=${'$'}{XDG_RUNTIME_DIR:-/run/user/$EUID}/podman/podman.sock each
  wanted=
  if [[ $1 == podman ]]; then
    address=${'$'}{address:-$CONTAINER_HOST}
    [[ $EUID != 0 && -e $own ]] || own=/run/podman/podman.sock
    # Without an address it would make a storage of the user's where there is none.
    set -- podman --url "${'$'}{address:-unix://$own}"
  else
    set -- docker ${'$'}{address:+--host "$address"}
  fi
  while read -r each; do
    # podman shows whole names, and takes short ones.
    _regime_add "$each" "${'$'}{each#docker.io/library/}"
  done < <(
    timeout -s KILL 1 "$@" image ls --format '{{.Repository}}:{{.Tag}}' </dev/null | head -c 100000
  )
} 2>/dev/null
_regime_add() {
  local each LC_ALL=C
  for each; do
    [[ $each =~ ^[A-Za-z0-9_][A-Za-z0-9._:@/+-]*$ && "$wanted " != *" $each "* ]] && wanted+=" $each"
  done
}
`;
