import { nameFunctions } from './completion-names.ts';

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
${nameFunctions}# Completes the last of some words, each of them whole: into COMPREPLY, and what it may be into kind.
# The first word may name a command where $first says so.
_regime_words() {
  local cur=${'$'}{*: -1} subject= option= word wanted= count=0 before= each
  local state= address= engine= inside= seen found=()
  for word in "${'$'}{@:1:$#-1}"; do
    case "$option $word" in
      '--state-dir '* | ' --state-dir='*) each=${'$'}{word#--state-dir=} state=${'$'}{each/#\~/$HOME} ;;
      '--host '* | '-H '*) address=$word ;;
      ' --host='*) address=${'$'}{word#*=} ;;
      ' --podman') engine=podman ;;
    esac
    if [[ $option ]]; then
      option=
      continue
    fi
    case $word in
      +)
        [[ ' ${words.commands.join(' ')} ' == *" $subject "* ]] && continue
        subject= first= count=0 address= engine= inside=1
        ;;
      --) [[ $subject == script ]] && subject= first= count=0 ;;
      --*=*) ;;
      -*)
        _regime_find "value $subject:$word"
        [[ $wanted ]] && option=$word
        ;;
      *) if [[ $subject ]]; then ((count += 1)); else subject=$word; fi ;;
    esac
  done
  COMPREPLY=()
  wanted=
  if [[ $option ]]; then
    _regime_find "value $subject:$option"
  elif ((count > 0)) && [[ ' ${words.passing.join(' ')} ' == *" $subject "* ]]; then
    return
  elif [[ $cur == --*=* ]]; then
    before=${'$'}{cur%%=*}= cur=${'$'}{cur#*=}
    _regime_find "value $subject:${'$'}{before%=}"
    [[ $wanted ]] || _regime_find "value $subject:$before"
  elif [[ $cur == -* ]]; then
    _regime_find "options $subject"
  elif [[ $subject == run && $cur == [\'\"]* ]]; then
    _regime_quoted "${'$'}{cur:1}"
    return
  elif [[ $subject ]]; then
    _regime_find "operand $subject:$((count + 1))"
  else
    wanted="${words.regimes.join(' ')}${'$'}{first:+ ${words.commands.join(' ')}}"
  fi
  kind=$wanted
  [[ $kind == @(FILE|DIR) && $cur == '~/'* ]] && cur=$HOME/${'$'}{cur:2}
  case $kind in
    FILE) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    SERVER) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
    NAME) wanted='${words.topics.join(' ')}' ;;
    REGIME) wanted='${words.regimes.join(' ')}' ;;
    ID) _regime_ids "$state" ;;
    HOST)
      [[ $cur == *@* ]] && before=${'$'}{cur%@*}@ cur=${'$'}{cur##*@}
      wanted= seen=$'\n'
      _regime_hosts ~/.ssh/config
      ;;
    IMAGE)
      wanted=
      # Inside another testbed it is another machine's engine.
      [[ $inside ]] || _regime_images "${'$'}{engine:-$subject}" "$address"
      ;;
    -) wanted= ;;
  esac
  [[ $kind == @(FILE|DIR|SERVER) ]] || read -ra COMPREPLY <<<"$wanted"
  for each in "${'$'}{COMPREPLY[@]}"; do
    [[ $kind == @(FILE|DIR|SERVER) || $each == "$cur"* ]] && found+=("$before$each")
  done
  COMPREPLY=("${'$'}{found[@]}")
}
# Completes the last word within one word in quotes, which bash replaces as a whole.
_regime_quoted() {
  local words lead each first= kind= found
  [[ $1 == *[\'\"\\]* ]] && return
  read -ra words <<<"$1"
  [[ $1 == *[[:space:]] || $1 == '' ]] && words+=('')
  lead=${'$'}{1%"${'$'}{words[-1]}"}
  _regime_words "${'$'}{words[@]}"
  found=("${'$'}{COMPREPLY[@]}")
  COMPREPLY=()
  for each in "${'$'}{found[@]}"; do
    [[ $each == *[[:space:]\'\"\\]* ]] && continue
    if [[ $kind == @(FILE|DIR) && -d $each ]]; then each+=/; elif [[ $each != *= ]]; then each+=' '; fi
    COMPREPLY+=("$lead$each")
  done
  # After the only one bash would close the quotes.
  ((${'$'}{#COMPREPLY[@]} == 1)) && COMPREPLY+=("${'$'}{COMPREPLY[0]} ")
}
_regime() {
  local line=$COMP_LINE words=() lead= each i first=1 kind=
  # bash cuts --option=value into three words, and so user@host and a:b, and replaces the last part only.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    each=${'$'}{COMP_WORDS[i]}
    if [[ $i == 0 || $line == [[:space:]]* ]]; then
      words+=("$each") lead=
    else
      lead=${'$'}{words[-1]} words[-1]+=$each
    fi
    line=${'$'}{line#"${'$'}{line%%[![:space:]]*}"}
    line=${'$'}{line#"$each"}
  done
  [[ $each == +([=:@]) ]] && lead=${'$'}{words[-1]}
  _regime_words "${'$'}{words[@]:1}"
  COMPREPLY=("${'$'}{COMPREPLY[@]#"$lead"}")
  [[ $kind == @(FILE|DIR) ]] && compopt -o filenames 2>/dev/null
  [[ ${'$'}{COMPREPLY[0]} == --*= ]] && compopt -o nospace 2>/dev/null
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
