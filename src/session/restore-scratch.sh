# Puts back what save-scratch saved. Argument: SCRATCH.
saved=/var/tmp/${1##*/}.saved
[ -d "$saved/scratch" ] || { echo "the saved scratch space $saved is gone" >&2; exit 1; }
rm -rf "$1" && cp -a "$saved/scratch" "$1" && rm -rf "$saved"
