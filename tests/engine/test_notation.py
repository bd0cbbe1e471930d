"""The notation of equations: what a file says, and what is said of a wrong one."""

import os
import re

import pytest

from rnnshape.engine.written import Cell
from rnnshape.errors import UsageError
from rnnshape.network.spec import Spec


def shapes(text: str) -> dict[str, str]:
    return {one.name: one.rule for one in Cell(text).parameters(10, 20)}


@pytest.mark.parametrize(
    "text, parameters",
    [
        ("h' = tanh(W·x + U·h + b)", {"W": "(H, I)", "U": "(H, H)", "b": "(H)"}),
        # backwards through a split, a state and a concat
        ("a, b = split(W·x, 2)\nh' = a ⊙ b", {"W": "(2H, I)"}),
        ("a, b = split(h, 2)\nh' = concat(b, a + W·x)", {"W": "(H/2, I)"}),
        ("state c: 2H\nc' = c + W·x\noutput = U·c'", {"W": "(2H, I)", "U": "(H, 2H)"}),
        ("h' = W·concat(x, h)", {"W": "(H, H + I)"}),
        # a width of 1 meets any width and fixes none, wherever it is found
        ("h' = σ(w·x) ⊙ h\nm' = σ(w·x) ⊙ m\nstate m: 1", {"w": "(1, I)"}),
        ("state S: H, H\nβ = σ(w·x)\nv = V·x\nS' = β ⊙ S + outer(v, v)\noutput = S'·v",
         {"w": "(1, I)", "V": "(H, I)"}),
        # another open size: what a declaration fixes, else H
        ("state S: H, K\nparam k: 3\nS' = S + outer(V·x, k)\noutput = S'·k",
         {"V": "(H, I)", "k": "(3)"}),
        ("state S: H, K\nS' = S + outer(V·x, k)\noutput = S'·k", {"V": "(H, I)", "k": "(H)"}),
        # a matrix of parameters alone
        ("h' = h + (W − transpose(W))·h + V·x", {"W": "(H, H)", "V": "(H, I)"}),
        ("h' = (W / sqrt(H))·x + A ^ 2·(-U + V)·h",
         {"W": "(H, I)", "A": "(H, H)", "U": "(H, H)", "V": "(H, H)"}),
        ("param W: 3H, I\na, b, c = split(W·x, 3)\nh' = a + b + c", {"W": "(3H, I)"}),
    ],
    ids=lambda value: value.replace("\n", "; ") if isinstance(value, str) else "",
)  # fmt: skip
def test_shapes_follow_from_use(text, parameters):
    assert shapes(text) == parameters


@pytest.mark.parametrize(
    "one, other",
    [
        ("h' = tanh(W·x + U·h)", "h’ = tanh(W @ x + U ⋅ h)"),
        ("h′ = σ(W·x) ⊙ h − h", "h' = sigmoid(W@x) * h - h"),
        ("h' = σ(W·x) ∘ h", "\ufeffh' = σ(W·x) ⊙ h  # behind\r\n\r\n"),
        ("h' = a ^ 2 ⊙ x − h ⊙ x", "h' = ((a ^ 2) ⊙ x) − (h ⊙ x)"),
        ("h' = −a ^ 2 ^ 3 + W·−x", "h' = (−(a ^ (2 ^ 3))) + (W·(−x))"),
        ("h' = x / a ⊙ h / b", "h' = ((x / a) ⊙ h) / b"),
        ("h' = A·B·x − c − h", "h' = (((A·B)·x) − c) − h"),
        # what papers write, where it has one meaning
        ("h' = W x + U(r ⊙ h)", "h' = W·x + U·(r ⊙ h)"),
        ("h' = 2σ(Q h) − A B x", "h' = (2 ⊙ σ(Q·h)) − (A·B)·x"),
        ("h' = −2h ** 2 + W·x", "h' = −2 ⊙ (h ^ 2) + W·x"),
        ("h' = W·[h, h; x]", "h' = W·concat(h, h, x)"),
        ("h' = W·[(x) + b]", "h' = W·(x + b)"),
        ("h' = (W·x)² + (1/sqrt(2H)) ⊙ h³", "h' = (W·x) ^ 2 + (1/sqrt(2 ⊙ H)) ⊙ (h ^ 3)"),
        (
            "h' = (W − Wᵀ)·h + Uᵀ x + V^T·h",
            "h' = (W − transpose(W))·h + transpose(U)·x + transpose(V)·h",
        ),
        ("h' = W_{xh} x + W_{h}h + b₁", "h' = W_xh·x + W_h·h + b_1"),
        ("h_t = z ∗ h_{t-1} + W x_t", "h' = z ⊙ h + W·x"),
        ("hₜ = W xₜ + U hₜ₋₁\noutput = hₜ", "h' = W·x + U·h\noutput = h'"),
        ("a^{<t>} = tanh(W x^{(t)} + U a^{< t − 1 >})", "a' = tanh(W·x + U·a)"),
        ("h̃_t = W x_t\nh_t = h̃_t + h_{t-1}", "h_tilde_t = W·x\nh' = h_tilde_t + h"),
        (
            "\\begin{align*}\n"
            r"\tilde{\mathbf{h}}_t &= \tanh\left(\mathbf{W}_{\hat{h}}\mathbf{x}_{t}\right), \\"
            "\n"
            r"\mathbf h_t = \tilde {h}_t \odot U^{\top} \mathbf{h}_{t - 1} + \beta \circ \Lambda x_t."
            "\n\\end{align*}",
            "h_tilde_t = tanh(W_h_hat·x)\nh' = h_tilde_t ⊙ (transpose(U)·h) + β ⊙ Λ·x",
        ),
    ],
)
def test_spellings_and_brackets_are_equal(one, other):
    def operations(text):
        draft = Cell(text)._draft
        return [(node.op, node.inputs, node.attributes) for node in draft.nodes]

    assert operations(one) == operations(other)


def test_states_are_those_with_a_prime_in_their_order():
    cell = Cell("c' = f ⊙ c + W·x\nn' = n + c'\nh' = tanh(c')")
    assert cell.states == ("c", "n", "h")
    assert cell.output_state == "h"
    assert Cell("c' = c + W·x").output_state == "c"
    assert Cell("c' = c + W·x\noutput = tanh(c')").output_state == ""


def test_a_number_of_the_file_is_a_parameter():
    cell = Cell("param k: 1 = -0.5\nh' = k ⊙ h + W·x")
    assert cell.numbers == {"k": -0.5}
    spec = Spec(cell=cell, num_layers=2, bidirectional=True)
    assert spec.parameters()["k_l1_reverse"] == (1,)


def test_a_layer_above_reads_what_the_one_below_puts_out():
    spec = Spec(cell=Cell("h' = W·x + U·h"), num_layers=2, bidirectional=True)
    assert spec.parameters()["W_l1"] == (20, 40)
    narrow = Cell("c' = W·x + c\noutput = P·c'\nparam P: 3, H")
    assert Spec(cell=narrow, num_layers=2).parameters()["W_l1"] == (20, 3)


def test_what_adds_x_to_h_wants_one_width():
    cell = Cell("h' = h + x", "skip.cell")
    assert Spec(cell=cell, input_size=20).state_names == ("h",)
    with pytest.raises(UsageError, match=r"skip\.cell:1:8: .*h, H wide, meets x, I wide"):
        Spec(cell=cell, input_size=10)
    with pytest.raises(UsageError, match="both directions side by side"):
        Spec(cell=cell, input_size=20, num_layers=2, bidirectional=True)


WRONG = {
    "": r"expected an equation.*got an empty file",
    "# a comment": "nothing but comments",
    "a = W·x": ":1:1: expected a new state",
    "h' = ": ":1:5: expected a name, a number.*the end of the line",
    "h' = tanh(W·x +)": r":1:16: .*got '\)'",
    "h' = tanh(W·x": r":1:14: expected \) for the bracket in column 6",
    "h' = W·x)": r":1:9: .*nothing opened",
    "h' = z h + x": r"an operator between z and h(.|\n)*z ⊙ h",
    "h' = x / 2 h": "an operator between 2 and h",
    "h' = x ^ 2 h": "an operator between 2 and h",
    "h' = (1 − z) h": r"\(…\) ⊙ h element by element",
    "h' = [x, h": r"expected \] for the bracket in column 6",
    "h' = W·(x, h)": r"\[a, b\] puts one behind the other",
    "h' = W·x; c' = h": "a new line for each equation",
    "h' = U·h_{t-1} + W·x_{t-1}": "not given the input before(.|\n)*u' = x",
    "h' = W·x + c_{t-1}": "expected a line c_t = …",
    "h_t = W·x_t": "fix: h' = …",
    r"h' = \frac{x}{h}": r"REVERSE SOLIDUS(.|\n)*a / b",
    "h' = log_sigmoid(W·x)": r"sigmoid\(…\)",
    "h' = x·h": r"a vector · a vector(.|\n)*sum\(a ⊙ b\)",
    "param W: H, H\nstate S: H, H\nS' = S + W\nh' = x·W": r"transpose\(W\)·a",
    "h' = swish(x)": "no function(.|\n)*the functions are",
    "h' = tahn(x)": r"fix: tanh\(…\)",
    "h' = tanh(x, h)": r"expected tanh\(a\), got 2 arguments",
    "h' = layer_norm(x, g)": "got 2 arguments",
    "h' = split(x, 2)": "expected 2 names before =",
    "h' = tanh(split(x, 2))": "a split on its own",
    "a, b, c = split(x, 2)\nh' = a + b + c": "expected as many parts as there are names: 3, got 2",
    "a, b = W·x\nh' = a": r"expected split\(…, 2\) for 2 names",
    "h' = W·\u0445": r"U\+0445 CYRILLIC SMALL LETTER HA",
    "h' = \uff37·x": "U\\+FF37 FULLWIDTH LATIN CAPITAL LETTER W(.|\n)*fix: W",
    "h' = W·x\u200b": r"an invisible sign, U\+200B ZERO WIDTH SPACE",
    "h' = W·x\u00a0+ h": r"U\+00A0 NO-BREAK SPACE",
    "h' = \x1b[31mx": r"a control character, U\+001B",
    "h' = x'": "the input has no new value",
    "x = W·h": "x cannot be assigned, since x is the input",
    "H = W·x\nh' = H": "H is a size",
    "tanh = W·x\nh' = x": "tanh is a function",
    "h' = tanh": r"expected \( behind tanh",
    "h' = f' + x": "expected a line f' = … above",
    "a = c'\nc' = W·x": "to be assigned above the line that reads it",
    "a = b\nb = a + x\nh' = b": "a circle: a needs b, which needs a(.|\n)*it is assigned below",
    "f = W·h'\nh' = f ⊙ h": "f needs h', which needs f(.|\n)*fix: read h, what the step found",
    "a = b\nb = c + x\nc = W·a\nh' = b": "a circle: a needs b",
    "a = b\nb = W·x\nh' = a": "move its line up",
    "h' = W·x +\n  U·h": r":1:11: expected the rest(.|\n)*it\.cell:2: it cannot go on here",
    "h' = tanh(W·x\n  + U·h)": ":1:14: expected the rest of the equation",
    "h' = W·x\n  + U·h": ":2:3: expected a name(.|\n)*write it on the line above",
    "tanh(W·x)": r"expected = behind tanh(.|\n)*h' = tanh\(…\)",
    "output = W·x": "fix: h' = …",
    "h' = tanh'(W·x)": "got tanh', which is no function",
    "h' = W·x / Η": "U\\+0397 GREEK CAPITAL LETTER ETA(.|\n)*fix: H",
    "A = W·x\nh' = Α": r"got Α beside A: (.|\n)*it\.cell:1: the other",
    "param W: H\nh' = W·x": "a vector · a vector(.|\n)*:1: W is declared H(.|\n)*two sizes",
    "param b: H, I\nh' = tanh(W·x + b)": "expected a vector, got a matrix(.|\n)*:1: b is declared",
    "a = U·h\nh' = W·x + U": "expected a vector, got a matrix(.|\n)*:1: U is a matrix",
    "state c: 2H\nc' = W·c\nh' = tanh(V·x) ⊙ c'": "is wanted H wide, and c' is 2H wide",
    "i, g = split(W·x, 2)\nc' = i ⊙ g\nh' = V·concat(c', h)\nparam V: H, H":
        "V has H columns, and what it is multiplied with is 2H wide(.|\n)*:4: V is declared",
    "param : H\nh' = W·x": "expected a name behind param",
    "param k: 1 = 1/2\nh' = k ⊙ x": "one number",
    f"h' = tanh({'W' * 1000}·x)": "a name of at most 200 letters, got 1,000",
    "f = f + x\nh' = f": "not to be read in its own line",
    "h' = x\nh' = h": "assigned once(.|\n)*:1: the first",
    "h = W·x\nh' = h": "is what the step found",
    "state c: 2H\nh' = c + x": "is never given its new value",
    "state c: 2H\nc' = W·c + h\nh' = x": "is wanted 2H wide, and h is H wide(.|\n)*:2: the state c is",
    "param W: H, I\nparam W: H, H\nh' = W·x": "one declaration of W(.|\n)*:1: the first",
    "param W: 3H, I\nh' = tanh(W·x + b)": "3H(.|\n)*:1: W is declared 3H, I",
    "param k: 1 = 1e999\nh' = k ⊙ x": "a number below 1e308",
    "param k: 0\nh' = k ⊙ x": "a size of at least 1",
    "param k: 1.5\nh' = k ⊙ x": "a whole number in a size",
    "h' = concat(p, q) + W·x": "the equations leave it open(.|\n)*param q: 1",
    "state S: H, H\nS' = S + outer(x, x)": "a vector as what the cell puts out, got a matrix",
    "state C: H, H\nC' = C + outer(W·x, W·x)\nq = W·x\noutput = (C'·q)·max(q, q)":
        r"a vector · a vector(.|\n)*sum\(a ⊙ b\)",
    "h' = 1": "expected a vector, got a number",
    "output = x": "expected a new state",
    "h' = output": "expected output to be assigned before",
    "h'' = x": "expected one prime, got two",
    "h' x": "expected = behind h'",
    "h' == x": "expected a name",
    "import os": "expected = behind import",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_a_wrong_file_is_told_with_its_place_and_a_fix(text):
    with pytest.raises(UsageError) as raised:
        Cell(text, "it.cell")
    message = str(raised.value)
    assert re.search(WRONG[text], message), message
    assert message.startswith("it.cell:")
    assert "\x1b" not in message
    assert raised.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "h' = tanh(" + "W·x + " * 200_000,
        "h' = " + "(" * 1_000_000 + "x",
        "h' = " + "(" * 60_000 + "x",
        "h' = " + "−" * 60_000 + "x",
        "h' = x" + " + p" * 16_000,
        "\n".join(f"p{i} = p{i + 1}" for i in range(5_000)),
        "a" * 60_000 + " = x",
        "h' = " + "x" * 1_000 + "(" + "y" * 1_000,
        "param W: " + "1" * 60_000,
        "h' = " + "1" * 60_000,
        "h' = x ^ " + "9 ^ " * 400 + "9",
        ("h' = " + " + ".join(f"p{i}" for i in range(240))) + " + x",
    ],
    ids=lambda text: f"{text[:12]!r} of {len(text)}",
)
def test_a_hostile_file_is_answered_shortly(text):
    try:
        Cell(text, "it.cell")
    except UsageError as error:
        assert len(str(error)) < 2000


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "it.cell"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="a pipe"):
        Cell.read(str(path))


def test_a_part_of_a_width_that_does_not_divide_is_told():
    with pytest.raises(UsageError, match=r"it\.cell:1:8: .*the width H/2 is no whole number"):
        Spec(cell=Cell("a, b = split(h, 2)\nh' = concat(b, a)", "it.cell"), hidden_size=5)


def test_a_name_is_harmless_and_its_end_is_shown():
    assert Spec(cell=Cell("h' = W·x", "\x1b[31mit.cell")).cell == r"\x1b[31mit.cell"
    plain = Spec(cell=Cell("h' = W·x")).to_dict()
    assert (
        Spec(**plain | {"cell": "\x1b[31mit", "equations": Cell("h' = W·x")}).cell == r"\x1b[31mit"
    )
    with pytest.raises(UsageError, match=r"^a+…a+/it\.cell:1:5: "):
        Cell("h' = ", "a" * 300 + "/it.cell")


def test_a_cell_is_text():
    with pytest.raises(UsageError, match="expected equations as text, got bytes"):
        Cell(b"h' = W x")  # type: ignore[arg-type]
