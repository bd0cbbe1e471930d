"""The torch code of a form: complete, and runnable as it stands."""

from __future__ import annotations

from ...analysis.forms import Arrangement
from ...network.dims import Shape


def form_code(arrangement: Arrangement) -> str:
    """Code that builds the networks, defines `forward` and calls it once on random numbers.

    `forward` returns o and the state; the networks are rnn, or encoder and decoder, and head.
    """
    a = arrangement
    inputs = [shape for name, shape in a.tensors.items() if name in ("input", "target")]
    drawn = ", ".join(f"torch.randn{_tuple(shape)}" for shape in inputs)
    lines = ["import torch", "from torch import nn"]
    if a.batch.packed:
        lines.append("from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence")
    lines += ["", *(f"{name} = {spec.code}" for name, spec in a.networks.items())]
    lines += [f"head = nn.Linear({a.last.output_size}, {a.head.size})", "", ""]
    body = {"one-to-many": _fed_back, "encoder-decoder": _two}.get(a.form.name, _one)(a)
    lines += [body[0], *(f"    {line}" for line in body[1:])]
    lines += ["", "", f"o, state = forward({drawn})", "print(tuple(o.shape))"]
    return "\n".join(lines)


def _one(a: Arrangement) -> list[str]:
    read, written = (a.batch.tensors(a.spec)[name] for name in ("input", "output"))
    lines = ["def forward(input, state=None):"]
    if a.batch.packed:
        layout = ", batch_first=True" if a.spec.batch_first else ""
        lengths = list(a.batch.lengths or ())
        lines += [
            f"input = pack_padded_sequence(input, {lengths}{layout}, enforce_sorted=False)",
            "output, state = rnn(input, state)",
            f"output, _ = pad_packed_sequence(output{layout})  # {_tuple(written)}",
        ]
    else:
        lines.append(f"output, state = rnn(input, state)  # {_tuple(read)} -> {_tuple(written)}")
    final = "output"
    if a.head.at == "last":
        h = "state[0]" if a.spec.has_cell_state else "state"
        final = f"{h}[-1]"
        if a.spec.bidirectional:
            final = f"torch.cat([{h}[-2], {h}[-1]], dim=-1)"
    return [*lines, f"o = {_head(a, final)}  # {_tuple(a.tensors['o'])}", "return o, state"]


def _fed_back(a: Arrangement) -> list[str]:
    spec, batch = a.spec, a.batch
    time = 1 if spec.batch_first and not batch.unbatched else 0
    return [
        f"def forward(input, state=None, steps={batch.seq_len}):",
        "outputs = []",
        "for t in range(steps):",
        f"    output, state = rnn(input, state)  # one step: {_tuple(a.tensors['input'])}",
        f"    input = {_head(a, 'output')}  # the next input",
        "    outputs.append(input)",
        f"return torch.cat(outputs, dim={time}), state  # {_tuple(a.tensors['o'])}",
    ]


def _two(a: Arrangement) -> list[str]:
    bridge = []
    if a.bridge != "state":
        bridge = ["# both directions of a layer side by side", f"state = {a.bridge}"]
    h0 = a.batch.tensors(a.decoder_spec)["h0"]
    return [
        "def forward(input, target, state=None):",
        "_, state = encoder(input, state)  # the output is not used",
        *bridge,
        f"output, state = decoder(target, state)  # h0 {_tuple(h0)}",
        f"return {_head(a, 'output')}, state  # {_tuple(a.tensors['o'])}",
    ]


def _head(a: Arrangement, read: str) -> str:
    g = a.head.activation
    call = f"head({read})"
    if g == "none":
        return call
    return f"torch.softmax({call}, dim=-1)" if g == "softmax" else f"torch.{g}({call})"


def _tuple(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
