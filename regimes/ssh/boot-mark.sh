# Says what is another after each boot: the boot id, and when process 1 started, which tells where a
# container stands in for a machine.
cat /proc/sys/kernel/random/boot_id || exit 1
IFS= read -r stat </proc/1/stat || exit 1
set -- ${stat##*) }
echo "${20}"
