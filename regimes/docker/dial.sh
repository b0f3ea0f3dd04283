# Joins stdin and stdout with the socket of an engine on this machine, as `docker system dial-stdio`
# does. $1: docker or podman; $2: the engine's address, or nothing; $3: dial.pl in hexadecimal digits;
# $4: `sudo -n`, or nothing. sudoers may allow no more than the docker command.
# A line is a command of its own, and there is no exclamation mark: they are joined by semicolons and
# pass a login shell of whatever kind.
engine=$1 address=$2 program=$3 sudo=$4
has() { command -v "$1" >/dev/null 2>&1; }
case $engine$sudo$address in docker | dockersudo* | dockertcp:* | dockerssh:*) has docker && exec $sudo docker ${address:+--host "$address"} system dial-stdio ;; esac
test "$engine" = docker && : "${address:=${DOCKER_HOST:-unix:///var/run/docker.sock}}"
: "${address:=$CONTAINER_HOST}"
own=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/podman/podman.sock
test -z "$address$sudo" && test "$(id -u)" -gt 0 && test -S "$own" && address=unix://$own
: "${address:=unix:///run/podman/podman.sock}"
case $address in unix:///*) ;; *) echo "only the docker command reaches $address, and there is none" >&2; exit 127 ;; esac
path=${address#unix://}
has perl && exec $sudo perl -e "eval pack q(H*), shift" "$program" "$path"
has socat && exec $sudo socat -t 1000000000 - "UNIX-CONNECT:$path"
has nc && exec $sudo nc -N -U "$path"
has docker && exec $sudo docker --host "$address" system dial-stdio
echo "there is neither docker nor perl, socat or nc to reach the engine with" >&2
exit 127
