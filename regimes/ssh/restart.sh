# Reboots this machine in a moment: whoever asks for it has its answer by then.
if [ -d /run/systemd/system ] &&
    systemd-run --no-block --quiet sh -c 'sleep 1; exec reboot' 2>/dev/null; then
    exit 0
fi
command -v reboot >/dev/null || { echo 'there is no reboot command' >&2; exit 127; }
leave=
command -v setsid >/dev/null && leave=setsid
$leave sh -c 'sleep 1; exec reboot' </dev/null >/dev/null 2>&1 &
