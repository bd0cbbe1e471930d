"""The options that describe a network, declared once for every command that needs one."""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TextIO

import typer

from ..analysis.trace import Trace
from ..errors import UsageError, check_choice, quoted
from ..network.batch import Batch, batch_of
from ..network.constructor import ARGUMENTS, option_of, takes
from ..network.dims import Dim, Shape, parse_dim
from ..network.head import Head
from ..network.spec import CELLS, Spec, said_by_equations

_NETWORK, _BATCH, _TOP = "The network", "The batch", "The head"
_LARGEST_TEXT = 10_000_000  # characters of a spec or a script


def _text(*names: str, default: str | None = None, panel: str = _NETWORK, **more: Any) -> Any:
    shown: Any = default if default is not None else False
    return Annotated[
        str | None, typer.Option(*names, show_default=shown, rich_help_panel=panel, **more)
    ]


def _flag(names: str, text: str, panel: str = _NETWORK) -> Any:
    return Annotated[
        bool | None, typer.Option(names, show_default=False, help=text, rich_help_panel=panel)
    ]


def _argument(name: str) -> Any:
    """The option of an argument of the constructor."""
    row = ARGUMENTS[name]
    if isinstance(row.default, bool):
        return _flag(f"{row.option}/{row.negated}", row.meaning)
    names = dict.fromkeys((row.option, "--" + name.replace("_", "-")))
    return _text(*names, default=f"{row.default:g}" if name == "dropout" else str(row.default),
                 metavar=row.symbol, help=row.meaning)  # fmt: skip


_OPTIONS: dict[str, Any] = {
    **{name: _argument(name) for name in ARGUMENTS},
    "batch_size": _text("--batch-size", default="7", metavar="N", panel=_BATCH,
                        help="A number or a name."),
    "seq_len": _text("--seq-len", default="5", metavar="T", panel=_BATCH,
                     help="A number or a name."),
    "unbatched": _flag("--unbatched/--batched", "One sequence, 2-D input.", _BATCH),
    "lengths": _text("--lengths", metavar="5,3,2", panel=_BATCH,
                     help="A packed batch; N and T follow from it."),
    "spec": _text("--spec", metavar="FILE|-", help="A spec as JSON; options beside it win."),
}  # fmt: skip


_HEAD_OPTIONS: dict[str, Any] = {
    "output_size": _text("--output-size", metavar="K", panel=_TOP,
                         help="o = g(W·h + b) on top, a Linear of width K."),
    "output_activation": _text("--output-activation", default="none", panel=_TOP,
                               metavar="g", help="none, softmax, sigmoid or tanh."),
    "output_at": _text("--output-at", default="every", metavar="every|last", panel=_TOP,
                       help="At every step, or once at the end."),
}  # fmt: skip


@dataclass(frozen=True)
class Network:
    """What the command line says of the network and the batch; None where it says nothing."""

    options: Mapping[str, Any]

    @staticmethod
    def of(trace: Trace) -> Network:
        """What leads to a trace."""
        from ..explore.export import options

        told = {name: value if isinstance(value, bool) else str(value)
                for name, value in options(trace).items()}  # fmt: skip
        return Network({**dict.fromkeys((*_OPTIONS, *_HEAD_OPTIONS)), **told})

    def says(self, *names: str) -> list[str]:
        """Those of `names` that were given."""
        return [name for name in names if self.options[name] is not None]

    def first(self, *names: str) -> str | None:
        """The option of the first of `names` that was given, a spec's or the batch's."""
        said = self.says(*names)
        return option_of(said[0], self.options[said[0]]) if said else None

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        """The fields of the spec that were given, read but not yet checked."""
        base: dict[str, Any] = {}
        if self.options["spec"] is not None:
            spec = read_spec(self.options["spec"])
            base = spec.to_dict() | {"equations": spec.equations}
            if self.options["cell"] not in (None, base["cell"]):
                for name in ("nonlinearity", "proj_size"):  # these belong to the file's cell
                    base.pop(name)
            if self.options["cell"] is not None or spec.equations is None:
                base.pop("equations")
        read = {name: _read(name, self.options[name]) for name in self.says(*ARGUMENTS)}
        if self.options["cell"] is not None and self.options["cell"] not in CELLS:
            read |= self._written(self.options["cell"])
        return base | read

    def _written(self, name: str) -> dict[str, Any]:
        """The cell of a file of equations. Raises UsageError."""
        from ..engine.written import shipped, written_cell

        cell = written_cell(name)
        if cell is None:
            names = dict.fromkeys((*CELLS, *shipped(), "or FILE.cell"))
            check_choice("--cell", name, names, "lstm")
            return {}
        for argument in ("nonlinearity", "bias", "proj_size"):
            if self.options[argument] is not None:
                raise said_by_equations(argument, name)
        return {"cell": cell.name, "equations": cell}

    @property
    def constructor(self) -> dict[str, Any]:
        """The constructor's arguments as a program would give them; a file's defaults left out."""
        arguments = dict(self.arguments)
        cell = arguments.get("cell", "rnn")
        for name in [*arguments] if cell in CELLS else ():
            if name != "cell" and not takes(cell, name) and self.options[name] is None:  # a file's
                del arguments[name]
        return arguments

    def size(self, name: str) -> Dim | None:
        """batch_size or seq_len, None where it was not given."""
        text = self.options[name]
        return None if text is None else parse_dim(text, name.replace("_", "-"))

    @functools.cached_property
    def spec(self) -> Spec:
        """The network. Raises UsageError."""
        return Spec.from_dict(self.arguments)

    @functools.cached_property
    def lengths(self) -> tuple[int, ...] | None:
        """The lengths of a packed batch."""
        text = self.options["lengths"]
        return None if text is None else parse_lengths(text)

    @functools.cached_property
    def batch(self) -> Batch:
        """The batch. Raises UsageError where one option contradicts another."""
        return self.batch_for(self.spec)

    def batch_for(self, spec: Spec) -> Batch:
        """The batch of a network that a file may tell. Raises UsageError."""
        sizes = {
            name: parse_dim(self.options[option], option.replace("_", "-"))
            for name, option in (("size", "batch_size"), ("seq_len", "seq_len"))
            if self.options[option] is not None
        }
        unbatched = bool(self.options["unbatched"])
        batch = batch_of(spec, **sizes, unbatched=unbatched, lengths=self.lengths)
        for name, size in sizes.items():
            actual = getattr(batch, name)
            option = {"size": "--batch-size", "seq_len": "--seq-len"}[name]
            if actual != size:
                cause = "--unbatched" if batch.unbatched else "--lengths"
                words = f"{option}: expected {actual}, as {cause} says"
                raise Pair(words, option, cause, got=str(size))
        return batch

    @functools.cached_property
    def head(self) -> Head | None:
        """The head, where one is asked for. Raises UsageError."""
        size = self.options.get("output_size")
        beside = [n for n in ("output_activation", "output_at") if self.options.get(n) is not None]
        if size is None:
            if beside:
                option = "--" + beside[0].replace("_", "-")
                words = f"{option}: expected beside --output-size"
                raise Pair(words, got="no head", added="--output-size 3")
            return None
        stated = {n.removeprefix("output_"): self.options[n] for n in beside}
        return Head(parse_dim(size, "output-size"), **stated)

    def refuse_others(self, spec: Spec, free: Iterable[str], why: str) -> None:
        """Refuse an option that says of the network what its file does not. Raises UsageError."""
        for name, value in self.arguments.items():
            if name not in free and value != getattr(spec, name):
                option = option_of(name) if self.options.get(name) is not None else "--spec"
                words = f"{option}: expected {getattr(spec, name)}, as the file says"
                raise Pair(words, option, got=str(value), note=f"  # {why}")

    def trace(self) -> Trace:
        """The network over the batch, in shapes."""
        return Trace(self.spec, self.batch, head=self.head)


def network_options(command: Command, options: Mapping[str, Any] = _OPTIONS) -> Command:
    """Give `command` the options that describe a network, in place of its argument `network`."""
    return with_options(command, "network", options, Network)


def head_options(command: Command) -> Command:
    """The same with the options that put a head on top."""
    return network_options(command, {**_OPTIONS, **_HEAD_OPTIONS})


def _read(name: str, value: Any) -> Any:
    """An option's text as the constructor's argument; what is no number stays as it came."""
    if name in ("input_size", "hidden_size"):
        try:
            return float(value) if "." in value else parse_dim(value, name)
        except ValueError:
            return parse_dim(value, name)
    if name in ("num_layers", "proj_size"):
        return _number(value, name, whole=True)
    if name == "dropout":
        return _number(value, name, whole=False)
    return value


def _number(text: str, name: str, whole: bool) -> Any:
    try:
        return int(text[:400]) if whole and "." not in text else float(text)
    except ValueError:
        raise UsageError(
            f"{name}: expected a number",
            got=repr(text[:60]),
            fix=f"--{name.replace('_', '-')} {'1' if whole else '0.5'}",
        ) from None


def parse_shape(text: str, option: str) -> Shape:
    """A shape as it stands on the command line, or as torch prints it: `7,5,10`, `(7, 5, 10)`."""
    inner = re.sub(r"\A\s*(?:torch\.Size)?\s*\(?\[?|\]?\)?\s*\Z", "", text[:1000])
    if not inner.strip() and text.strip():
        return ()  # of a tensor without axes
    parts = re.split(r"[,×]|(?<=\d)x(?=\d)", inner.rstrip(", "))
    fix = f"--{option} 7,5,10"
    shape = tuple(parse_dim(part, f"--{option}", fix) for part in parts)
    if any(isinstance(size, int) and size < 0 for size in shape):
        raise UsageError(f"--{option}: expected sizes of at least 0", got=repr(text[:60]), fix=fix)
    return shape


def parse_lengths(text: str) -> tuple[int, ...]:
    """Lengths as they stand on the command line: `5,3,2`."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(
            "--lengths: expected whole numbers between commas",
            got=repr(text[:60]),
            fix="--lengths 5,3,2",
        ) from None


def read_text(path: str, option: str) -> str:
    """A text file, or standard input for `-`. Raises UsageError where it cannot be read."""
    try:
        if path == "-":
            text = standard_input(option).read(_LARGEST_TEXT + 1)
        else:
            from ..programs.source import opened

            with opened(path) as file:
                text = file.read(4 * _LARGEST_TEXT + 4).decode("utf-8").replace("\r\n", "\n")
        if len(text) > _LARGEST_TEXT:
            raise ValueError(f"more than {_LARGEST_TEXT:,} characters")
        return text
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            f"{option}: expected a text file that can be read",
            got=f"{path!r}: {reason(error)}",
            fix="give the name of a file, or - for standard input",
        ) from None


def standard_input(option: str, fix: str = "give the name of a file") -> TextIO:
    """Standard input. Raises UsageError where it is closed."""
    if sys.stdin is None:
        raise UsageError(f"{option}: expected something on standard input", "a closed input", fix)
    return sys.stdin


def reason(error: Exception) -> str:
    """Why a file could not be read or written, in the system's words."""
    return getattr(error, "strerror", None) or str(error)


def read_spec(path: str) -> Spec:
    """The spec in a JSON file or on standard input. Raises UsageError."""
    from ..show.document import spec_of

    content = read_text(path, "--spec")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "--spec: expected JSON",
            got=str(error)[:80],
            fix="rnnshape trace --json writes a document that can be read again",
        ) from None
    spec = spec_of(document)
    if spec is None:
        raise UsageError(
            "--spec: expected an object with a `spec`, or a spec itself",
            got=content[:40].strip() or "nothing",
            fix='{"cell": "lstm", "input_size": 10, "hidden_size": 20}',
        )
    return spec


class Pair(UsageError):
    """Options that do not go together, or one that wants another; the fix is a command.

    dropped: the options, or a word that stands there, each of which may go from what was typed; the
    first is the best. added: what is to stand behind it instead. note: what is said beside.
    """

    def __init__(
        self, expected: str, *dropped: str, got: str = "both", added: str = "", note: str = ""
    ) -> None:
        super().__init__(expected, got)
        self.dropped, self.added, self.note = dropped or ("",), added, note


def mended(error: Pair, program: typer.Typer, arguments: list[str]) -> str:
    """The command lines that mend what was typed, each without one of the options."""
    group: Any = typer.main.get_command(program)
    parameters = group.commands[arguments[0]].params
    found = []
    for option in error.dropped:
        words = [*arguments]
        for gone in filter(None, (option, error.added.partition(" ")[0])):
            known = [p for p in parameters if gone in (*p.opts, *p.secondary_opts)]
            names = {name for p in known for name in (*p.opts, *p.secondary_opts)} or {gone}
            at = [n for n, word in enumerate(words) if word.partition("=")[0] in names]
            valued = any(not getattr(p, "is_flag", False) for p in known)
            again = not known or any(p.multiple for p in known)  # the last of several alone
            for n in reversed(at[-1:] if again else at):
                del words[n : n + (2 if valued and "=" not in words[n] else 1)]
        found.append(" ".join(["rnnshape", *map(quoted, words), *filter(None, [error.added])]))
    return ", or ".join(found) + error.note


Command = Callable[..., Any]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
OutputFile = Annotated[
    str | None, typer.Option("-o", "--output-file", metavar="FILE", help="Write to a file.")
]
Module = Annotated[str | None, typer.Option(metavar="NAME", help="The part of the file to take.")]


def with_options(
    command: Command,
    argument: str,
    options: Mapping[str, Any],
    make: Callable[[dict[str, Any]], Any],
) -> Command:
    """Give `command` the `options` in place of its `argument`, which `make` makes of their values.

    An option is the annotation of a parameter; not given, its value is None.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    rest = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters if p.name != argument
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in options.items()
    ]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        value = make({name: values.pop(name) for name in options})
        return command(**{argument: value}, **values)

    signature = inspect.Signature(rest + added)
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return wrapped


def by_option(chosen: Any) -> dict[str, Any]:
    """The fields of what an object of options holds, under the names that a person types."""
    return {"--" + name.replace("_", "-"): value for name, value in vars(chosen).items()}


def taking(
    argument: str, options: Mapping[str, Any], make: Callable[..., Any]
) -> Callable[[Command], Command]:
    """Gives a command `options` in place of its `argument`, made of the values that were given."""

    def made(values: dict[str, Any]) -> Any:
        return make(**{name: tuple(value) if isinstance(value, list) else value
                       for name, value in values.items() if value is not None})  # fmt: skip

    return lambda command: with_options(command, argument, options, made)


def first_set(options: Mapping[str, Any]) -> str | None:
    """The first of the options that is set: neither None nor an absent flag."""
    chosen = (name for name, value in options.items() if value is not None and value is not False)
    return next(chosen, None)


def refuse(own: str, beside: Mapping[str, Any], why: str) -> None:
    """Raise UsageError where an option is set that `own` does not go with."""
    option = first_set(beside)
    if option is not None:
        raise Pair(f"{own}: expected without {option}, {why}", option, own)


Dtype = Annotated[
    str, typer.Option(help="What a number is stored as: float16, bfloat16, float32, float64.")
]


def check_item_type(dtype: str) -> None:
    """Refuse a type that parameters are not stored as."""
    from ..show.document import ITEM_BYTES

    check_choice("--dtype", dtype, ITEM_BYTES, "float32")
