"""The reference of the commands, made from the commands.

As a page by `python tests/reference.py > docs/reference.md`, and for man by
`python tests/reference.py --man > docs/rnnshape.1`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer

from rnnshape import __version__
from rnnshape.cli.app import COMMANDS, build

_SHARED = ("The network", "The batch", "The head", "The numbers", "The backward")
_EXIT = (
    "0 fine; 1 the question was answered with no (a shape that does not fit, a verification that "
    "fails); 2 the command was used wrongly, or a file cannot be read. Data goes to standard "
    "output, messages to standard error. No colour where standard output is no terminal, or "
    "NO_COLOR is set; COLUMNS sets the width, which is 80 in a pipe: only pictures, code and torch's "
    "own lines are wider."
)


def reference() -> str:
    """The whole reference as Markdown: name, synopsis, description, options and example of each."""
    group: Any = typer.main.get_command(build([]))
    lines = [
        "# rnnshape", "",
        "Made from the commands: `python tests/reference.py > docs/reference.md`.", "",
        f"rnnshape {__version__}: trace the shapes of recurrent networks.", "",
    ]  # fmt: skip
    shared: dict[str, dict[str, str]] = {panel: {} for panel in _SHARED}
    for name in COMMANDS:
        lines += _command(name, group.commands[name], shared)
    for panel, options in shared.items():
        lines += [f"## {panel}", "", *options.values(), ""]
    lines += ["## Exit status", "", _EXIT, ""]
    return "\n".join(lines)


def man_page() -> str:
    """The same as a man page."""
    lines = [f'.TH RNNSHAPE 1 "" "rnnshape {__version__}"', ".SH NAME",
             "rnnshape \\- trace the shapes of recurrent networks",
             ".SH SYNOPSIS", ".B rnnshape", "COMMAND [ARGUMENTS] [OPTIONS]"]  # fmt: skip
    for line in reference().split("\n## ", 1)[1].split("\n"):
        if line.startswith("## ") or len(lines) == 6:
            lines.append(f".SH {_roff(line.removeprefix('## ').upper())}")
        elif line.startswith("    "):
            lines += [".PP", f".B {_roff(line.strip())}"]
        elif line.startswith("- `"):
            names, _, told = line.removeprefix("- ").partition(": ")
            lines += [".TP", f".B {_roff(names)}", _roff(told)]
        elif line:
            lines += [".PP", _roff(line.removeprefix("- "))]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    plain = text.replace("`", "").replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + plain if plain.startswith((".", "'")) else plain


def _command(name: str, command: Any, shared: dict[str, dict[str, str]]) -> Iterator[str]:
    what, _, rest = (command.help or "").partition("\n")
    description, _, example = rest.partition("Example:")
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    own, panels = [], []
    for option in command.params:
        if option.param_type_name != "option" or option.hidden:
            continue
        panel = getattr(option, "rich_help_panel", None)
        if panel in shared:
            shared[panel].setdefault(option.name, _option(option))
            panels += [] if panel in panels else [panel]
        else:
            own.append(_option(option))
    words = [f"rnnshape {name}", *(_argument(a) for a in arguments), "[options]"]
    yield from (f"## rnnshape {name}", "", what, "", f"    {' '.join(words)}", "")
    if description.strip():
        yield from (_joined(description), "")
    yield from own
    if panels:
        yield f"- and what is below under {', '.join(panels)}"
    yield from ("", f"Example: `{example.strip()}`", "")


def _argument(argument: Any) -> str:
    word = argument.name.upper()
    return word if argument.required else f"[{word}]"


def _option(option: Any) -> str:
    names = [f"`{name}`" for name in (*option.opts, *option.secondary_opts)]
    value = "" if option.is_flag else f" {option.metavar or _kind(option)}"
    default = option.show_default if isinstance(option.show_default, str) else option.default
    told = f" Default: {default}." if default not in (None, False, "") else ""
    return f"- {', '.join(names)}{value}: {_joined(option.help or '')}{told}"


def _kind(option: Any) -> str:
    described = getattr(option, "type_descriptor", None) or option.type  # newer and older typer
    return "INTEGER" if "int" in str(described).lower() else "TEXT"


def _joined(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    sys.stdout.write(man_page() if "--man" in sys.argv[1:] else reference())
