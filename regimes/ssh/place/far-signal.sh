# Sends a signal to a command. Arguments: SIGNAL KEY.
find_command "$2" && signal_target "$1" $target
