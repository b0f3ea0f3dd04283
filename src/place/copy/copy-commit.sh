# Puts a new tree in the place of an old one. Arguments: the destination, the new tree, the name
# that the old one takes until it is gone.
destination=$1 fresh=$2 aside=$3
if [ -d "$destination" ]; then
  refuse_replacing "$destination"
fi
if exists "$destination"; then
  mv -- "$destination" "$aside" || exit 90
fi
mv -- "$fresh" "$destination" || {
  exists "$aside" && mv -- "$aside" "$destination"
  exit 90
}
if exists "$aside"; then
  remove_tree "$aside"
fi
