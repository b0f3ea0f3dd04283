# Ends what carries a mark in its environment, and the process groups of these, until there is
# nothing left to end. Argument: MARK.
for round in 1 2 3 4 5 6 7 8 9 10; do
  marked=$(grep -ls "REGIME_EXECUTE=$1" /proc/[0-9]*/environ 2>/dev/null)
  [ -n "$marked" ] || exit 0
  for file in $marked; do
    pid=${file#/proc/}
    pid=${pid%/environ}
    read -r stat </proc/"$pid"/stat 2>/dev/null || continue
    # The name, which may hold anything, ends with the last parenthesis; the group is the third field after it.
    set -- "$1" ${stat##*)}
    # A zombie is dead already; group 0 was made outside the testbed's pid namespace.
    case $2 in Z | X) continue ;; esac
    [ "$4" -gt 1 ] && kill -KILL -"$4" 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
  done
done
exit 0
