# `sh -c THIS reserve HOW WHO`: takes a lock of this machine, alone or shared (HOW), and holds it until
# its input ends, or nothing has come from there for a while: the kernel frees it then. Says on stdout
# `waiting HOLDERS` each second until it has it, then `held`; or `unlocked WHY` and gives up. WHO and
# since when is in a file beside the lock, for others to read. After a line `keep DIRECTORY` it says `kept`
# and holds the lock without its input, as long as that directory is there or until it is ended by the
# name that it leaves in there, as commands do. Needs flock(1) or perl.
how=$1 who=$2
silence=45
umask 0

# The same one for every account: where all may write, and none takes away what is another's.
for directory in /run/lock /var/lock /tmp; do
    [ -d $directory ] && [ -k $directory ] && [ -w $directory ] && break
    directory=
done
lock=$directory/regime-testbed.lock
without() {
    echo "unlocked $*"
    exit 0
}
[ -n "$directory" ] || without 'there is no directory for locks that everybody may write to'
# Neither follows a link that somebody planted, nor opens what is there for creation, which the
# kernel may refuse (fs.protected_regular).
[ -e "$lock" ] || (set -C && : >"$lock") 2>/dev/null
[ -f "$lock" ] && [ ! -h "$lock" ] && [ -r "$lock" ] || without "$lock cannot be used"
exec 9<"$lock"

if command -v flock >/dev/null 2>&1; then
    case $how in shared) flag=-s ;; *) flag=-x ;; esac
    take() { flock $flag -n 9; }
elif command -v perl >/dev/null 2>&1; then
    case $how in shared) flag=LOCK_SH ;; *) flag=LOCK_EX ;; esac
    take() {
        perl -MFcntl=:flock -MErrno -e "open(F, '<&=9') && flock(F, $flag | LOCK_NB) and exit 0;
            exit(\$!{EWOULDBLOCK} ? 1 : 2)"
    }
else
    without 'it has neither flock nor perl'
fi

# Those of holders that have gone are removed where that is allowed.
holders() {
    for file in "$lock".[0-9]*; do
        [ -f "$file" ] && [ ! -h "$file" ] || continue
        if [ -d "/proc/${file##*.}" ]; then
            IFS= read -r line <"$file" && printf '%s' "${separator:-}$line"
            separator='; '
        else
            rm -f "$file"
        fi
    done 2>/dev/null
}

until take; do
    [ $? = 1 ] || without "$lock cannot be locked"
    now=$(holders)
    printf 'waiting %s\n' "${now:-somebody}" || exit 1
    sleep 1
done
own=$lock.$$
rm -f "$own"
note() { (set -C && printf '%s, since %s\n' "$1" "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >"$own") 2>/dev/null; }
note "$who"
echo held

# Ends the holder $1 if nobody ends it before.
guard() {
    exec 9<&- </dev/null >/dev/null 2>&1
    # First of all: who is told to end before must not leave a sleep. That is killed, as what a shell has
    # just forked may be deaf to TERM for a moment.
    trap 'kill -s KILL $!; exit 0' TERM
    sleep $silence &
    wait $! && rm -f "$own" && kill -KILL "$1"
}

# The fields of proc(5) after the name, which ends with the last parenthesis: the 4th is the session, the
# 20th the start.
leave_key() {
    read -r stat <"/proc/$$/stat"
    set -- "$1" ${stat##*) }
    umask 077
    : >"$1/$$.${21}.$5"
}
keep() {
    leave_key "$1" || return
    rm -f "$own"
    umask 0
    note "$who, kept as ${1##*/}"
    echo kept
    exec </dev/null >/dev/null 2>&1
    trap '' HUP
    trap 'kill -s KILL $!; rm -f "$own"; exit 0' TERM
    while [ -d "$1" ]; do
        sleep 60 9<&- &
        wait $!
    done
    rm -f "$own"
    exit 0
}
beat=beat
while [ -n "$beat" ]; do
    guard $$ &
    IFS= read -r beat || beat=
    kill $!
    wait $!
    case $beat in keep\ *) keep "${beat#keep }" ;; esac
done
rm -f "$own"
