"""ONNX files, read with onnx (the extra `onnx`): their tensors, layers and chains of operators."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..files import arrays_of, open_file
from ..formats.source import Damaged, Source
from ..formats.stored import Layer, TensorFile
from ..layouts.layout import Placed, laid_back
from ..layouts.tables import ONNX
from ..networks.find import chosen, contents
from .graph import Chain, Graph, onnx_package
from .message import slim
from .node import Node
from .run import chain_spec


def open_onnx(source: Source) -> TensorFile:
    """The constants of a graph, and its recurrent operators as layers of torch.

    What its large tensors hold stays in the file. Raises Damaged.
    """
    onnx = onnx_package(os.path.basename(source.path))
    from google.protobuf.message import DecodeError

    message, places = slim(source)
    try:
        model = onnx.ModelProto.FromString(message)
    except DecodeError as error:
        raise Damaged(f"no ONNX model: {error}") from None
    graph = Graph(model.graph, source, places)
    layers = tuple(_layer(stack) for chain in graph.chains() for stack in _stacks(chain))
    return TensorFile(source, "onnx", graph.tensors, layers=layers, notes=tuple(graph.notes))


def read_chain(path: str, module: str | None = None) -> Chain | None:
    """The operators of one network of a file, with their numbers, None where it is tensors alone.

    Raises UsageError.
    """
    onnx_package(os.path.basename(path))
    file = open_file(path)
    chain: Chain | None = chosen(contents(file), module).chain
    return None if chain is None else numbered(file, chain)


def numbered(file: TensorFile, chain: Chain) -> Chain:
    """The operators with their numbers. Raises UsageError where they cannot be read."""
    nodes = (replace(node, inputs=arrays_of(file, node.inputs)) for node in chain.nodes)
    return replace(chain, nodes=tuple(nodes))


def placed(chain: Chain) -> list[tuple[Placed, Any]]:
    """The operators' W, R and B, each at its place in the layout."""
    spec = chain_spec(chain)
    return [
        (Placed(f"{spec.cell}_{layer}.{row.leaf}", spec, row, layer, spec.directions),
         node.inputs[row.leaf])
        for layer, node in enumerate(chain.nodes)
        for row in ONNX.entries(spec) if row.leaf in node.inputs
    ]  # fmt: skip


def _stacks(chain: Chain) -> Iterator[Chain]:
    """The parts of a chain that torch has as one network each."""
    stacks: list[list[Node]] = []
    for node in chain.nodes:
        if stacks and _continues(stacks[-1][-1], node):
            stacks[-1].append(node)
        else:
            stacks.append([node])
    for place, nodes in enumerate(stacks):
        yield Chain(tuple(nodes), chain.batch_first and not place, chain.given, notes=chain.notes)


def _continues(below: Node, above: Node) -> bool:
    """Whether an operator is what torch would build above another."""

    def kind(node: Node) -> tuple[Any, ...]:
        return (node.operator, node.hidden_size, node.direction, node.spec.bias,
                node.nonlinearity, node.unlike_torch)  # fmt: skip

    wide = below.hidden_size * below.spec.num_directions
    return kind(below) == kind(above) and above.spec.input_size == wide


def _layer(stack: Chain) -> Layer:
    """A part of a chain as a layer in torch's layout."""
    first, count = stack.nodes[0], len(stack.nodes)
    spec = chain_spec(stack)
    told = spec.to_dict()
    known = ["cell", "input_size", "hidden_size", "bias", "bidirectional", "dropout", "batch_first"]
    known += ["num_layers"] * (count > 1) + ["nonlinearity"] * (first.cell == "rnn")
    notes = [f"{count} nodes, each of which reads the one before, are its layers"][: count - 1]
    notes += stack.notes
    notes += [
        f"{node.title}: {name} is not a weight, and is left out"
        for node in stack.nodes
        for name in ("initial_h", "initial_c", "sequence_lens")
        if name in node.inputs
    ]
    return Layer(
        first.name, {name: told[name] for name in known}, laid_back(spec, placed(stack)),
        first.unlike_torch, tuple(notes), "onnx", stack,
    )  # fmt: skip
