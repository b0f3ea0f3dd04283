/** Words, each list by the pattern of bash that what stands before them has to fit. */
export type Table = readonly (readonly [string, readonly string[]])[];

/** What there is to complete. */
export interface Words {
  regimes: readonly string[];
  commands: readonly string[];
  /** Those whose further operands are another program's. */
  passing: readonly string[];
  /** What `regime help` knows. */
  topics: readonly string[];
  /** The options of each regime and command; those with `=` want a value. */
  options: Table;
  /** By `SUBJECT:OPTION`: closed words, or FILE, DIR and the like, or `-` for what is not known. */
  values: Table;
  /** By `SUBJECT:POSITION`, the same. */
  operands: Table;
}

/**
 * The function `_regime` for bash's `complete`, with its words in it. It starts no program: ids are
 * read from the names of the sessions' directories, so that a Tab takes milliseconds.
 */
export function completionFunction(words: Words): string {
  return String.raw`# Completion for bash, made by 'regime completion bash'.
_regime_find() {
  wanted=
  case $1 in
${cases(words.options, 'options ')}
${cases(words.values, 'value ')}
${cases(words.operands, 'operand ')}
  esac
}
_regime_ids() {
  local state=${'$'}{1:-${'$'}{XDG_STATE_HOME:-$HOME/.local/state}/regime} each
  wanted=
  for each in "$state"/sessions/regime-*.session; do
    each=${'$'}{each##*/regime-}
    [[ $each == '*'* ]] || wanted+=" ${'$'}{each%.session}"
  done
}
_regime_hosts() {
  local line
  wanted=
  while read -r line; do
    [[ $line =~ ^[Hh]ost[[:space:]=]+([^*?!]+)$ ]] && wanted+=" ${'$'}{BASH_REMATCH[1]}"
  done <~/.ssh/config
} 2>/dev/null
_regime() {
  local cur=${'$'}{COMP_WORDS[COMP_CWORD]} subject= option= word wanted first=1 count=0 glue= state= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${'$'}{COMP_WORDS[i]}
    # bash cuts --option=value into three words, and so user@host and a:b.
    case $word in
      =) continue ;;
      [:@]) glue=1; continue ;;
    esac
    if [[ $glue ]]; then glue=; continue; fi
    if [[ $option ]]; then
      [[ $option == --state-dir ]] && state=${'$'}{word/#\~/$HOME}
      option=
      continue
    fi
    case $word in
      +) subject= first= count=0 ;;
      --) [[ $subject == script ]] && subject= first= count=0 ;;
      -*)
        _regime_find "value $subject:$word"
        if [[ $wanted || ${'$'}{COMP_WORDS[i + 1]} == = ]]; then option=$word; fi
        ;;
      *) if [[ $subject ]]; then ((count += 1)); else subject=$word; fi ;;
    esac
  done
  [[ $cur == [:@] ]] && glue=1
  [[ $cur == [=:@] ]] && cur=
  COMPREPLY=()
  if [[ $glue ]]; then
    _regime_find "operand $subject:$count"
    [[ $wanted == HOST ]] || return
  elif [[ $option ]]; then
    _regime_find "value $subject:$option"
    [[ $wanted ]] || _regime_find "value $subject:$option="
  elif ((count > 0)) && [[ ' ${words.passing.join(' ')} ' == *" $subject "* ]]; then
    return
  elif [[ $cur == -* ]]; then
    _regime_find "options $subject"
    COMPREPLY=($(compgen -W "$wanted" -- "$cur"))
    [[ ${'$'}{COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return
  elif [[ $subject ]]; then
    _regime_find "operand $subject:$((count + 1))"
  else
    wanted="${words.regimes.join(' ')}${'$'}{first:+ ${words.commands.join(' ')}}"
  fi
  [[ $wanted == @(FILE|DIR) && $cur == '~/'* ]] && cur=$HOME/${'$'}{cur:2}
  case $wanted in
    FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    SERVER) mapfile -t COMPREPLY < <(compgen -c -- "$cur"); return ;;
    NAME) wanted='${words.topics.join(' ')}' ;;
    REGIME) wanted='${words.regimes.join(' ')}' ;;
    ID) _regime_ids "$state" ;;
    HOST) _regime_hosts ;;
    -) return ;;
  esac
  COMPREPLY=($(compgen -W "$wanted" -- "$cur"))
}
complete -F _regime regime autopkgtest-virt-regime
`;
}

/** The branches of a `case`. */
function cases(table: Table, before: string): string {
  const full = table.filter(([, words]) => words.length > 0);
  return full
    .map(([pattern, words]) => {
      const patterns = pattern.split('|').map((each) => `'${before}'${each}`);
      return `    ${patterns.join('|')}) wanted='${words.join(' ')}' ;;`;
    })
    .join('\n');
}
