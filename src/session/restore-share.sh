# Unpacks the session share from stdin. Argument: PATH.
cd -- "$1" && exec tar -xpf -
