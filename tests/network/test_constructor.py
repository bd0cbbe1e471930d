"""The table of the constructors' arguments, from which every other list of them is read."""

import inspect
from dataclasses import fields

import pytest
from conftest import needs_torch

from rnnshape import Spec
from rnnshape.network.constructor import ARGUMENTS, DEFAULTS, KINDS, positional_names
from rnnshape.show.schema import schema


def test_the_table_is_what_a_spec_holds():
    held = [(field.name, field.default) for field in fields(Spec)]
    assert held == [*DEFAULTS.items(), ("equations", None)]  # what a written cell has


@pytest.mark.parametrize("document", ["trace", "params", "cost", "state", "pick"])
def test_the_schemas_know_the_same_arguments(document):
    described = schema(document)["$defs"]["spec"]
    assert described["required"] == [*ARGUMENTS]
    assert {*described["properties"]} - {"equations"} == {*ARGUMENTS}
    for name, argument in ARGUMENTS.items():
        if name != "cell":  # of a written cell it is a name or a file
            assert described["properties"][name].get("enum", []) == [*argument.choices]


def test_the_call_in_torch_holds_what_is_no_default_in_the_order_of_torchs_arguments():
    spec = Spec(nonlinearity="relu", num_layers=2, bidirectional=True, bias=False)
    named = "num_layers=2, nonlinearity='relu', bias=False, bidirectional=True"
    assert spec.code == f"nn.RNN(10, 20, {named})"
    assert Spec(cell="rnn-cell", nonlinearity="relu", bias=False).code == (
        "nn.RNNCell(10, 20, bias=False, nonlinearity='relu')"
    )


@needs_torch
@pytest.mark.live
def test_names_and_defaults_are_torchs():
    from torch import nn

    for cell, kind in KINDS.items():
        module = getattr(nn, kind.class_name)
        if kind.single:
            taken = {n: p.default for n, p in inspect.signature(module).parameters.items()}
            assert [*taken] == [*positional_names(cell)]
            made = module(3, 4)
        else:
            made = module(3, 4)
        for name in positional_names(cell)[2:]:
            if name in ARGUMENTS and (name != "nonlinearity" or kind.single):
                assert getattr(made, name) == ARGUMENTS[name].default
