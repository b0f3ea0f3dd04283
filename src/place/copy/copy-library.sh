# What the scripts of a copy share. POSIX sh and tools that busybox has too.
unset TAR_OPTIONS CDPATH
LC_ALL=C
export LC_ALL
newline='
'

# Ends the script with one line for the user. Status 90: a refusal, not a broken tool.
refuse() {
  printf '%s\n' "$1" >&2
  exit 90
}

# Sets $tar to gnu or plain. Status 96: there is none.
find_tar() {
  case $(tar --version 2>/dev/null </dev/null) in
    *'GNU tar'*) tar=gnu ;;
    *)
      command -v tar >/dev/null 2>&1 || { echo 'there is no tar' >&2; exit 96; }
      tar=plain
      ;;
  esac
}

exists() {
  [ -e "$1" ] || [ -h "$1" ]
}

# Removes a tree, also where a plain user made directories in it that nobody may read.
remove_tree() {
  rm -rf -- "$1" 2>/dev/null && return
  chmod -R u+rwx -- "$1" 2>/dev/null
  rm -rf -- "$1"
}

# Sets $real to a directory's path without links. The full stop saves newlines at its end.
real_path() {
  real=$(cd -P -- "$1" 2>/dev/null && pwd -P && echo .)
  real=${real%"$newline".}
}

# Refuses what must not be moved away: moving a directory takes the mounts below it along, and what
# is in them would go with the old tree.
refuse_replacing() {
  [ -h "$1" ] && refuse "$1 is a symbolic link and can't be replaced"
  home=${HOME-}
  if [ -n "$home" ]; then real_path "$home"; home=$real; fi
  real_path .
  here=$real
  real_path "$1"
  [ -n "$real" ] || refuse "can't enter $1"
  [ "$real" = / ] && refuse '/ is not replaced'
  case $home/ in "$real"/*) refuse "$1 holds the home directory and is not replaced" ;; esac
  case $here/ in "$real"/*) refuse "$1 holds the working directory and is not replaced" ;; esac
  # The kernel writes these as octal in its list of mounts.
  case $real in
    *[\\\ "$newline	"]*)
      real=$(printf '%s.' "$real" | sed -e 's/\\/\\134/g' -e 's/ /\\040/g' -e 's/	/\\011/g')
      real=${real%.}
      while [ "${real#*"$newline"}" != "$real" ]; do
        real=${real%%"$newline"*}'\012'${real#*"$newline"}
      done
      ;;
  esac
  mounts=$(cat /proc/self/mountinfo 2>/dev/null)
  set -f
  old_ifs=$IFS
  IFS=$newline
  for line in $mounts; do
    IFS=$old_ifs
    mount_point ${line}
    case $point/ in "$real"/*) refuse "$1 is or holds a mount point and is not replaced" ;; esac
    IFS=$newline
  done
  IFS=$old_ifs
  set +f
}

mount_point() {
  point=$5
}
