"""Programs with words that were dropped, doubled or changed are followed to an end like any other.

`python tests/programs/test_mutated.py FIRST LAST` tries the mutants of these numbers.
"""

import json
import random
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rnnshape.errors import UsageError
from rnnshape.programs.follow import Request
from rnnshape.programs.source import source_of
from rnnshape.show.program import diagnosed, program_document, verdict_of
from rnnshape.show.text.program import program_text, short_text

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/programs"
HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
VALUES = ("0", "-1", "None", "...", "'x'", "1.5", "10**30", "self", "nn", "[]", "{}", "*", ":", "if",
          "while True:", "yield", "return", "float('nan')", "range(10**12)", "[0]*10**9")  # fmt: skip


def programs():
    kinds = (FOLDER / f"{kind}.txt" for kind in ("raises", "silent", "correct"))
    told = [re.split(r"(?m)^### .*$", path.read_text("utf-8"))[1:] for path in kinds]
    whole = [path.read_text("utf-8") for path in sorted(FOLDER.glob("*.py"))]
    return [HEAD + text for texts in told for text in texts] + whole


def mutant(number):
    """A program with one to five words dropped, doubled, moved or made another; half of them as
    the cell of a notebook."""
    choice = random.Random(number)
    words = re.findall(r"\w+|\s+|[^\w\s]", choice.choice(programs()))
    for _ in range(choice.choice((1, 1, 1, 2, 3, 5))):
        at, other = choice.randrange(len(words)), choice.randrange(len(words))
        kind = choice.randrange(4)
        if kind == 0:
            del words[at]
        elif kind == 1:
            words.insert(at, words[other])
        elif kind == 2:
            words[at], words[other] = words[other], words[at]
        else:
            words[at] = choice.choice(VALUES)
    text = "".join(words)
    if choice.random() < 0.2:
        cells = [{"cell_type": "code", "source": text}]
        return "m.ipynb", json.dumps({"cells": cells})
    return "m.py", text


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_a_mutated_program_is_followed_to_an_end(first):
    for number in range(first, first + 10):
        tried(number)


def tried(number):
    name, text = mutant(number)
    try:
        results = diagnosed(Request(source_of(text, name)))
    except UsageError:
        return
    document = program_document(results, name, "", {})
    assert json.dumps(document)
    assert list(short_text(results, 80)) and list(program_text(results, name, 80))
    assert verdict_of(results) != "fits" or document["layers"], number


if __name__ == "__main__":
    for one in range(*map(int, sys.argv[1:3])):
        tried(one)
