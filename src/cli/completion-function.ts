/** Lists of words, each by what stands before them. */
type Table = readonly (readonly [string, readonly string[]])[];

/** What there is to complete. */
interface Words {
  regimes: readonly string[];
  commands: readonly string[];
  /** What `regime help` knows. */
  topics: readonly string[];
  /** The options of each regime and command; those with `=` want a value. */
  options: Table;
  /** By `SUBJECT:--OPTION`: closed words, or FILE, DIR and the like. */
  values: Table;
  /** By regime or command, the same. */
  operands: Table;
}

/** The function `_regime` for bash's `complete`, with its words in it. */
export function completionFunction(words: Words): string {
  return String.raw`# Completion for bash, made by 'regime completion bash'.
_regime_options() {
  case $1 in
${cases(words.options)}
  esac
}
_regime_values() {
  case $1 in
${cases(words.values)}
  esac
}
_regime_operands() {
  case $1 in
${cases(words.operands)}
  esac
}
_regime() {
  local cur=${'$'}{COMP_WORDS[COMP_CWORD]} subject= option= word wanted first=1 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${'$'}{COMP_WORDS[i]}
    # bash has cut --option=value into three words.
    if [[ $word == = ]]; then continue; fi
    if [[ $option ]]; then option=; continue; fi
    case $word in
      +) subject= first= ;;
      --) [[ $subject == script ]] && subject= first= ;;
      -*)
        if [[ " $(_regime_options "$subject") " == *" $word= "* || ${'$'}{COMP_WORDS[i + 1]} == = ]]; then
          option=$word
        fi
        ;;
      *) [[ $subject ]] || subject=$word ;;
    esac
  done
  [[ $cur == = ]] && cur=
  COMPREPLY=()
  if [[ $option ]]; then
    wanted=$(_regime_values "$subject:$option")
  elif [[ $cur == -* ]]; then
    wanted=$(_regime_options "$subject")
    COMPREPLY=($(compgen -W "$wanted" -- "$cur"))
    [[ ${'$'}{COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return
  elif [[ $subject ]]; then
    wanted=$(_regime_operands "$subject")
  else
    wanted="${words.regimes.join(' ')}${'$'}{first:+ ${words.commands.join(' ')}}"
  fi
  case $wanted in
    FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    SERVER) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
    NAME) COMPREPLY=($(compgen -W '${words.topics.join(' ')}' -- "$cur")) ;;
    REGIME) COMPREPLY=($(compgen -W '${words.regimes.join(' ')}' -- "$cur")) ;;
    ID) COMPREPLY=($(compgen -W "$(regime sessions 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "$wanted" -- "$cur")) ;;
  esac
}
complete -F _regime regime autopkgtest-virt-regime
`;
}

/** The branches of a `case`, each of which prints its words. */
function cases(table: Table): string {
  const full = table.filter(([, words]) => words.length > 0);
  return full.map(([before, words]) => `    '${before}') echo '${words.join(' ')}' ;;`).join('\n');
}
