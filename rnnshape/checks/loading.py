"""What load_state_dict refuses: torch/nn/modules/module.py, Module.load_state_dict."""

from __future__ import annotations

from collections.abc import Mapping

from ..network.dims import Shape

Shapes = Mapping[str, Shape]


def load_error(checkpoint: Shapes, model: Shapes, title: str) -> str:
    """What load_state_dict raises for a checkpoint's names and shapes, to the letter; '' where
    they fit. title: the class of the module that loads. A line break in a name is told as \\n."""
    missing = [name for name in model if name not in checkpoint]
    unexpected = [name for name in checkpoint if name not in model]
    lines = [
        f"{what} key(s) in state_dict: {', '.join(_quoted(name) for name in names)}. "
        for what, names in (("Missing", missing), ("Unexpected", unexpected))
        if names
    ]
    lines += [
        f"size mismatch for {_told(name)}: copying a param with shape "
        f"{_size(checkpoint[name])} from checkpoint, the shape in current model is {_size(shape)}."
        for name, shape in model.items()
        if name in checkpoint and tuple(checkpoint[name]) != tuple(shape)
    ]
    if not lines:
        return ""
    return f"Error(s) in loading state_dict for {title}:\n\t" + "\n\t".join(lines)


def _told(name: str) -> str:
    return name.replace("\n", "\\n")


def _quoted(name: str) -> str:
    return f'"{_told(name)}"'


def _size(shape: Shape) -> str:
    return f"torch.Size([{', '.join(map(str, shape))}])"
