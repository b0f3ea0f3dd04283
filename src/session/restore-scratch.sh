# Puts back what save-scratch saved. Arguments: SCRATCH DIRECTORY..., the same ones.
scratch=$1
shift
for name; do
  saved=$name/${scratch##*/}.saved
  [ -d "$saved/scratch" ] || continue
  rm -rf "$scratch" && mkdir -p "${scratch%/*}" && mv "$saved/scratch" "$scratch" || exit 1
  rmdir "$saved"
  exit 0
done
echo "the saved scratch space is in none of $* any more" >&2
exit 1
