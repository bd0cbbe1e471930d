"""The forms of input and output: how a recurrent network is called for each, as walks.

A form is a few calls of a network: one for most, one a step where an output is fed back, two for
an encoder and a decoder. Each call is a Trace; what one call leaves is what the next one finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..checks.padded import Inputs, forward_error
from ..engine.walk import every_step
from ..errors import ShapeError, UsageError, check_choice
from ..network.batch import Batch
from ..network.dims import Dim, Shape, write_shape
from ..network.head import Head
from ..network.spec import Parameter, Spec
from .trace import Trace

MOST_CALLS = 100_000  # of a network, each read anew: half a minute


class Form(NamedTuple):
    """One form: its name, what it is used for, and how torch's layer is set for it."""

    name: str
    use: str
    setting: str


FORMS = {
    form.name: form
    for form in (
        Form("one-to-one", "a plain layer: one input, one output", "a sequence of one step"),
        Form("one-to-many", "an image to a caption, a note to a tune",
             "one call a step: the output of a call is the input of the next"),
        Form("many-to-one", "a sentence to a class", "the head reads the final state alone"),
        Form("many-to-many", "a tag for each word: input and output in step",
             "the head reads every step"),
        Form("encoder-decoder", "a sentence to its translation: lengths of their own",
             "two networks: the encoder's hn is the decoder's h0"),
    )
}  # fmt: skip


class Part(NamedTuple):
    """One call of a network within a form: its walk, and where its input and h0 come from."""

    name: str
    trace: Trace
    remark: str


@dataclass(frozen=True)
class Arrangement:
    """A form for a given network, batch and head.

    target_len: the decoder's number of steps T'; decoder: a network that differs from the one
    that fits the encoder. Raises UsageError or ShapeError where the form cannot be.
    """

    form: Form
    spec: Spec
    batch: Batch
    head: Head
    target_len: Dim = 3
    decoder: Spec | None = None

    def __post_init__(self) -> None:
        checks = {
            "one-to-one": self._check_one_step,
            "one-to-many": self._check_feedback,
            "encoder-decoder": self._check_bridge,
        }
        at = "last" if self.form.name == "many-to-one" else "every"
        if self.head.at != at:
            raise UsageError(
                f"--output-at: expected {at}, since the form is {self.form.name}",
                got=self.head.at,
                fix=f"leave out --output-at {self.head.at}",
            )
        if self.form.name in checks:
            checks[self.form.name]()

    @property
    def whole(self) -> Trace:
        """The form as one walk with its head. Raises UsageError where it is several."""
        if self.form.name in ("one-to-many", "encoder-decoder"):
            raise UsageError(
                "--form: expected a form that is one walk: one-to-one, many-to-one, many-to-many",
                got=self.form.name,
                fix=f"rnnshape draw --form {self.form.name} -o form.svg",
            )
        return Trace(self.spec, self.batch, head=self.head)

    def _check_one_step(self) -> None:
        if self.batch.seq_len != 1:
            raise UsageError(
                "--seq-len: expected 1, since the form is one-to-one",
                got=str(self.batch.seq_len),
                fix="--seq-len 1, or --form many-to-many",
            )

    def _check_feedback(self) -> None:
        if self.spec.bidirectional:
            raise UsageError(
                "--form one-to-many: expected one direction, since the reverse direction would "
                "read outputs that are not made yet",
                got="--bidirectional",
                fix="leave out --bidirectional",
            )
        if self.batch.packed:
            raise UsageError(
                "--form one-to-many: expected --seq-len, since there is one input and no sequence",
                got="--lengths",
                fix="--seq-len 5",
            )
        if self.head.size != self.spec.input_size:
            raise ShapeError(
                f"--form one-to-many: expected --output-size {self.spec.input_size} (input_size), "
                "since o_t is fed back as x_(t+1)",
                got=f"{self.head.size}, which is no input of {self.spec.code}",
                fix=f"--output-size {self.spec.input_size}, or --input-size {self.head.size}",
            )

    def _check_bridge(self) -> None:
        if self.batch.packed:
            raise UsageError(
                "--form encoder-decoder: expected --seq-len and --target-len",
                got="--lengths",
                fix="--seq-len 5 --target-len 3",
            )
        if isinstance(self.target_len, int) and self.target_len < 1:
            raise UsageError(
                "--target-len: expected an integer greater than zero, or a name",
                got=str(self.target_len),
                fix="--target-len 3",
            )
        if self.spec.equations is not None and self.spec.bidirectional:
            raise UsageError(
                "--form encoder-decoder: expected one direction of a written cell, whose states "
                "need not be joined side by side",
                got="--bidirectional",
                fix="leave out --bidirectional",
            )
        decoder, bridged = self.decoder_spec, self._bridged
        tensors = self.batch.tensors(decoder)
        error, fits = None, tensors.items() >= {f"{n}0": s for n, s in bridged.items()}.items()
        if decoder.equations is None:
            inputs = Inputs(tensors["input"], bridged.get("h"), bridged.get("c"))
            error = forward_error(decoder, inputs)
            fits = not error
        if not fits:
            name = next(iter(bridged))
            raise ShapeError(
                "decoder: expected to take what the bridge gives, "
                f"{name}0 {write_shape(bridged[name])}",
                got=decoder.code,
                fix="leave out what is said of the decoder, or bridge with an nn.Linear",
                torch=error,
            )

    @property
    def fitting_decoder(self) -> Spec:
        """The decoder that takes the encoder's state: one direction, D times as wide."""
        spec, d = self.spec, self.spec.num_directions
        return replace(
            spec,
            bidirectional=False,
            hidden_size=d * spec.hidden_size,
            proj_size=d * spec.proj_size,
        )

    @property
    def decoder_spec(self) -> Spec:
        """The decoder."""
        return self.decoder or self.fitting_decoder

    @property
    def _bridged(self) -> dict[str, Shape]:
        """The shapes of the encoder's final states, the two directions of a layer joined."""
        tensors = self.batch.tensors(self.fitting_decoder)
        return {name: tensors[f"{name}0"] for name in self.spec.state_names}

    @property
    def bridge(self) -> str:
        """The torch code that makes the decoder's state of the encoder's."""
        lstm = self.spec.has_cell_state
        if not self.spec.bidirectional:
            return "state"
        if lstm:
            return "tuple(torch.cat([s[0::2], s[1::2]], dim=-1) for s in state)"
        return "torch.cat([state[0::2], state[1::2]], dim=-1)"

    @property
    def networks(self) -> dict[str, Spec]:
        """The networks by their names in the model: rnn, or encoder and decoder."""
        if self.form.name == "encoder-decoder":
            return {"encoder": self.spec, "decoder": self.decoder_spec}
        return {"rnn": self.spec}

    @property
    def last(self) -> Spec:
        """The network that the head reads."""
        return list(self.networks.values())[-1]

    @property
    def target_batch(self) -> Batch:
        """The batch that the decoder reads: T' steps."""
        return replace(self.batch, seq_len=self.target_len)

    @property
    def parameters(self) -> list[Parameter]:
        """Every parameter under its name in the model: rnn.…, or encoder.… and decoder.…"""
        named = [
            replace(parameter, name=f"{name}.{parameter.name}")
            for name, spec in self.networks.items()
            for parameter in spec.parameter_list()
        ]
        return [*named, *self.head.parameters(self.last)]

    @property
    def tensors(self) -> dict[str, Shape]:
        """What goes in and what comes out: input, target, h0 (c0), o, hn (cn)."""
        tensors = self.batch.tensors(self.spec)
        first = {"input": tensors["input"]}
        last, batch = self.spec, self.batch
        if self.form.name == "one-to-many":
            first = {"input": replace(self.batch, seq_len=1).tensors(self.spec)["input"]}
        if self.form.name == "encoder-decoder":
            last, batch = self.decoder_spec, self.target_batch
            first["target"] = batch.tensors(last)["input"]
        begun = {f"{name}0": tensors[f"{name}0"] for name in self.spec.state_names}
        left = batch.tensors(last)
        ended = {f"{name}n": left[f"{name}n"] for name in last.state_names}
        return {**first, **begun, "o": self.head.output(last, batch), **ended}

    def parts(
        self,
        numbers: FormNumbers | None = None,
        positions: Callable[[range], Iterable[int]] = every_step,
    ) -> Iterator[Part]:
        """The calls in their order; with `numbers`, each over what the one before it left.

        `positions` picks among the calls of a form that makes one a step.
        """
        make = {"one-to-many": self._fed_back, "encoder-decoder": self._two}.get(
            self.form.name, self._one
        )
        yield from make(numbers, positions)

    def _one(self, numbers: FormNumbers | None, _: object) -> Iterator[Part]:
        if numbers is None:
            trace = Trace(self.spec, self.batch, head=self.head)
        else:
            trace = numbers.trace(self.spec, "rnn", numbers.input, numbers.states, self.head,
                                  self.batch.lengths)  # fmt: skip
        yield Part("rnn", trace, "one call")

    def _fed_back(
        self, numbers: FormNumbers | None, positions: Callable[[range], Iterable[int]]
    ) -> Iterator[Part]:
        batch = replace(self.batch, seq_len=1)
        first, later = "input is the one input", "input = o of the call before, h0 = its hn"
        length = self.batch.seq_len
        if not isinstance(length, int):
            yield Part("call t", Trace(self.spec, batch, head=self.head), later)
            return
        if numbers is None:
            for t in positions(range(length)):
                remark = later if t else first
                yield Part(f"call {t}", Trace(self.spec, batch, head=self.head), remark)
            return
        x, states = numbers.input, numbers.states
        wanted = set(positions(range(length)))
        for t in range(length):
            trace = numbers.trace(self.spec, "rnn", x, states, self.head)
            assert trace.result is not None
            x, states = trace.result.o, trace.result.states
            if t in wanted:
                yield Part(f"call {t}", trace, later if t else first)

    def _two(self, numbers: FormNumbers | None, _: object) -> Iterator[Part]:
        decoder = self.decoder_spec
        remark = "its output is not used, its hn goes on to the decoder"
        joined = "hn of the encoder"
        if self.spec.bidirectional:
            joined += f", both directions of a layer joined: {self.bridge}"
        if numbers is None:
            yield Part("encoder", Trace(self.spec, self.batch), remark)
            yield Part("decoder", Trace(decoder, self.target_batch, head=self.head),
                       f"input is the target, h0 = {joined}")  # fmt: skip
            return
        encoder = numbers.trace(self.spec, "encoder", numbers.input, numbers.states, None)
        yield Part("encoder", encoder, remark)
        assert encoder.result is not None
        states = encoder.result.states
        if self.spec.bidirectional:
            import numpy as np

            states = tuple(np.concatenate([s[0::2], s[1::2]], axis=-1) for s in states)
        trace = numbers.trace(decoder, "decoder", numbers.target, states, self.head)
        yield Part("decoder", trace, f"input is the target, h0 = {joined}")


@dataclass(frozen=True)
class FormNumbers:
    """The numbers of a form: parameters under their names in the model, inputs, first states."""

    weights: Mapping[str, Any]
    input: Any
    target: Any = None
    states: tuple[Any, ...] = ()

    def trace(
        self,
        spec: Spec,
        name: str,
        x: Any,
        states: tuple[Any, ...],
        head: Head | None,
        lengths: tuple[int, ...] | None = None,
    ) -> Trace:
        """One call of the network `name`."""
        from ..numeric.feed import feed

        weights = {n.removeprefix(name + "."): a for n, a in self.weights.items()
               if n.startswith(name + ".")}  # fmt: skip
        if head is not None:
            weights |= {n: a for n, a in self.weights.items() if n.startswith("head.")}
        named = dict(zip(spec.state_names, states))
        source = feed(spec, weights, x, None, None, lengths, head, named)
        return Trace(spec, source.batch, source, head)


def drawn(arrangement: Arrangement, seed: int, dtype: str) -> FormNumbers:
    """Seeded random numbers for a form whose sizes are numbers: parameters as torch initialises
    them, inputs and first states standard normal.

    Raises UsageError, before any is drawn, where a size is open, or where there are more numbers or
    more steps than the walk takes.
    """
    import numpy as np

    from ..numeric.feed import MOST_WALKED, check_steps
    from ..numeric.random import check_numbers, drawn_head, drawn_weights

    a, spec = arrangement, arrangement.spec
    check_numbers(
        [*(parameter.shape for parameter in a.parameters), *a.tensors.values()],
        input_size=spec.input_size,
        hidden_size=spec.hidden_size,
        size=a.batch.size,
        seq_len=a.batch.seq_len,
        target_len=a.target_len,
        decoder_hidden_size=a.decoder_spec.hidden_size,
        output_size=a.head.size,
    )
    lengths: list[Any] = [a.batch.seq_len, a.target_len]
    for (_, spec), length in zip(a.networks.items(), lengths):
        if a.form.name == "one-to-many" and length > MOST_CALLS:
            raise UsageError(
                f"--form one-to-many: expected at most {MOST_CALLS:,} calls with numbers, one a "
                "step", got=f"{length:,}", fix="--seq-len 100",
            )  # fmt: skip
        check_steps(spec, length, MOST_WALKED, "values")
    generator = np.random.default_rng(seed)
    weights: dict[str, Any] = {}
    for name, spec in arrangement.networks.items():
        parameters = drawn_weights(spec, generator, dtype)
        weights |= {f"{name}.{parameter}": array for parameter, array in parameters.items()}
    weights |= drawn_head(arrangement.head, arrangement.last, generator, dtype)
    shapes: Any = arrangement.tensors
    begun = [f"{name}0" for name in arrangement.spec.state_names]
    arrays = {name: generator.standard_normal(shapes[name]).astype(dtype)
            for name in shapes if name in ("input", "target", *begun)}  # fmt: skip
    states = tuple(arrays[name] for name in begun)
    return FormNumbers(weights, arrays["input"], arrays.get("target"), states)


def arrange(
    name: str,
    spec: Spec,
    batch: Batch,
    head: Head | None = None,
    target_len: Dim = 3,
    decoder: Spec | Mapping[str, Any] | None = None,
    fitted: Collection[str] = (),
) -> Arrangement:
    """The form `name` for a network; without a head, one of width 3, or I where it is fed back.

    decoder: a network, or the fields in which it differs from the one that fits the encoder.
    fitted: what nobody asked for and the form may choose: seq_len, and the head's output_at and
    output_size. Raises UsageError.
    """
    check_choice("--form", name, FORMS, "many-to-one")
    spec.check_layer("--form")
    at = "last" if name == "many-to-one" else "every"
    if head is None:
        head = Head(spec.input_size if name == "one-to-many" else 3, at=at)
    if "output_at" in fitted:
        head = replace(head, at=at)
    if "output_size" in fitted and name == "one-to-many":
        head = replace(head, size=spec.input_size)
    if "seq_len" in fitted and name == "one-to-one":
        batch = replace(batch, seq_len=1, lengths=None)
    if isinstance(decoder, Mapping):
        differs = decoder if name == "encoder-decoder" else {}
        fitting = Arrangement(FORMS[name], spec, batch, head).fitting_decoder
        decoder = replace(fitting, **differs) if differs else None
    return Arrangement(FORMS[name], spec, batch, head, target_len, decoder)


def result(arrangement: Arrangement, numbers: FormNumbers) -> dict[str, Any]:
    """What a form computes: o, and the last call's hn (and cn), as arrays."""
    import numpy as np

    results = [part.trace.result for part in arrangement.parts(numbers)]
    last = results[-1]
    assert last is not None
    o = last.o
    if arrangement.form.name == "one-to-many":
        axis = 1 if arrangement.spec.batch_first and not arrangement.batch.unbatched else 0
        o = np.concatenate([r.o for r in results if r is not None and r.o is not None], axis=axis)
    names = arrangement.last.state_names
    return {"o": o, **{f"{name}n": state for name, state in zip(names, last.states)}}
