"""The interpreter of NumPy arrays: the same operations and the same walk, with true numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..checks.loading import load_error
from ..checks.padded import Inputs, forward_error, sizes
from ..engine.cells import Equations
from ..engine.ops import OPERATIONS
from ..engine.walk import Shapes, Tensor
from ..errors import ShapeError, UsageError
from ..network.batch import Batch, batch_of
from ..network.dims import needs_numbers, write_shape
from ..network.head import Head
from ..network.spec import Spec

MOST_NUMBERS = 500_000_000  # 2 GB as float32
MOST_WALKED = 1_000_000  # steps of a walk, a minute; by compiled steps, and by torch, some seconds
MOST_STEPS = 20_000_000  # by compiled steps, a minute or two

Array = np.ndarray[Any, Any]


# what explodes is infinite, as in torch, and NumPy need not warn of it
_IGNORED: Any = dict.fromkeys(("over", "invalid", "divide", "under"), "ignore")
SILENT = np.errstate(**_IGNORED)


@dataclass(frozen=True)
class Result:
    """What a network computes; unpacks as torch's: `output, hn` or `output, (hn, cn)`.

    output (T, N, D·R) or as batch_first and unbatched have it; hn (D·L, N, R); cn (D·L, N, H)
    for an lstm, else None. A cell module has no output: hn (N, H) and cn (N, H), and an lstm-cell
    unpacks as `hn, cn`. A written cell has the states of `named`, among them hn and cn where it
    has an h and a c, and unpacks as `output, state` or as `output, (state, …)` in their order.
    """

    output: Array | None
    hn: Any
    cn: Array | None = None
    o: Array | None = None  # of a head: (T, N, K) as output, or (N, K)
    loss: Array | None = None  # a number
    named: Mapping[str, Array] | None = None  # the states of a written cell, by name

    def __iter__(self) -> Iterator[Any]:
        if self.output is None:
            yield from self.states
            return
        yield self.output
        yield self.states if len(self.states) > 1 else self.states[0]

    @property
    def states(self) -> tuple[Array, ...]:
        """hn, and cn of an lstm."""
        if self.named is not None:
            return tuple(self.named.values())
        return (self.hn,) if self.cn is None else (self.hn, self.cn)

    def to_dict(self) -> dict[str, Array]:
        """Name to array."""
        states = {"hn": self.hn, "cn": self.cn}
        if self.named is not None:
            states = {f"{name}n": array for name, array in self.named.items()}
        named = {"output": self.output, **states, "o": self.o, "loss": self.loss}
        return {name: array for name, array in named.items() if array is not None}


@dataclass(frozen=True)
class Feed:
    """A forward call as the walk reads it: input (T, N, I) and states (D·L, N, ·), sorted by
    length where packed. `masks` (T, N, D·R) stand between the layers in training, one for each
    layer but the last: 0 where dropout zeroes, else 1 / (1 − p). `target` (T, N, K), or (1, N, K)
    of a head on the last states, is 0 where there is padding; of classes 1 in the class's column.
    `grad_output` (T, N, D·R) is the gradient of the loss by output, where no head has a loss.
    `padding` are the steps of the input behind the longest sequence, which nothing reads."""

    spec: Spec
    batch: Batch
    weights: dict[str, Array]
    input: Array
    states: tuple[Array, ...]
    masks: tuple[Array, ...] = ()
    head: Head | None = None  # its parameters are among the weights
    target: Array | None = None
    grad_output: Array | None = None
    padding: Array | None = None

    @property
    def inputs(self) -> dict[str, Array]:
        """input, h0 (and c0) in the caller's layout."""
        names = (f"{name}0" for name in self.spec.state_names)
        states = zip(names, self.states_outward(self.states), strict=True)
        return {"input": self.outward(self._padded(self.input, self.padding)), **dict(states)}

    @staticmethod
    def _padded(sequence: Array, behind: Array | None) -> Array:
        return sequence if behind is None else np.concatenate([sequence, behind])

    def finish(self, output: Array, states: tuple[Array, ...], o: Array | None = None) -> Result:
        """Back from the walk's layout to the caller's: unsorted, batch_first, unbatched.

        o is (T, N, K), or (1, N, K) from a head that reads the final states alone.
        """
        outward = None if self.spec.single else self.outward(output)
        ended = self.states_outward(states)
        if self.spec.equations is None:
            result = Result(outward, ended[0], ended[1] if len(ended) > 1 else None)
        else:
            named = dict(zip(self.spec.state_names, ended, strict=True))
            result = Result(outward, named.get("h"), named.get("c"), named=named)
        if o is None or self.head is None:
            return result
        last = self.head.at == "last"
        shown = self.states_outward((o,))[0][0] if last else self.outward(o)
        return replace(result, o=shown, loss=self._loss(o))

    def _loss(self, o: Array) -> Array | None:
        """The loss of o, in which as in target padding is 0."""
        if self.head is None or self.head.loss is None:
            return None
        interpreter = Arrays()
        target = o if self.target is None else self.target
        tensors = [Tensor(name, array.shape, array) for name, array in (("o", o), ("y", target))]
        count = self.head.compared(self.batch)
        with interpreter.quiet():
            equations = Equations(interpreter)
            loss = equations.loss(self.head.loss, tensors[0], tensors[1], count)
        value: Array = np.asarray(loss.value)
        return value

    def target_at(self, t: int | str) -> Array | None:
        """The target of one step, of all sequences."""
        if self.target is None:
            return None
        array: Array = self.target[0 if len(self.target) == 1 else t]
        return array

    def gradients(
        self, x: Array, states: tuple[Array, ...], weights: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Gradients by input, states and parameters in the caller's layout, under their names.

        x is (T, N, I); in the caller's layout 0 where a packed batch has padding.
        """
        outward = self.states_outward(states)
        named = {f"grad.{n}0": state for n, state in zip(self.spec.state_names, outward)}
        parameters = {f"grad.{name}": array for name, array in weights.items()}
        x = self._padded(x, None if self.padding is None else np.zeros_like(self.padding))
        return {"grad.input": self.outward(x), **named, **parameters}

    def outward(self, sequence: Array) -> Array:
        """A sequence (T, N, ·) in the caller's layout; the one step (N, ·) of a cell module."""
        if self.spec.single:
            sequence = sequence[0]
            return sequence[0] if self.batch.unbatched else sequence
        if self.batch.packed:
            sequence = sequence[:, list(self.batch.restored)]
        if self.batch.unbatched:
            return sequence[:, 0]
        return sequence.transpose(1, 0, 2) if self.spec.batch_first else sequence

    def states_outward(self, states: tuple[Array, ...]) -> tuple[Array, ...]:
        """States (rows, N, ·) in the caller's layout, (N, ·) of a cell module."""
        if self.spec.single:
            states = tuple(state[0] for state in states)
            return tuple(state[0] for state in states) if self.batch.unbatched else states
        if self.batch.packed:
            states = tuple(state[:, list(self.batch.restored)] for state in states)
        return tuple(state[:, 0] for state in states) if self.batch.unbatched else states


def feed(
    spec: Spec,
    weights: Mapping[str, Any],
    input: Any,
    h0: Any = None,
    c0: Any = None,
    lengths: tuple[int, ...] | None = None,
    head: Head | None = None,
    states: Mapping[str, Any] | None = None,
) -> Feed:
    """Check a forward call as torch would and bring it into the walk's layout.

    weights: torch's names to arrays of one floating type, in which everything is computed;
    those of a head are head.weight (K, D·R) and head.bias (K). states: those of a written cell by
    name, each (D·L, N, …) or without N where unbatched. Raises UsageError or ShapeError.
    """
    if spec.symbolic:
        open_sizes = [n for n in ("input_size", "hidden_size") if not isinstance(
            getattr(spec, n), int)]  # fmt: skip
        raise needs_numbers(open_sizes[0], getattr(spec, open_sizes[0]))
    if head is not None and not isinstance(head.size, int):
        raise needs_numbers("output_size", head.size)
    named = _named_states(spec, {"h": h0, "c": c0}, states or {})
    arrays = checked_weights(spec, weights, head)
    dtype = next(iter(arrays.values())).dtype if arrays else np.result_type(input, np.float32)
    x = _numbers("input", input, dtype)
    initial = {name: _numbers(f"{name}0", named.get(name), dtype) for name in spec.state_names}
    if spec.equations is None:
        _check_call(spec, x, initial)
    else:
        _check_written(spec, x, lengths)
    unbatched = x.ndim == spec.rank - 1
    if spec.single:
        size, length = 1 if unbatched else len(x), 1
        batch = batch_of(spec, size=size, unbatched=unbatched, lengths=lengths)
    else:
        size, length = map(int, sizes(spec, x.shape))  # type: ignore[arg-type]
        batch = Batch(size=size, seq_len=length, unbatched=unbatched, lengths=lengths)
    if lengths is not None and (len(lengths) != size or max(lengths) > length):
        raise ShapeError(
            f"lengths: expected {size} lengths of at most {length}, as the input "
            f"{write_shape(x.shape)} has them",
            got=", ".join(map(str, lengths[:20])),
            fix="give one length for each sequence of the input",
        )
    if spec.equations is not None:
        _check_memory(spec, size)
    begun = tuple(_state(spec, batch, name, state, dtype) for name, state in initial.items())
    inner, padding = inward(spec, batch, x), behind(spec, batch, x)
    return Feed(spec, batch, arrays, inner, begun, head=head, padding=padding)


def check_steps(spec: Spec, length: int, most: int, what: str) -> None:
    """Refuse more steps than somebody waits for. Raises UsageError."""
    steps = length * spec.num_layers * spec.num_directions
    if steps > most:
        raise UsageError(
            f"{what}: expected at most {most:,} steps in all layers and directions",
            got=f"{steps:,}",
            fix="give a shorter sequence or fewer layers; shapes alone take no time for them",
        )


def _check_call(spec: Spec, x: Array, states: Mapping[str, Any]) -> None:
    """Refuse what torch's forward refuses, in its words."""
    arrays = {"input": x, **{f"{name}0": state for name, state in states.items()}}
    shapes = {name: array.shape for name, array in arrays.items() if array is not None}
    error = forward_error(spec, Inputs(x.shape, shapes.get("h0"), shapes.get("c0")))
    if error:
        raise ShapeError(
            "forward: expected shapes that fit the network",
            got=" and ".join(f"{name} {write_shape(shape)}" for name, shape in shapes.items()),
            fix="rnnshape check says what fits",
            torch=error,
        )


def _check_written(spec: Spec, x: Array, lengths: tuple[int, ...] | None) -> None:
    """Refuse an input that a written cell cannot read, of which no message of torch is."""
    axes = "(N, T, I)" if spec.batch_first else "(T, N, I)"
    if x.ndim not in (2, 3) or x.shape[-1] != spec.input_size:
        raise ShapeError(
            f"input: expected {axes}, or (T, I) of one sequence, with I = {spec.input_size}",
            got=write_shape(x.shape),
            fix=f"give an input whose last size is {spec.input_size}, or --input-size",
        )
    if lengths is not None and x.ndim == 2:
        raise ShapeError(f"input: expected {axes} of a packed batch", got=write_shape(x.shape),
                         fix="leave out --lengths")  # fmt: skip


def _check_memory(spec: Spec, size: int) -> None:
    """Refuse a step of a written cell whose results would not fit into memory."""
    cell: Any = spec.equations
    layers = range(min(2, spec.num_layers))
    needed = max(
        cell.numbers_of_a_step(spec.layer_input(layer), spec.hidden_size, size) for layer in layers
    )
    if needed > MOST_NUMBERS:
        raise UsageError(
            f"values: expected at most {MOST_NUMBERS:,} numbers in all results of a step",
            got=f"{needed:,}",
            fix="give smaller sizes; shapes without values need no memory for them",
        )


def _state(spec: Spec, batch: Batch, name: str, state: Any, dtype: Any) -> Array:
    """A state in the walk's layout, (D·L, N, …) sorted by length; zeros where none is given."""
    shape: Any = batch.tensors(spec)[f"{name}0"]
    array: Array = np.zeros(shape, dtype) if state is None else state
    if array.shape != shape:
        raise ShapeError(
            f"{name}0: expected {write_shape(shape)}, a row for each layer and direction",
            got=write_shape(array.shape),
            fix=f"save the state {name} with np.save in that shape",
        )
    if spec.single:
        return array[None, None] if batch.unbatched else array[None]
    array = array[:, None] if batch.unbatched else array
    return array[:, list(batch.order)] if batch.packed else array


def _named_states(spec: Spec, short: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The states that were given, by name; h0 and c0 are short for those of h and c."""
    initial = {name: state for name, state in short.items() if state is not None}
    for name in named:
        if name in initial:
            raise UsageError(f"{name}0: expected once", got="two", fix=f"give {name}0 once")
    initial |= {name: state for name, state in named.items() if state is not None}
    for name in initial:
        if name not in spec.state_names:
            if spec.equations is None and name == "c":
                raise UsageError(
                    "c0: expected for an lstm alone", got=f"cell {spec.cell}", fix="leave out c0"
                )
            raise UsageError(
                f"{name[:40]}0: expected one of the states of {spec.cell}, "
                f"{', '.join(spec.state_names)}",
                got=name[:40],
                fix=f"--state0 {spec.state_names[0]}=FILE.npy",
            )
    return initial


def behind(spec: Spec, batch: Batch, sequence: Array) -> Array | None:
    """The steps of a packed batch's input behind the longest sequence, sorted; None for none."""
    if not batch.packed:
        return None
    sequence = sequence.transpose(1, 0, 2) if spec.batch_first else sequence
    rest = sequence[max(batch.lengths or ()) :, list(batch.order)]
    return rest if len(rest) else None


def inward(spec: Spec, batch: Batch, sequence: Array) -> Array:
    """A sequence of the caller's layout in the walk's: (T, N, ·), sorted by length."""
    if spec.single:
        size: Any = batch.size
        return sequence.reshape(1, size, sequence.shape[-1])
    if batch.unbatched:
        return sequence[:, None]
    if spec.batch_first:
        sequence = sequence.transpose(1, 0, 2)
    if batch.packed:
        sequence = sequence[: max(batch.lengths or ()), list(batch.order)]
    return sequence


def checked_weights(
    spec: Spec, weights: Mapping[str, Any], head: Head | None = None
) -> dict[str, Array]:
    """The network's parameters (and its head's) in `weights`, as arrays of one floating type.

    A parameter that has a value in its cell's file may be left out. Raises UsageError with torch's
    words for names and shapes that do not fit.
    """
    expected = spec.parameters()
    weights = {name: array_of(name, array) for name, array in weights.items()}
    if spec.equations is not None:
        parameters: Any = spec.parameter_list()
        dtype = np.result_type(*(weights[p.name] for p in parameters if p.name in weights
                                 and p.number is None), np.float32)  # fmt: skip
        numbers = {
            p.name: np.full(p.shape, p.number, dtype) for p in parameters if p.number is not None
        }
        weights = {**numbers, **weights}
    if head is not None:
        expected |= {parameter.name: parameter.shape for parameter in head.parameters(spec)}
    arrays = dict(weights)
    said = load_error({name: a.shape for name, a in arrays.items()}, expected, spec.class_name)
    if said:
        torch = ("RuntimeError", said) if spec.equations is None else None
        missing, unexpected = expected.keys() - arrays.keys(), arrays.keys() - expected.keys()
        if missing or unexpected:
            got = f"{len(missing)} missing and {len(unexpected)} that it does not have"
            if torch is None:  # and no words of torch that name them
                other = [name for name in (*expected, *arrays) if name in missing | unexpected]
                got += f": {', '.join(other[:8])}{', …' * (len(other) > 8)}"
            raise UsageError(
                f"weights: expected the parameters of {spec}",
                got=got,
                fix="describe the network that the weights belong to, or choose it with --module",
                torch=torch,
            )
        name = next(name for name in expected if arrays[name].shape != expected[name])
        raise ShapeError(
            f"weights: expected {name} of {write_shape(expected[name])}",
            got=write_shape(arrays[name].shape),
            fix="describe the network that the weights belong to",
            torch=torch,
        )
    arrays = {name: arrays[name] for name in expected}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise UsageError(
                f"weights: expected {name} of a floating type",
                got=str(array.dtype),
                fix="save the weights as float32 or float64",
            )
    if not arrays:
        return {}
    dtype = np.result_type(*arrays.values())
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}


def array_of(name: str, value: Any) -> Array:
    """An array, a list of numbers, or a tensor of torch, whose graph is left; bfloat16 as float32.

    torch is not imported. Raises UsageError.
    """
    if hasattr(value, "detach"):
        value = value.detach()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has no such type
            value = value.float()
        if str(value.device) != "cpu" and not getattr(value, "is_meta", False):
            value = value.cpu()
    try:
        array: Array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"{name[:60]}: expected an array of numbers",
            got=f"{type(value).__name__}: {str(error).splitlines()[0][:100]}",
            fix="give a NumPy array, or a tensor that holds its numbers",
        ) from None
    return array


def _numbers(name: str, value: Any, dtype: Any) -> Any:
    if value is None:
        return None
    array = array_of(name, value)
    if array.dtype.kind not in "fiu":
        raise UsageError(
            f"{name}: expected an array of numbers", got=f"dtype {array.dtype}",
            fix=f"save {name.removeprefix('--')} as float32",
        )  # fmt: skip
    return array.astype(dtype, copy=False)


def typed(arrays: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Weights of a file in the type that is computed in. Raises UsageError for NaN."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise UsageError(
                f"weights: expected numbers in {name}",
                got=f"NaN ({int(np.isnan(array).sum())} of {array.size})",
                fix="save the weights from before the training diverged",
            )
    return {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in arrays.items()}


class Arrays(Shapes):
    """Performs each operation with NumPy, and records it with its shapes and value."""

    def quiet(self) -> AbstractContextManager[Any]:
        """What explodes is infinite, without a warning of NumPy."""
        return np.errstate(**_IGNORED)

    def value(self, op: str, inputs: tuple[Tensor, ...], attributes: tuple[Any, ...]) -> Array:
        """The array that the table's rule gives."""
        array: Array = OPERATIONS[op].array(np, [i.value for i in inputs], attributes)
        return array


def with_grad_output(source: Feed, gradient: Any = None) -> Feed:
    """The call with the gradient of a loss by output, of its shape; ones unless told.

    A cell module has no output: there it is the gradient by h'.

    Raises ShapeError, with torch's words, where the shape does not fit.
    """
    name = "hn" if source.spec.single else "output"
    expected: tuple[int, ...] = source.batch.tensors(source.spec)[name]  # type: ignore[assignment]
    if gradient is None:
        array = np.ones(expected, source.input.dtype)
    else:
        array = _numbers("--grad-output", gradient, source.input.dtype).copy()
        if array.shape != expected:
            raise ShapeError(
                f"--grad-output: expected the shape of {name}, {write_shape(expected)}",
                got=write_shape(array.shape),
                fix="save G with np.save, as large as the output of the same command",
                torch=(
                    "RuntimeError",
                    "Mismatch in shape: grad_output[0] has a shape of "
                    f"torch.Size({list(array.shape)}) and output[0] has a shape of "
                    f"torch.Size({list(expected)}).",
                ),
            )
    return replace(
        source, grad_output=_without_padding(source, inward(source.spec, source.batch, array))
    )


def begun(source: Feed) -> Feed:
    """The call with what a backward begins with: its own, or ones where it has none."""
    complete = source.grad_output is not None or (source.head is not None and source.head.loss)
    return source if complete else with_grad_output(source)


def with_loss(source: Feed, target: Any = None, generator: Any = None) -> Feed:
    """The call with the target of its head's loss, in torch's layout; drawn unless given.

    mse: target like o, (T, N, K) or (N, K); cross-entropy: classes 0 … K-1, (T, N) or (N), with
    batch_first and unbatched as o. sum has no target. Raises UsageError or ShapeError.
    """
    head = source.head
    assert head is not None
    shape: Any = head.output(source.spec, source.batch)
    classes = head.loss == "cross-entropy"
    if head.loss == "sum":
        if target is not None:
            raise UsageError("--target: expected beside --loss mse or cross-entropy", got="sum",
                             fix="--loss mse --target y.npy")  # fmt: skip
        return source
    if target is None:
        generator = generator or np.random.default_rng(0)
        size = generator.integers(0, head.size, shape[:-1])
        target = size if classes else generator.standard_normal(shape)
    array = array_of("target", target)
    expected = shape[:-1] if classes else shape
    if array.shape != expected:
        raise ShapeError(
            f"--target: expected {'a class for each o' if classes else 'the shape of o'}, "
            f"{write_shape(expected)}",
            got=write_shape(array.shape),
            fix="save the target with np.save in the layout of o",
        )
    if classes:
        array = _one_hot(array, head.size, source.input.dtype)
    array = _numbers("--target", array, source.input.dtype).copy()
    if head.at == "last":
        array = array.reshape(1, -1, head.size)
        array = array[:, list(source.batch.order)] if source.batch.packed else array
    else:
        array = _without_padding(source, inward(source.spec, source.batch, array))
    return replace(source, target=array)


def _one_hot(classes: Array, size: Any, dtype: Any) -> Array:
    whole = classes.dtype.kind in "iu"
    if not whole or classes.min(initial=0) < 0 or classes.max(initial=0) >= size:
        raise UsageError(
            f"--target: expected classes, whole numbers from 0 to {size - 1}",
            got=f"{classes.dtype}" + (f" of {classes.min()} … {classes.max()}" if whole else ""),
            fix="cross-entropy compares with the number of the right class",
        )
    columns: Array = np.eye(size, dtype=dtype)[classes]
    return columns


def _without_padding(source: Feed, array: Array) -> Array:
    """Zeros where a packed batch has no step: what is there does not count."""
    for row, index in enumerate(source.batch.order):
        array[(source.batch.lengths or ())[index] :, row] = 0
    return array
