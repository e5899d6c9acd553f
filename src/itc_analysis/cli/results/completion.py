"""Print what a shell needs to complete verbs and options of itc.

Add the line of the example to ~/.bashrc or ~/.zshrc.
"""

from __future__ import annotations

import argparse

_BASH = """\
_itc() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{verbs}" -- "$word"))
    return
  fi
  case "$word" in
    -*)
      case "$verb" in
{cases}
      esac
      ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _itc itc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=["bash", "zsh"], help="the shell")


def run(options: argparse.Namespace) -> None:
    """Print the script."""
    print(script(options.shell), end="")


def script(shell: str) -> str:
    """Return the completion script of a shell, from the parser itself.

    Parameters
    ----------
    shell : str
        bash, or zsh, which reads the same by its own bashcompinit.
    """
    from itc_analysis.cli import VERBS, parser_of_verb

    cases = []
    for verb in VERBS:
        flags = sorted(
            flag
            for action in parser_of_verb(verb)._actions
            for flag in action.option_strings
            if flag.startswith("--")
        )
        cases.append(f'        {verb}) COMPREPLY=($(compgen -W "{" ".join(flags)}" -- "$word")) ;;')
    text = _BASH.format(verbs=" ".join(VERBS), cases="\n".join(cases))
    head = "" if shell == "bash" else "autoload -U +X bashcompinit && bashcompinit\n"
    return head + text
