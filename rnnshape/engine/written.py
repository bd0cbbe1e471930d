"""A cell that somebody wrote: its equations, the shapes that follow from them, and its step."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..network.dims import Dim, Shape, write_dim
from ..network.spec import CELLS, Wanted
from .cells import Equations, Left, V
from .notation import LARGEST, LEAVES, Draft, Node, Place, Source, parse, shown
from .ops import OPERATIONS
from .sizes import ELEMENTWISE, HIDDEN, INPUT, Shaped, Size, Solution, solve

_LABEL = 24  # signs of a product's own name


def _attributes(op: str) -> tuple[float, ...]:
    """The numbers of an activation that equations do not say."""
    return (1.0,) if op == "elu" else ()


FOLDER = Path(__file__).parent / "cells"  # those that come with the program


def shipped() -> list[str]:
    """The names of the cells that come with the program as files; torch's own first."""
    names = sorted(path.stem for path in FOLDER.glob("*.cell"))
    return sorted(names, key=lambda name: name not in CELLS)


def shipped_cell(name: str) -> Cell:
    """A cell that comes with the program; torch's own are written there too. Raises UsageError."""
    if name not in shipped():
        close = get_close_matches(name, shipped(), 1)
        raise UsageError(
            "cells: expected the name of a cell that comes with the program", got=repr(shown(name)),
            fix=f"rnnshape cells {close[0]}" if close else "rnnshape cells lists them"
        )  # fmt: skip
    return replace(Cell.read(str(FOLDER / f"{name}.cell")), name=name)


def written_cell(name: str) -> Cell | None:
    """The cell of a name or a path; None for torch's own, and for what is neither.

    Raises UsageError where it cannot be read or is no cell.
    """
    if name in CELLS:
        return None
    if name in shipped():
        return shipped_cell(name)
    path = name.endswith(".cell") or "/" in name or "\\" in name or os.path.isfile(name)
    return Cell.read(name) if path else None


@dataclass(frozen=True)
class Cell:
    """A cell as its equations: `Cell("h' = tanh(W·x + U·h + b)")`, `Cell.read("mgu.cell")`.

    text is the file, name what it is called in messages and documents. Raises UsageError where
    the text is no cell: the message shows the line and what was expected in it.
    """

    text: str
    name: str = "equations"
    _draft: Draft = field(init=False, repr=False, compare=False)
    _solution: Solution = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text: Any = self.text
        if not isinstance(text, str):
            raise UsageError("Cell: expected equations as text", got=type(text).__name__,
                             fix="Cell.read('mgu.cell')")  # fmt: skip
        source = Source(self.text, self.name)
        draft = parse(source)
        solution = solve(source, draft)
        object.__setattr__(self, "_draft", draft)
        object.__setattr__(self, "_solution", solution)
        number, name = self._output
        rank = len(solution.nodes[number].sizes)
        if rank != 1:
            what = ("a number", "", "a matrix")[rank]
            place = draft.assigned["output" if draft.output is not None else f"{name}'"]
            raise source.error(
                place, f"expected a vector as what the cell puts out, got {what}",
                "output = S'·q, a vector"
            )  # fmt: skip

    @staticmethod
    def read(path: str) -> Cell:
        """The cell in a file. Raises UsageError where it cannot be read or is no cell."""
        try:
            if Path(path).is_fifo() and not path.startswith("/dev/"):
                raise OSError(0, "a pipe, which may never end")
            with open(path, encoding="utf-8", newline="") as file:
                text = file.read(LARGEST + 3)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no text in UTF-8"
            raise UsageError(
                "--cell: expected a file of equations that can be read",
                got=f"{shown(path, 200)}: {why}",
                fix="give the name of a .cell file; rnnshape cells lists those that come with it",
            ) from None
        return Cell(text, path)

    def __str__(self) -> str:
        """The equations."""
        return self.text

    @property
    def about(self) -> str:
        """What its first comment says: the name and the paper of a cell that comes with us."""
        lines = self.text.removeprefix("\ufeff").splitlines()
        comments = takewhile(lambda line: line.startswith("#"), lines)
        return " ".join(line.strip("# \t") for line in comments)

    # what it is, for a network

    @property
    def states(self) -> tuple[str, ...]:
        """The names of its states, in the order in which they are assigned."""
        return tuple(self._draft.states)

    @cached_property
    def _output(self) -> tuple[int, str]:
        """The node that the layer puts out, and the state that it is, or ""."""
        draft = self._draft
        number = draft.output
        if number is None:
            name = "h" if "h" in draft.states else next(iter(draft.states))
            return draft.states[name], name
        return number, next((name for name, node in draft.states.items() if node == number), "")

    @property
    def output_state(self) -> str:
        """The state that the layer puts out; "" where that is none of them."""
        return self._output[1]

    @property
    def conditions(self) -> list[str]:
        """What has to hold of I and H, such as I = H."""
        return list(dict.fromkeys(f"{c.left} = {c.right}" for c in self._solution.conditions))

    def lines(self) -> list[tuple[str, str]]:
        """Each line of the file, and beside an equation the shape of what it gives: `(H)`."""
        draft, shapes = self._draft, dict[int, list[str]]()
        for name, place in draft.assigned.items():
            number = draft.states[name[:-1]] if name.endswith("'") else draft.values[name]
            sizes = ", ".join(map(str, self._shaped(number).sizes))
            shapes.setdefault(place.line, []).append(f"({sizes})")
        source = Source(self.text.rstrip("\r\n"), self.name)
        return [
            (shown(line, LARGEST), ", ".join(dict.fromkeys(shapes.get(number, ()))))
            for number, line in enumerate(source.lines, 1)
        ]

    @property
    def equations(self) -> dict[str, str]:
        """By the name of what it gives, each equation as it is written."""
        lines = Source(self.text, self.name).lines
        rows = {name: lines[place.line - 1] for name, place in self._draft.assigned.items()}
        return {name.removesuffix("'"): shown(row.partition("#")[0].strip(), LARGEST)
                for name, row in rows.items()}  # fmt: skip

    @property
    def rules(self) -> dict[str, str]:
        """The rule of each parameter's shape, such as `H, I`."""
        return {
            name: ", ".join(map(str, self._shaped(number).sizes))
            for name, number in self._draft.parameters.items()
        }

    @property
    def numbers(self) -> dict[str, float]:
        """The parameters that have a value in the file."""
        declared = self._draft.declared
        return {n: d.number for n, d in declared.items() if d.number is not None}

    def state_shape(self, name: str, input_size: Dim, hidden_size: Dim) -> Shape:
        """The shape of a state without the batch: (H) unless it is declared."""
        number = self._draft.states[name]
        return self._dims(self._solution.states[name], number, input_size, hidden_size)

    def rule(self, name: str) -> str:
        """The rule of a state's shape, `H, H`; of "" that of what the layer puts out."""
        if not name and not self.output_state:
            return str(self._shaped(self._output[0]).sizes[0])
        return ", ".join(map(str, self._solution.states[name or self.output_state]))

    def output_size(self, input_size: Dim, hidden_size: Dim) -> Dim:
        """The width of what the layer puts out."""
        number, name = self._output
        if name:
            return self.state_shape(name, input_size, hidden_size)[0]
        return self._shape(number, input_size, hidden_size)[0]

    def numbers_of_a_step(self, input_size: int, hidden_size: int, samples: int) -> int:
        """How many numbers the results of one step have together; what it reads is not counted."""
        count = 0
        for number, node in enumerate(self._draft.nodes):
            if node.op not in LEAVES:
                shape: Any = self._shape(number, input_size, hidden_size)
                count += math.prod(shape) * (samples if self._shaped(number).batched else 1)
        return count

    def parameters(self, input_size: Dim, hidden_size: Dim, directions: int = 0) -> list[Wanted]:
        """The parameters in the order in which they are read, their rules in I and H.

        directions: of the layer below, whose output is what this one reads; 0 for the first.
        Raises UsageError where the equations do not hold for these sizes.
        """
        self._check(input_size, hidden_size, directions)
        numbers = self.numbers
        below = self._shaped(self._output[0]).sizes[0].times(directions) if directions else INPUT
        return [
            Wanted(
                name,
                self._shape(number, input_size, hidden_size),
                f"({', '.join(str(s.with_input(below)) for s in self._shaped(number).sizes)})",
                numbers.get(name),
            )
            for name, number in self._draft.parameters.items()
        ]

    def told_by(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """What the shapes of parameters say of the network: its sizes, layers and directions.

        shapes: by name, `W_l0`, `W_l1_reverse`; what they leave open is left out.
        """
        known: dict[str, Fraction] = {}
        layers, reverse = 0, False
        for name, number in self._draft.parameters.items():
            numbered = re.compile(re.escape(name) + r"_l([0-9]{1,4})(_reverse)?")
            for match in filter(None, map(numbered.fullmatch, shapes)):
                layers, reverse = max(layers, int(match[1]) + 1), reverse or match[2] is not None
            pairs = zip(self._shaped(number).sizes, shapes.get(f"{name}_l0", ()))
            for size, dim in sorted(pairs, key=lambda pair: len(pair[0].terms)):
                rest = Fraction(dim) - size.terms.get("", 0)
                left = [n for n in size.terms if n and n not in known]
                rest -= sum(size.terms[n] * known[n] for n in size.terms if n in known)
                if len(left) == 1:
                    known[left[0]] = rest / size.terms[left[0]]
        told: dict[str, Any] = {"num_layers": layers, "bidirectional": reverse} if layers else {}
        for name, field_name in (("I", "input_size"), ("H", "hidden_size")):
            if name in known and known[name].denominator == 1 and known[name] > 0:
                told[field_name] = int(known[name])
        return told

    def _check(self, input_size: Dim, hidden_size: Dim, directions: int) -> None:
        sizes = {"I": input_size, "H": hidden_size}
        for number, shaped in enumerate(self._solution.nodes):
            for size in shaped.sizes:
                if size.at(sizes) is None:
                    self._shape(number, input_size, hidden_size)  # tells it
        for condition in self._solution.conditions:
            left, right = condition.left.at(sizes), condition.right.at(sizes)
            if left is None or right is None or left != right:
                fix = "give sizes for which it holds"
                if {INPUT, HIDDEN} == {condition.left, condition.right}:
                    fix = f"--input-size {hidden_size}, or another matrix for one of the two"
                raise self._wrong_size(
                    condition.place, condition.why, sizes, fix, condition.also, directions
                )

    def _wrong_size(
        self,
        place: Place,
        why: str,
        sizes: Mapping[str, Dim],
        fix: str,
        also: tuple[tuple[Place, str], ...] = (),
        directions: int = 0,
    ) -> UsageError:
        source = Source(self.text, self.name)
        here = f"I = {write_dim(sizes['I'])} and H = {write_dim(sizes['H'])} here"
        if directions:
            both = ", both directions side by side" if directions > 1 else ""
            here += f", since a layer above the first reads what the one below puts out{both}"
            fix = "--layers 1" + (", or one direction" if directions > 1 else "")
        return source.error(place, f"expected sizes that agree: {why}; {here}", fix, also)

    def _shape(self, number: int, input_size: Dim, hidden_size: Dim) -> Shape:
        return self._dims(self._shaped(number).sizes, number, input_size, hidden_size)

    def _dims(self, own: tuple[Size, ...], number: int, input_size: Dim, hidden_size: Dim) -> Shape:
        sizes = {"I": input_size, "H": hidden_size}
        shape = []
        for size in own:
            dim = size.at(sizes)
            if dim is None:
                place = self._draft.nodes[number].place
                why = f"the width {size} is no whole number"
                raise self._wrong_size(place, why, sizes, "--hidden-size 20")
            shape.append(dim)
        return tuple(shape)

    # its step

    def step(
        self,
        sizes: Mapping[str, Dim],
        e: Equations[V],
        x: V,
        state: tuple[V, ...],
        parameters: Mapping[str, V],
    ) -> Left[V]:
        """One step in operations of the table: what it leaves of each state, and puts out.

        x (N, I), states (N, …), parameters by name; sizes are those that equations read as
        numbers, I and H.
        """
        values: list[Any] = []
        numbers = self._constants(sizes)
        states = dict(zip(self.states, state, strict=True))
        for number, node in enumerate(self._draft.nodes):
            if node.op == "input":
                values.append(x)
            elif node.op == "state":
                values.append(states[node.attributes[0]])
            elif node.op == "parameter":
                values.append(parameters[node.attributes[0]])
            elif number in numbers:
                values.append(e.number(*numbers[number]))
            elif node.op == "split":
                values.append(values[node.inputs[0]])
            else:
                read = [values[i] for i in node.inputs]
                values.append(self._operation(e, number, node, read, numbers, x))
        new = tuple(values[self._draft.states[name]] for name in self.states)
        new = tuple(
            value
            if self._shaped(self._draft.states[name]).batched
            else self._expanded(e, name, value, x)
            for name, value in zip(self.states, new)
        )
        number, name = self._output
        if name:
            return Left(new, new[self.states.index(name)])
        output = values[number]
        if self._draft.nodes[number].op in LEAVES and self._shaped(number).batched:
            output = e.apply("copy", "output", (output,))
        elif not self._shaped(number).batched:
            output = self._expanded(e, "output", output, x)
        return Left(new, output)

    @staticmethod
    def _expanded(e: Equations[V], name: str, value: V, x: Any) -> V:
        """What is the same for all samples, once for each."""
        return e.apply("expand", name, (value,), (x.shape[0],))

    def _shaped(self, number: int) -> Shaped:
        return self._solution.nodes[number]

    def _operation(
        self,
        e: Equations[V],
        number: int,
        node: Node,
        read: list[V],
        numbers: Mapping[int, tuple[str, float | None]],
        x: V,
    ) -> V:
        op, name = node.op, self._called[number]
        shaped = [self._shaped(i) for i in node.inputs]
        if op == "product":
            if not shaped[0].batched and shaped[1].batched and len(shaped[1].sizes) == 1:
                return e.apply("linear", name, (read[1], read[0]))
            return e.apply("product", name, tuple(read), (len(shaped[1].sizes),))
        if op == "part":
            return e.apply("split", name, (read[0],), node.attributes)
        if op == "concat":
            whole = self._shaped(number)
            parts = [
                one
                if own.batched or not whole.batched
                else self._expanded(e, f"{name}.wide{i}", one, x)
                for i, (one, own) in enumerate(zip(read, shaped))
            ]
            return e.apply("concat", name, tuple(parts), (len(whole.sizes) - 1 + whole.batched,))
        if op == "layer_norm" and len(read) == 3:
            a = e.apply("layer_norm", f"{name}.norm", (read[0],))
            scaled = e.apply("mul", f"{name}.gain", (a, read[1]))
            return e.apply("add", name, (scaled, read[2]))
        if op == "power" and node.inputs[1] in numbers:
            text, value = numbers[node.inputs[1]]
            return e.apply("power", name, (read[0],), (text if value is None else value,))
        if op == "sub" and numbers.get(node.inputs[0], ("", None))[1] == 1:
            return e.apply("one_minus", name, (read[1],))
        rank = len(self._shaped(number).sizes)
        for i, own in enumerate(shaped):
            if own.batched and len(own.sizes) == 1 and rank == 2 and op in ELEMENTWISE:
                read[i] = e.apply("as_matrix", f"{name}.lift{i}", (read[i],))
        row = {"sum": "sum_columns", "outer": "outer_product"}.get(op, op)
        return e.apply(row, name, tuple(read), _attributes(op))

    @cached_property
    def _called(self) -> list[str]:
        """What each result is called: its own name, a product's in short, else f.1 of f."""
        draft = self._draft
        names = {n: own.removesuffix("'") for n, own in draft.names.items()}
        ends = {*draft.states.values(), self._output[0]}
        for number in ends & names.keys():
            if not self._shaped(number).batched:  # what is the same for all is made wide behind
                names[number] += ".same"
        targets, target = {}, "output"
        for number in range(len(draft.nodes) - 1, -1, -1):
            target = names.get(number, target).removesuffix(".same")
            targets[number] = target
        used, counts = set(names.values()), dict.fromkeys(targets.values(), 0)
        called: list[str] = []
        for number, node in enumerate(draft.nodes):
            own = names.get(number)
            if own is None and node.op in LEAVES:
                own = str(node.attributes[0]) if node.attributes else "x"
            elif own is None:
                label = "·".join(called[i] for i in node.inputs) if node.op == "product" else ""
                found = any(draft.nodes[i].op == "state" for i in node.inputs)
                if found or not label or len(label) > _LABEL or label in used or "." in label:
                    counts[targets[number]] += 1
                    label = f"{targets[number]}.{counts[targets[number]]}"
                own = label
                used.add(own)
            called.append(own)
        return called

    def _constants(self, sizes: Mapping[str, Dim]) -> dict[int, tuple[str, float | None]]:
        """The nodes that are numbers: their text, and their value where I and H are numbers."""
        found: dict[int, tuple[str, float | None]] = {}
        for number, node in enumerate(self._draft.nodes):
            if node.op in LEAVES and node.op not in ("number", "size"):
                continue
            if node.op == "number":
                found[number] = (f"{node.attributes[0]:g}", float(node.attributes[0]))
            elif node.op == "size":
                name = node.attributes[0]
                size = self._solution.names.get(name, Size({name: Fraction(1)})).at(sizes)
                value = float(size) if isinstance(size, int) else None
                found[number] = (name, value)
            elif not self._shaped(number).sizes and all(i in found for i in node.inputs):
                found[number] = self._folded(node, [found[i] for i in node.inputs])
        return found

    def _folded(self, node: Node, read: list[tuple[str, float | None]]) -> tuple[str, float | None]:
        """An operation on numbers."""
        texts = [text if text.isalnum() else f"({text})" for text, _ in read]
        text = OPERATIONS[node.op].equation(texts, ())
        values = [value for _, value in read if value is not None]
        if len(values) < len(read):
            return shown(text), None
        try:
            value = OPERATIONS[node.op].of_numbers(values, _attributes(node.op))
        except (ArithmeticError, TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise Source(self.text, self.name).error(
                node.place, f"expected a number, got none from {shown(text)}",
                "write another number"
            )  # fmt: skip
        open_sizes = any(char.isalpha() for text, _ in read for char in text)
        return shown(text, 80) if open_sizes and len(text) < 80 else f"{value:g}", value
