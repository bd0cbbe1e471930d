"""`python tests/draw_golden.py` draws every picture in tests/golden again; look at them before you commit."""

import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent / "golden"

# file -> the options of `rnnshape draw` that make it
DRAWINGS = {
    "one-cell.svg": ["--seq-len", "1"],
    "rnn-3.svg": ["--layers", "3"],
    "lstm-bidirectional.svg": ["--cell", "lstm", "--layers", "2", "--bidirectional"],
    "deep.svg": ["--layers", "4", "--bidirectional", "--seq-len", "8", "--theme", "light"],
    "packed.svg": ["--lengths", "5,3,2", "--bidirectional"],
    "long.svg": ["--layers", "30", "--seq-len", "100", "--theme", "dark"],
    "symbolic.svg": [
        "--cell", "gru", "--layers", "2", "--input-size", "I", "--hidden-size", "H",
        "--batch-size", "N", "--seq-len", "T", "--output-size", "K",
    ],
    "many-to-one.svg": ["--bidirectional", "--seq-len", "3", "--output-size", "3", "--output-at", "last"],
    "rnn-3.mmd": ["--layers", "3", "--format", "mermaid"],
    "lstm-bidirectional.mmd": ["--cell", "lstm", "--bidirectional", "--format", "mermaid"],
    "rnn-3.dot": ["--layers", "3", "--format", "dot"],
    "inside-rnn.svg": ["--inside"],
    "inside-lstm.svg": ["--inside", "--cell", "lstm"],
    "inside-gru.svg": ["--inside", "--cell", "gru", "--no-bias"],
    "inside-lstm.txt": ["--inside", "--cell", "lstm", "--layers", "2", "--layer", "1", "--format", "text"],
    "inside-gru.txt": ["--inside", "--cell", "gru", "--values", "--step", "3",
                       "--format", "text"],
}  # fmt: skip


def main() -> None:
    from rnnshape.cli import run_command

    for name, options in DRAWINGS.items():
        if run_command(["draw", *options, "-o", str(GOLDEN / name)]):
            sys.exit(f"{name} could not be drawn")


if __name__ == "__main__":
    main()
