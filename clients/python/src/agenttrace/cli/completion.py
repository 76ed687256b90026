"""Completion: a few lines for each shell that ask us, and the answers, read off the parser.

The shells ask at each key press instead of being given a list once: so all three say the same, and
always what the installed release understands.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

from agenttrace.cli import words
from agenttrace.cli.arguments import parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ASK = "__complete"

_BASH = """\
_agenttrace() {
    local word
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
        COMPREPLY+=("$word")
    done < <("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _agenttrace agenttrace
"""

_ZSH = """\
#compdef agenttrace
_agenttrace() {
    local -a found
    local word text
    while IFS=$'\\t' read -r word text; do
        found+=("${word//:/\\\\:}:$text")
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then
        _describe agenttrace found
    else
        _files
    fi
}
compdef _agenttrace agenttrace
"""

_FISH = """\
function __agenttrace_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c agenttrace -f -a '(__agenttrace_complete)'
complete -c agenttrace -n '__fish_seen_subcommand_from export' -s o -l output -r -F
complete -c agenttrace -l root-certificates -r -F
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

# What stands for a word of a closed set in the help.
_WORDS = {"STATUS": words.STATUSES, "TYPE": words.FAILURE_TYPES}


class Candidate(NamedTuple):
    """A word that fits, and what it means."""

    word: str
    text: str = ""


def answer(typed: Sequence[str]) -> str:
    """Return what fits the last of the typed words, one a line, each with its meaning behind a tab."""
    return "".join(f"{found.word}\t{found.text}\n" for found in candidates(typed))


def candidates(typed: Sequence[str]) -> list[Candidate]:
    """Return what fits the last of the words that were typed after our name; nothing means any file."""
    *before, last = typed or [""]
    command, rest = _command_of(before)
    return [found for found in _all(command, rest, last) if found.word.startswith(last)]


def command_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    found: argparse.ArgumentParser = _commands(parser())[name]
    return found


def _all(command: argparse.ArgumentParser, before: Sequence[str], last: str) -> Iterator[Candidate]:
    asked = _option(command, before[-1]) if before else None
    if asked is not None and asked.nargs != 0:
        yield from map(Candidate, asked.choices or _WORDS.get(str(asked.metavar), ()))
    elif last.startswith("-"):
        yield from _options(command, before)
    else:
        yield from _positionals(command)


def _command_of(before: Sequence[str]) -> tuple[argparse.ArgumentParser, Sequence[str]]:
    """Return the parser that the next word belongs to, and the words before it that do, too."""
    top = parser()
    for place, word in enumerate(before):
        if word in _commands(top):
            return _commands(top)[word], before[place + 1 :]
    return top, before


def _options(command: argparse.ArgumentParser, used: Sequence[str]) -> Iterator[Candidate]:
    for action in command._actions:
        again = isinstance(action, argparse._AppendAction) or not set(action.option_strings) & set(used)
        for name in action.option_strings:
            if name.startswith("--") and again:
                yield Candidate(name, _meaning(action))


def _positionals(command: argparse.ArgumentParser) -> Iterator[Candidate]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from (Candidate(str(choice.dest), _meaning(choice)) for choice in action._choices_actions)
        elif not action.option_strings:
            yield from map(Candidate, action.choices or ())


def _option(command: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return next((action for action in command._actions if word in action.option_strings), None)


def _commands(top: argparse.ArgumentParser) -> dict[str, Any]:
    choices: Any = next(action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return dict(choices)


def _meaning(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", "").split(";")[0]
