"""A program that runs, watched: its lines with the shapes that really pass.

Torch is the person's own, and the program computes what it computes without this. Functions are
seen by a TorchFunctionMode, modules by hooks. Beside each real tensor goes a `Tensor` of this
package, made by the same rows that follow a program that is only read, so what an axis is, and what
is found by it, is told alike; where a row gives another shape than torch did, torch is right and
the axes are forgotten. What comes of it is a `Followed`.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any

from ..errors import UsageError
from . import torch as table
from .follow import Followed, Layer, Problem
from .interpreter import Seen, Told
from .objects import make_class
from .record import Event, Line, Place
from .refusal import Refusal
from .source import Source, source_of
from .tensor import Tensor
from .values import Instance, Packed, module_state

MOST_LATER = 4  # other shapes of one line that are told
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
# the files of torch that stand between a person's call and the function itself; what comes through
# another (an optimiser, a constructor's first weights) is torch's own doing
_BETWEEN = ("functional.py", "nn/functional.py", "_tensor.py", "_jit_internal.py", "nn/utils/",
            "_ops.py", "utils/_contextlib.py", "utils/_device.py", "overrides.py",
            "nn/modules/module.py", "nn/modules/container.py", "nn/parallel/",
            "_dynamo/eval_frame.py")  # fmt: skip
_INDEX = {"__getitem__": "index", "__setitem__": "setitem"}


@dataclass
class _Visit:
    """A line of the person's at work: its calls of this run, told once the next begins."""

    line: Line
    first: int  # the instruction of its first call, at which it runs again
    calls: list[Event] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)


class Watch:
    """Watches the program between `with Watch():` and its end.

    file: the script, where one is started. end: called at the end with what was seen; an exception
    is its problem, and goes on as it was. names: of modules, as their model has them.
    Raises UsageError where torch is missing.
    """

    def __init__(
        self,
        file: str = "",
        end: Callable[[Followed], None] | None = None,
        names: Mapping[Any, str] | None = None,
    ) -> None:
        try:
            import torch
        except ImportError:
            raise UsageError(
                "watch: expected torch, since the program really runs", got="no torch here",
                fix="run it where the program's torch is, or follow it without: "
                f"rnnshape trace {file or 'model.py'}",
            ) from None  # fmt: skip
        if not hasattr(getattr(torch, "compiler", None), "is_compiling"):
            raise UsageError(
                "watch: expected torch 2.1 or newer", got=f"torch {torch.__version__}",
                fix=f"pip install -U torch, or rnnshape trace {file or 'model.py'}",
            )  # fmt: skip
        from torch.overrides import resolve_name
        from torch.utils.weak import WeakTensorKeyDictionary

        table.load()
        self._torch, self._file, self._end, self._names = torch, file, end, names or {}
        self._root = os.path.dirname(os.path.abspath(torch.__file__))
        self._between = tuple(os.path.join(self._root, file) for file in _BETWEEN)
        self._seen = Seen()
        self._tensors: Any = WeakTensorKeyDictionary()
        self._packed: Any = WeakTensorKeyDictionary()  # the data of a packed batch → Packed
        self._instances: dict[int, tuple[Any, Instance]] = {}
        self._rules: dict[int, Any] = {}  # of an instance, what its forward gives
        self._inside: dict[int, list[bool]] = {}  # thread → torch's modules: whether a container
        self._own: dict[str, bool] = {}
        self._sources: dict[str, Source] = {}
        self._nodes: dict[str, dict[tuple[int | None, ...], ast.expr]] = {}
        self._statements: dict[str, list[tuple[int, int]]] = {}
        self._visits: dict[tuple[str, int], _Visit] = {}
        self._places: dict[tuple[Any, int], Place] = {}
        self._named: dict[Any, str] = {}
        self._resolve = resolve_name
        self._refusal: Refusal | None = None
        self._handles: list[Any] = []
        self._mode: Any = None
        self._left: list[Any] = []  # compiled modules at work, for which the mode was left

    # ------------------------------------------------------------------ begin and end

    def __enter__(self) -> Watch:
        from torch.nn.modules import module
        from torch.overrides import TorchFunctionMode

        watch = self

        class Mode(TorchFunctionMode):  # type: ignore[misc]
            def __torch_function__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                try:
                    result = func(*args, **(kwargs or {}))
                except Exception:
                    watch._refused(func, args, kwargs or {})
                    raise
                watch._called(func, args, kwargs or {}, result)
                return result

        self._handles = [
            module.register_module_forward_pre_hook(self._enters),
            module.register_module_forward_hook(self._leaves, with_kwargs=True, always_call=True),
        ]
        self._mode = Mode()
        self._mode.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._mode.__exit__(kind, error, traceback)
        for handle in self._handles:
            handle.remove()
        if self._end is not None:
            self._end(self.followed(error if isinstance(error, Exception) else None))

    def followed(self, error: Exception | None = None) -> Followed:
        """What was seen so far, and the exception that ended it."""
        main = self._sources.get(self._file) or next(
            iter(self._sources.values()), Source(self._file or "-", "", ast.Module([], []))
        )
        problem = self._problem(error) if error is not None else None
        sources = {source.name: source for source in self._sources.values()}
        return Followed(main, "", self._seen, problem=problem, sources=sources)

    def _problem(self, error: Exception) -> Problem | None:
        """The exception where the person's own code met it last, in the words of a refusal where
        a row raises the same for the same tensors. A missing file says nothing of shapes."""
        step, last = error.__traceback__, None
        while step is not None:
            if self._is_own(step.tb_frame.f_code.co_filename):
                last = step
            step = step.tb_next
        if last is None or isinstance(error, OSError):
            return None
        place = self._place(last.tb_frame, last.tb_lasti, last.tb_lineno)
        refusal = self._refusal or Refusal(type(error).__name__, str(error))
        if refusal.message != str(error):
            refusal = Refusal(type(error).__name__, str(error))
        line = self._visits.get((place.file, place.line))
        if line is not None:
            line.line.failed = True
        return Problem(refusal, place, None, (), {})

    # ------------------------------------------------------------------ where it happens

    def _person(self) -> FrameType | None:
        """The frame of the person's own code that called; None where torch itself did."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            own = self._own.get(name)
            if own is None:
                own = self._own[name] = self._is_own(name)
            if own:
                return frame
            if name.startswith(self._root) and not name.startswith(self._between):
                return None
            frame = frame.f_back
        return None

    def _is_own(self, name: str) -> bool:
        if name.startswith("<"):
            return bool(linecache.getlines(name))
        path = os.path.abspath(name)
        beside = os.path.dirname(os.path.abspath(self._file)) if self._file else ""
        if path.startswith((_PACKAGE, self._root)):
            return False
        return not path.startswith(_INSTALLED) or bool(beside and path.startswith(beside + os.sep))

    def _place(self, frame: FrameType, at: int | None = None, line: int | None = None) -> Place:
        """The expression at work, as it stands in the source."""
        code = frame.f_code
        at = frame.f_lasti if at is None else at
        line = frame.f_lineno if line is None else line
        key = (code, at)
        place = self._places.get(key)
        if place is None:
            self._read(code.co_filename)
            positions = list(code.co_positions())[at // 2]
            node = self._nodes[code.co_filename].get(positions)
            if node is None:  # the line alone
                node = ast.copy_location(
                    ast.Constant(None), ast.Constant(None, lineno=line, col_offset=0)
                )
                node.end_lineno, node.end_col_offset = line, 0
            name = self._sources[code.co_filename].name
            place = self._places[key] = Place(name, node, code.co_qualname)
        return place

    def _read(self, file: str) -> None:
        if file in self._sources:
            return
        text = "".join(linecache.getlines(file))
        try:
            source = source_of(text, file)
        except UsageError:  # what runs is Python; the file may have changed since
            source = Source(file, "", ast.Module([], []))
        self._sources[file] = source
        nodes: dict[tuple[int | None, ...], ast.expr] = {}
        rows = []
        for node in ast.walk(source.tree):
            if isinstance(node, ast.expr):
                place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
                nodes.setdefault(place, node)
            elif isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                rows.append((node.lineno, max(end, node.lineno)))
        self._nodes[file], self._statements[file] = nodes, sorted(rows)

    def _visit(self, frame: FrameType, place: Place) -> _Visit | None:
        """The line at work; it begins anew at the instruction of its first call."""
        key = (place.file, place.line)
        visit = self._visits.get(key)
        record = self._seen.record
        if visit is None:
            first, last = self._statement(frame.f_code.co_filename, place.line)
            depth, above = 0, frame.f_back
            while above is not None and depth < 64:
                depth += self._own.get(above.f_code.co_filename, False)
                above = above.f_back
            line = record.line(
                ((), place.file, first),
                lambda: Line(
                    place.file, first, last, place.where, depth, (), order=len(record.lines)
                ),
            )
            if line is None:
                return None
            visit = self._visits[key] = _Visit(line, frame.f_lasti)
        if visit.first == frame.f_lasti:
            self._settle(visit)
            visit.line.count += 1
        return visit

    def _statement(self, file: str, line: int) -> tuple[int, int]:
        holding = [(a, b) for a, b in self._statements[file] if a <= line <= b]
        return min(holding, key=lambda ends: ends[1] - ends[0], default=(line, line))

    def _settle(self, visit: _Visit) -> None:
        """Keep the calls of a run that ended, where they are its first or other shapes pass."""
        if not visit.calls:
            return
        shapes = [[t.shape for t in (*e.inputs, *e.outputs)] for e in visit.calls]
        if shapes not in visit.seen and len(visit.seen) <= MOST_LATER:
            if not visit.seen:
                visit.line.calls = tuple(visit.calls)
            visit.line.varied = bool(visit.seen)
            visit.seen.append(shapes)
        visit.calls = []

    # ------------------------------------------------------------------ what happens

    def _called(self, func: Any, args: Any, keywords: Any, result: Any) -> None:
        name = self._named.get(func)
        if name is None:
            name = self._named[func] = _row_name(self._resolve(func), func)
        if not name:
            return
        kind = _INDEX.get(name.rpartition(".")[2], "")
        came = tuple(self._shadow(one) for one in args)
        with_names = {key: self._shadow(one) for key, one in keywords.items()}
        went = self._result(name, came, with_names, result)
        if self._inside.get(get_ident()) or not any(True for _ in tensors(result, self._torch)):
            return
        frame = self._person()
        if frame is None:
            return
        place = self._place(frame)
        visit = self._visit(frame, place)
        if kind == "index":
            came, with_names = came[:1], {"key": came[1]}
        elif kind == "setitem":
            came, with_names = (came[0], came[2]), {"key": came[1]}
        elif name.startswith("Tensor.__") or not isinstance(place.node, ast.Call):
            kind = "operator"
        self._event(kind or name, name.rpartition(".")[2], place, came, with_names, went, visit)

    def _refused(self, func: Any, args: Any, keywords: Any) -> None:
        """What the row says of a call at which torch raised."""
        name = _row_name(self._resolve(func), func)
        row = table.ROWS.get(name)
        if row is not None and not row.interpreter:
            came = tuple(self._shadow(one) for one in args)
            named = {key: self._shadow(one) for key, one in keywords.items()}
            self._refuse(lambda: row.rule(*came, **named))

    def _refuse(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Refusal as refusal:
            self._refusal = refusal
        except Exception:  # a row need not know what torch refuses
            self._refusal = None

    def _event(
        self, kind: str, name: str, place: Place, came: Any, keywords: Any, went: Any,
        visit: _Visit | None, function: Any = None,
    ) -> None:  # fmt: skip
        node = place.node
        text = ast.unparse(node.func) if isinstance(node, ast.Call) else name
        event = Event(kind, name, text[:80], place, came, keywords, went, (), function)
        self._seen.record.event(event)
        if visit is not None:
            visit.calls.append(event)
            if visit.line.count <= 1:
                visit.line.calls = tuple(visit.calls)

    def _enters(self, module: Any, args: Any) -> None:
        if self._torch.compiler.is_compiling():
            return
        thread = get_ident()
        inside = self._inside.setdefault(thread, [])
        if not inside:
            frame = self._person()
            if frame is not None:
                self._visit(frame, self._place(frame))
        own = type(module).__module__
        if inside or (own.startswith("torch.") and not own.startswith("torch.nn.parallel.")):
            inside.append(own == "torch.nn.modules.container")
        if type(module).__name__ == "OptimizedModule" and self._seeing():
            self._mode.__exit__(None, None, None)  # or the compiler would compile what is here too
            self._left.append(module)

    def _seeing(self) -> bool:
        """Whether this watch is what torch asks first: no other mode was begun since."""
        from torch.overrides import _get_current_function_mode

        return _get_current_function_mode() is self._mode

    def _leaves(self, module: Any, args: Any, *rest: Any) -> None:
        if self._torch.compiler.is_compiling():
            return
        if self._left and self._left[-1] is module:
            self._left.pop()
            self._mode.__enter__()
        keywords, result = rest if len(rest) == 2 else ({}, None)  # None: it raised
        thread = get_ident()
        inside = self._inside.get(thread) or [True]
        inside.pop()
        came = tuple(self._shadow(one) for one in args)
        with_names = {key: self._shadow(one) for key, one in keywords.items()}
        instance = self._instance(module)
        if result is None and "_spec" in instance._attributes:
            rules = self._rules[id(instance)]
            self._refuse(lambda: rules.forward(instance, *came, **with_names))
        elif "_spec" in instance._attributes:
            went = self._result(None, came, with_names, result, instance)
        else:
            went = self._shadow(result)
        if not all(inside) or result is None:  # what a container holds stands on the line, too
            return
        frame = self._person()
        if frame is None:
            return
        place = self._place(frame)
        visit = self._visits.get((place.file, place.line))
        kind = type(module)
        if kind.__name__ == "OptimizedModule":
            what = "the inside of what torch.compile made: its outside is seen only"
            key = place.file, place.line, what
            self._seen.told.setdefault(key, Told(place.file, place.line, what, False))
        native = kind.__module__.startswith("torch.nn.modules.")
        path = f"torch.nn.{kind.__name__}" if native else ""
        self._event(path, kind.__name__, place, came, with_names, went, visit, instance)
        if "_spec" in instance._attributes and not any(
            layer.instance is instance for layer in self._seen.layers
        ):
            node = place.node
            words = self._names.get(module) or (
                ast.unparse(node.func) if isinstance(node, ast.Call) else kind.__name__
            )
            self._seen.layers.append(Layer(instance, words, place))

    # ------------------------------------------------------------------ beside each real tensor

    def _shadow(self, value: Any) -> Any:
        """A value of the running program as the rows take it."""
        torch = self._torch
        if isinstance(value, torch.Tensor):
            known = self._tensors.get(value)
            if known is None or known.shape != tuple(value.shape):
                known = self._tensors[value] = fresh(value)
            return known
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            known = self._packed.get(value.data)
            return known if known is not None else self._shadow(value.data)
        if isinstance(value, torch.Size):
            return tuple(value)
        if isinstance(value, (tuple, list)) and len(value) <= 64:
            return type(value)(map(self._shadow, value)) if type(value) in (tuple, list) else (
                tuple(map(self._shadow, value))
            )  # fmt: skip
        if isinstance(value, torch.dtype):
            return table.CONSTANTS.get(str(value), value)
        return value

    def _result(
        self, name: str | None, came: Any, keywords: Any, real: Any, instance: Any = None
    ) -> Any:
        """What the row gives, where it is what torch gave; else the shapes alone."""
        torch = self._torch
        if name == "torch._pack_padded_sequence":
            self._pack(came, real)
            return self._shadow(real)
        if name == "torch._pad_packed_sequence":
            return self._pad(real)
        told: Any = None
        try:
            if instance is not None:
                told = self._rules[id(instance)].forward(instance, *came, **keywords)
            else:
                row = table.ROWS.get(name or "")
                if row is not None and not row.interpreter:
                    told = row.rule(*came, **keywords)
        except Exception:  # a row may refuse or not know what torch does
            told = None
        self._keep(told, real)
        if isinstance(real, torch.nn.utils.rnn.PackedSequence) and isinstance(told, Packed):
            self._packed[real.data] = told
        return self._shadow(real)

    def _keep(self, told: Any, real: Any) -> None:
        torch = self._torch
        if isinstance(real, torch.nn.utils.rnn.PackedSequence):
            if isinstance(told, Packed):
                self._packed[real.data] = told
            return
        if isinstance(real, torch.Tensor):
            if isinstance(told, Tensor) and tuple(map(int, told.shape)) == tuple(real.shape):
                self._tensors[real] = told
            elif real not in self._tensors:
                self._tensors[real] = fresh(real)
        elif isinstance(real, (tuple, list)):
            parts = told if isinstance(told, (tuple, list)) and len(told) == len(real) else ()
            for i, one in enumerate(real[:64]):
                self._keep(parts[i] if parts else None, one)

    def _pack(self, came: Any, real: Any) -> None:
        padded, lengths, batch_first = (*came, False)[:3]
        data, sizes = real
        counts = [int(n) for n in sizes.tolist()[:100_000]]
        longest = counts[0] if counts else 0
        each = tuple(sum(1 for n in counts if n > i) for i in range(min(longest, 4096)))
        shadow = fresh(data)
        self._tensors[data] = shadow
        if isinstance(padded, Tensor) and isinstance(lengths, Tensor):
            self._packed[data] = Packed(shadow, padded, each, lengths, bool(batch_first), True)

    def _pad(self, real: Any) -> Any:
        for one in tensors(real, self._torch):
            self._tensors[one] = fresh(one)
        return self._shadow(real)

    def _instance(self, module: Any) -> Instance:
        """A live module as an instance of the followed program; a recurrent one with its spec."""
        kept = self._instances.get(id(module))
        if kept is not None and kept[0] is module:
            return kept[1]
        from ..network.spec import Spec

        kind = type(module).__name__
        rules = next(
            (
                table.MODULES[f"torch.nn.{c.__name__}"]
                for c in type(module).__mro__
                if c.__module__ == "torch.nn.modules.rnn"
                and f"torch.nn.{c.__name__}" in table.MODULES
            ),
            None,
        )
        cls = make_class(kind, [], path=f"torch.nn.{kind}" if rules else "")
        instance = Instance(cls)
        module_state(instance)
        if rules is not None:
            try:
                spec = Spec.from_module(module)
                instance._attributes["_spec"] = spec
                self._rules[id(instance)] = rules
                for name, weight in module._parameters.items():
                    if weight is not None:
                        setattr(instance, name, Tensor(
                            tuple(weight.shape), str(weight.dtype).removeprefix("torch."),
                            parameter=True,
                        ))  # fmt: skip
            except (UsageError, AttributeError, TypeError):
                instance._attributes.pop("_spec", None)
        self._instances[id(module)] = (module, instance)
        return instance


def fresh(real: Any) -> Tensor:
    """A real tensor of which nothing is known but shape, dtype and strides."""
    dtype = str(real.dtype).removeprefix("torch.")
    return Tensor(tuple(int(n) for n in real.shape), dtype)


def tensors(value: Any, torch: Any, depth: int = 4) -> Iterator[Any]:
    """The real tensors of nested tuples and lists; of a packed batch its data."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.utils.rnn.PackedSequence):
        yield value.data
    elif isinstance(value, (tuple, list)) and depth:
        for part in value[:64]:
            yield from tensors(part, torch, depth - 1)


def _row_name(resolved: str | None, func: Any) -> str:
    """The name under which the table knows a function of torch; nothing for reads of a field."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__", "__bool__", "__len__", "__repr__", "__format__", "tolist"):
        return ""
    path = resolved or name
    for prefix, plain in (
        ("torch.Tensor.", "Tensor."), ("torch._C._nn.", "torch.nn.functional."),
        ("torch.nn.functional.", "torch.nn.functional."), ("torch.functional.", "torch."),
    ):  # fmt: skip
        if path.startswith(prefix):
            return plain + path[len(prefix) :]
    return path if path.startswith("torch.") else f"torch.{name}"
