# Makes the session share. Arguments: PATH MODE OWNER THERE; it belongs to OWNER where that is not empty;
# THERE is not empty where the regime has made it, and it only gets its mode.
path=$1 mode=$2 owner=$3 there=$4
if [ -z "$there" ]; then
  # From before a revert that did not reach it.
  if [ -e "$path" ] || [ -L "$path" ]; then rm -rf "$path"; fi
  [ -d "${path%/*}" ] || mkdir -p -m 1777 "${path%/*}"
  mkdir -m "$mode" "$path" || exit 1
else
  # It may be root's, who has opened it to us.
  chmod "$mode" "$path" 2>/dev/null || [ -w "$path" ] || { chmod "$mode" "$path"; exit 1; }
fi
if [ -n "$owner" ]; then chown "$owner" "$path" || exit 1; fi
