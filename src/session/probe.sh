# Looks at a testbed that was just opened or reverted, and makes its scratch space.
# Arguments: MARK SCRATCH MODE OWNER ACCOUNT. Each answer follows a line `MARK NAME`; MARK is random, so that
# no file of the testbed can hold it. SCRATCH is an absolute path; empty: none is made. It belongs to
# OWNER where that is not empty; `-` stands for the account of a normal user, if root finds one.
# ACCOUNT: `add` where root is to make an account for a normal user if there is none.
mark=$1 scratch=$2 mode=$3 owner=$4 account=$5
answer() { printf '\n%s %s\n' "$mark" "$1"; }

# Nothing but the shell's own words where they will do: this runs at every revert, and each program
# that is started costs a millisecond. The fields are real, effective, saved and file system uid.
uid=
while read -r key _ effective _; do
  if [ "$key" = Uid: ]; then uid=$effective; fi
done </proc/self/status
answer uid
printf '%s' "$uid"

normal=
self=
taken=' '
while IFS=: read -r name _ number _ _ home shell || [ -n "$name" ]; do
  case $number in '' | *[!0-9]*) continue ;; esac
  taken="$taken$number "
  if [ "$number" = "$uid" ] && [ -z "$self" ]; then self=$name:$home:$shell; fi
  if [ "$number" -ge 1000 ] && [ "$number" -le 59999 ] && [ -z "$normal" ]; then normal=$name; fi
done </etc/passwd
answer self
printf '%s' "$self"

# Without any tool that a testbed may not have: the first id from 1000 that no user and no group has.
add_account() {
  while IFS=: read -r _ _ number _ || [ -n "$number" ]; do taken="$taken$number "; done </etc/group
  number=1000
  while :; do
    case $taken in *" $number "*) number=$((number + 1)) ;; *) break ;; esac
  done
  printf 'regime:x:%s:%s:regime:/home/regime:/bin/sh\n' "$number" "$number" >>/etc/passwd || return
  printf 'regime:x:%s:\n' "$number" >>/etc/group || return
  if [ -e /etc/shadow ]; then printf 'regime:*:19000:0:99999:7:::\n' >>/etc/shadow; fi
  if [ -e /etc/gshadow ]; then printf 'regime:!::\n' >>/etc/gshadow; fi
  [ -d /home ] || mkdir /home
  mkdir /home/regime && chown "$number:$number" /home/regime && normal=regime
}
if [ "$account" = add ] && [ "$uid" = 0 ] && [ -z "$normal" ]; then add_account; fi
answer normal
printf '%s' "$normal"

for file in /etc/environment /etc/default/locale; do
  [ -f "$file" ] || continue
  answer "$file"
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$file"
done

if [ -n "$scratch" ]; then
  if [ -e "$scratch" ] || [ -L "$scratch" ]; then rm -rf "$scratch"; fi
  [ -d "${scratch%/*}" ] || mkdir -m 1777 "${scratch%/*}"
  # mkdir fails where the name is taken, so nobody can have planted a link; -m is not masked.
  mkdir -m "$mode" "$scratch" || exit 1
  if [ "$owner" = - ]; then
    owner=
    if [ "$uid" = 0 ]; then owner=$normal; fi
  fi
  if [ -n "$owner" ]; then chown "$owner" "$scratch" || exit 1; fi
  answer scratch
  printf '%s' "$scratch"
fi
answer end
