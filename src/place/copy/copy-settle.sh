# Takes away what an interrupted copy left. Arguments: the destination, the new tree, the old one.
# The order of the two renames tells how far it got: old aside, then new to the destination.
if exists "$3"; then
  if exists "$1"; then
    remove_tree "$3"
  else
    mv -- "$3" "$1" || exit 90
  fi
fi
if exists "$2.made"; then
  # The destination was not there, was made in its place, and is not whole.
  remove_tree "$1"
  rm -f -- "$2.made"
fi
if exists "$2"; then
  remove_tree "$2"
fi
