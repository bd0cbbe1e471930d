"""nn.Module itself, the containers of modules, and what runs or wraps a module."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from ...checks.loading import load_error
from ..objects import OBJECT, Bound, Class, Iter, make_class, natives
from ..refusal import Refusal
from ..sizes import product
from ..tensor import Tensor
from ..values import Device, DType, Instance, Unknown, module_state
from . import module, row, type_error, type_name
from .meta import detach


def held(instance: Instance) -> list[tuple[str, Instance]]:
    """The modules that a module holds itself, by their names."""
    own = instance._attributes.get("_modules", {}).items()
    return [(name, child) for name, child in own if isinstance(child, Instance)]


def members(instance: Instance, group: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The parameters or buffers of a module and of those inside, by their dotted names."""
    for name, value in instance._attributes.get(group, {}).items():
        if value is not None:
            yield prefix + name, value
    for name, child in held(instance):
        yield from members(child, group, f"{prefix}{name}.")


def submodules(instance: Instance, prefix: str = "") -> Iterator[tuple[str, Instance]]:
    """A module and all inside it, by their dotted names."""
    yield prefix, instance
    for name, child in held(instance):
        yield from submodules(child, f"{prefix}.{name}" if prefix else name)


def state(instance: Instance, prefix: str = "") -> dict[str, Tensor]:
    """state_dict: parameters, then buffers that are saved, module by module."""
    found: dict[str, Tensor] = {}
    own = instance._attributes
    for group in ("_parameters", "_buffers"):
        for name, value in own.get(group, {}).items():
            if isinstance(value, Tensor) and name not in own.get("_not_saved", ()):
                found[prefix + name] = value
    for name, child in held(instance):
        found.update(state(child, f"{prefix}{name}."))
    return found


def recast(instance: Instance, dtype: str | None, device: str | None) -> Instance:
    """.half(), .double(), .to(…): every parameter and buffer that is a float."""
    for _, one in submodules(instance):
        for group in ("_parameters", "_buffers"):
            values = one._attributes.get(group, {})
            for name, value in values.items():
                if not isinstance(value, Tensor):
                    continue
                if device:
                    value.storage.device = device
                if dtype and value.floating and value.dtype != dtype:
                    changed = value.like(dtype=dtype)
                    object.__setattr__(changed, "parameter", value.parameter)
                    changed.storage.requires_grad = value.storage.requires_grad
                    values[name] = changed
    return instance


def _to(interpreter: Any, self: Instance, *args: Any, **keywords: Any) -> Instance:
    for value in (*args, *keywords.values()):
        if isinstance(value, DType):
            recast(self, value.plain, None)
        elif isinstance(value, (Device, str)):
            recast(self, None, str(value))
        elif isinstance(value, Tensor):
            recast(self, value.dtype if value.floating else None, None)
    return self


def _cast(dtype: str) -> Callable[..., Any]:
    def rule(interpreter: Any, self: Instance, *args: Any) -> Instance:
        recast(self, dtype, None)
        return self

    return rule


def _train(interpreter: Any, self: Instance, mode: Any = True) -> Instance:
    for _, one in submodules(self):
        one._attributes["training"] = bool(mode) if not isinstance(mode, Unknown) else True
    return self


def _apply(interpreter: Any, self: Instance, function: Any) -> Instance:
    for _, one in reversed(list(submodules(self))):
        interpreter.call(function, [one], {})
    return self


def _register_buffer(
    interpreter: Any, self: Instance, name: str, tensor: Any, persistent: Any = True
) -> None:
    self._attributes["_buffers"][name] = tensor
    if persistent is False:
        self._attributes["_not_saved"].add(name)


def _register_parameter(interpreter: Any, self: Instance, name: str, param: Any) -> None:
    self._attributes["_parameters"][name] = param


def _add_module(interpreter: Any, self: Instance, name: str, child: Any) -> None:
    self._attributes["_modules"][name] = child


def _state_dict(
    interpreter: Any, self: Instance, destination: Any = None, prefix: str = "",
    keep_vars: Any = False,
) -> dict[str, Tensor]:  # fmt: skip
    found = state(self, prefix)
    return found if keep_vars is True else {name: detach(value) for name, value in found.items()}


def _load(
    interpreter: Any, self: Instance, state_dict: Any, strict: Any = True, assign: Any = False
) -> Any:
    own = {name: value.shape for name, value in state(self).items()}
    if not isinstance(state_dict, dict) or any(
        isinstance(k, Unknown) or (k in own and isinstance(v, Unknown))
        for k, v in state_dict.items()
    ):
        return interpreter.unknown("", None)
    given = {
        name: value.shape if isinstance(value, Tensor) else ()
        for name, value in state_dict.items()
        if isinstance(value, Tensor) or (isinstance(name, str) and name not in own)
    }
    both = [(own[n], given[n]) for n in own if n in given]
    pairs = [pair for a, b in both if len(a) == len(b) for pair in zip(a, b)]
    if strict is False:
        own = {n: shape for n, shape in own.items() if n in given}
        given = {n: shape for n, shape in given.items() if n in own}
    message = load_error(given, own, self._cls.name)
    if message:
        raise Refusal(
            "RuntimeError", message, argument=state_dict, sizes=pairs, wants={"load": (own, given)}
        )
    return interpreter.unknown("", None)


def _named(group: str) -> Callable[..., Any]:
    def rule(
        interpreter: Any, self: Instance, prefix: str = "", recurse: Any = True, **keywords: Any
    ) -> Any:
        if isinstance(prefix, bool):
            prefix = ""
        seen: dict[int, Any] = {}
        for name, value in members(self, group, f"{prefix}." if prefix else ""):
            seen.setdefault(id(value), (name, value))
        return list(seen.values())

    return rule


def _plainly(group: str) -> Callable[..., Any]:
    named = _named(group)
    return lambda interpreter, self, *a, **k: Iter(iter([v for _, v in named(interpreter, self)]))


def _children(interpreter: Any, self: Instance) -> Any:
    return [c for c in self._attributes.get("_modules", {}).values() if c is not None]


def _getattribute(interpreter: Any, self: Instance, target: str) -> Any:
    found: Any = self
    for name in target.split(".") if target else []:
        found = interpreter.attribute(found, name)
    return found


def _init(interpreter: Any, self: Instance, *args: Any, **keywords: Any) -> None:
    if not self._attributes.get("_parameters") and "_modules" not in self._attributes:
        own = dict(self._attributes)
        module_state(self)
        self._attributes.update(own)
    if (args or keywords) and self._cls.mro[-2].name == "Module":
        words = f"takes 1 positional argument but {len(args) + 1} were given"
        if not args:
            words = f"got an unexpected keyword argument '{next(iter(keywords))}'"
        raise type_error(f"{self._cls.name}.__init__() {words}")


def _zero_grad(interpreter: Any, self: Instance, *args: Any, **_: Any) -> None:
    interpreter.record.gradient("cleared", parameters_in(self), None, interpreter.place())


def parameters_in(module: Instance) -> list[Tensor]:
    """The parameters of a module and of those in it."""
    return [p for _, p in members(module, "_parameters") if isinstance(p, Tensor)]


def _requires_grad(interpreter: Any, self: Instance, requires_grad: Any = True) -> Instance:
    for one in parameters_in(self):
        one.storage.requires_grad = requires_grad is not False
    return self


def module_methods() -> dict[str, Any]:
    """The methods of nn.Module."""
    same = lambda interpreter, self, *a, **k: self  # noqa: E731
    nothing = lambda interpreter, *a, **k: None  # noqa: E731
    handle = lambda interpreter, self, *a, **k: interpreter.unknown("")  # noqa: E731
    rules: dict[str, Callable[..., Any]] = {
        "__init__": _init, "to": _to, "cuda": lambda i, s, *a: (recast(s, None, "cuda:0"), s)[1],
        "cpu": lambda i, s: recast(s, None, "cpu"), "float": _cast("float32"),
        "double": _cast("float64"), "half": _cast("float16"), "bfloat16": _cast("bfloat16"),
        "train": _train, "eval": lambda i, s: _train(i, s, False), "apply": _apply,
        "requires_grad_": _requires_grad, "zero_grad": _zero_grad, "share_memory": same,
        "compile": nothing,
        "register_buffer": _register_buffer, "register_parameter": _register_parameter,
        "add_module": _add_module, "register_module": _add_module, "load_state_dict": _load,
        "state_dict": _state_dict, "parameters": _plainly("_parameters"),
        "buffers": _plainly("_buffers"), "named_parameters": _named("_parameters"),
        "named_buffers": _named("_buffers"), "children": _children,
        "named_children": lambda i, s: [(n, c) for n, c in s._attributes.get("_modules",
        {}).items()],
        "modules": lambda i, s: [m for _, m in submodules(s)],
        "named_modules": lambda i, s, *a, **k: list(submodules(s)),
        "get_submodule": _getattribute, "get_parameter": _getattribute, "extra_repr": lambda i,
        s: "",
        "register_forward_hook": handle, "register_forward_pre_hook": handle,
        "register_full_backward_hook": handle, "register_backward_hook": handle,
        "type": same, "to_empty": same, "_get_name": lambda i, s: s._cls.name,
    }  # fmt: skip
    return natives(rules, "Module.")


# -------------------------------------------------------------------------------------- containers


def _child(value: Any) -> None:
    module = isinstance(value, Instance) and "_modules" in value._attributes
    if not module and not isinstance(value, Unknown):
        raise type_error(f"{_path(value)} is not a Module subclass", argument=value)


def _path(value: Any) -> str:
    if isinstance(value, Class):
        return f"torch.nn.modules.{value.name}" if value.path else f"__main__.{value.name}"
    name = type_name(value)
    return f"torch.{name}" if isinstance(value, Tensor) else name


def _put(self: Instance, name: str, value: Any) -> None:
    self._attributes["_modules"][name] = value


def _add(self: Instance, value: Any) -> None:
    """One module more, called by its place."""
    _child(value)
    _put(self, str(len(self._attributes["_modules"])), value)


def _position(self: Instance, index: Any) -> str:
    names = list(self._attributes["_modules"])
    if not isinstance(index, int):
        raise type_error(f"'{type_name(index)}' object cannot be interpreted as an integer")
    if not -len(names) <= index < len(names):
        raise Refusal("IndexError", f"index {index} is out of range")
    return names[index]


def _get(interpreter: Any, self: Instance, index: Any) -> Any:
    children = self._attributes["_modules"]
    if isinstance(index, slice):
        made = Instance(self._cls)
        module_state(made)
        made._attributes["_modules"] = {
            str(i): v for i, v in enumerate(list(children.values())[index])
        }
        return made
    if isinstance(index, Unknown):
        kinds = {v._cls for v in children.values() if isinstance(v, Instance)}
        return next(iter(children.values())) if len(kinds) == 1 else index
    return children[_position(self, index)]


def _set(interpreter: Any, self: Instance, index: Any, value: Any) -> None:
    self._attributes["_modules"][_position(self, index)] = value


def _appended(interpreter: Any, self: Instance, module: Any) -> Instance:
    _add(self, module)
    return self


def _counted(interpreter: Any, self: Instance) -> int:
    return len(self._attributes["_modules"])


def _iterated(interpreter: Any, self: Instance) -> Any:
    return list(self._attributes["_modules"].values())


@module("torch.nn.Sequential")
class Sequential:
    def __init__(interpreter: Any, self: Any, *args):
        if len(args) == 1 and isinstance(args[0], dict):
            for name, value in args[0].items():
                _put(self, name, value)
            return
        for value in args:
            _add(self, value)

    def forward(interpreter: Any, self: Any, input):
        for name, child in list(self._attributes["_modules"].items()):
            try:
                input = interpreter.call(child, [input], {})
            except Refusal as refusal:
                if not hasattr(refusal, "child"):
                    refusal.child = name  # type: ignore[attr-defined]
                raise
        return input

    append, __len__, __getitem__, __setitem__, __iter__ = _appended, _counted, _get, _set, _iterated


@module("torch.nn.ModuleList")
class ModuleList:
    def __init__(interpreter: Any, self: Any, modules=None):
        if modules is not None:
            ModuleList.extend(interpreter, self, modules)

    def extend(interpreter: Any, self: Any, modules):
        items = interpreter.listed(modules)
        if isinstance(items, Unknown):
            self._attributes["_modules"]["?"] = items
            return self
        for value in items:
            _add(self, value)
        return self

    def insert(interpreter: Any, self: Any, index, module):
        values = list(self._attributes["_modules"].values())
        values.insert(index, module)
        self._attributes["_modules"] = {str(i): v for i, v in enumerate(values)}

    append, __len__, __getitem__, __setitem__ = _appended, _counted, _get, _set
    __iter__, __iadd__ = _iterated, extend


@module("torch.nn.ModuleDict")
class ModuleDict:
    def __init__(interpreter: Any, self: Any, modules=None):
        if modules is not None:
            ModuleDict.update(interpreter, self, modules)

    def update(interpreter: Any, self: Any, modules):
        pairs = modules.items() if isinstance(modules, dict) else interpreter.listed(modules)
        for name, value in pairs:
            _put(self, name, value)

    def __getitem__(interpreter: Any, self: Any, key):
        children = self._attributes["_modules"]
        if key not in children:
            raise Refusal("KeyError", repr(key))
        return children[key]

    def __setitem__(interpreter: Any, self: Any, key, value):
        _put(self, key, value)

    def __contains__(interpreter: Any, self: Any, key):
        return key in self._attributes["_modules"]

    def keys(interpreter: Any, self: Any):
        return list(self._attributes["_modules"])

    __len__, __iter__, values = _counted, keys, _iterated

    def items(interpreter: Any, self: Any):
        return list(self._attributes["_modules"].items())


@module("torch.nn.ParameterList")
class ParameterList:
    def __init__(interpreter: Any, self: Any, values=None):
        for i, value in enumerate(interpreter.listed(values) if values is not None else []):
            self._attributes["_parameters"][str(i)] = value

    def append(interpreter: Any, self: Any, value):
        self._attributes["_parameters"][str(len(self._attributes["_parameters"]))] = value
        return self

    def __len__(interpreter: Any, self: Any):
        return len(self._attributes["_parameters"])

    def __getitem__(interpreter: Any, self: Any, index):
        return list(self._attributes["_parameters"].values())[index]

    def __iter__(interpreter: Any, self: Any):
        return list(self._attributes["_parameters"].values())


@module("torch.nn.ParameterDict")
class ParameterDict:
    def __init__(interpreter: Any, self: Any, values=None):
        self._attributes["_parameters"].update(values or {})

    def __getitem__(interpreter: Any, self: Any, key):
        return self._attributes["_parameters"][key]

    def __setitem__(interpreter: Any, self: Any, key, value):
        self._attributes["_parameters"][key] = value


@module(
    "torch.nn.DataParallel",
    "torch.nn.parallel.DataParallel",
    "torch.nn.parallel.DistributedDataParallel",
)
class DataParallel:
    """Without a GPU it passes its call on."""

    def __init__(interpreter: Any, self: Any, module, *args, **keywords):
        _put(self, "module", module)

    def forward(interpreter: Any, self: Any, *inputs, **keywords):
        return interpreter.call(self._attributes["_modules"]["module"], list(inputs), keywords)


# ------------------------------------------------------------------ what wraps, and what sets modes


@row("torch.jit.script", "torch.compile", "torch.jit.ignore", "torch.jit.export",
"torch.jit.unused",
     "torch.jit.script_method", "torch.no_grad", "torch.enable_grad", "torch.inference_mode",
     "torch.set_grad_enabled", "torch.autograd.set_detect_anomaly", "torch.autocast",
     "torch.cuda.amp.autocast",
     "torch.amp.autocast", "torch.jit.trace", interpreter=True, unknowns=True)  # fmt: skip
def wrapped(interpreter, value=None, *args, **keywords):
    if isinstance(value, (Instance, Bound)) or type(value).__name__ == "Function":
        return value
    node = interpreter.frame.node
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    sets = name.endswith("set_grad_enabled")
    if sets and isinstance(value, bool):
        interpreter.grad_off = not value
    off = name.endswith(("no_grad", "inference_mode")) or (sets and value is False)
    return Instance(CONTEXT, {"off": off})


def _enter(interpreter: Any, self: Any):
    self._attributes["before"] = getattr(interpreter, "grad_off", False)
    if self._attributes.get("off"):
        interpreter.grad_off = True
    return self


def _leave(interpreter: Any, self: Any, *error):
    interpreter.grad_off = self._attributes.get("before", False)


CONTEXT = make_class("context", [OBJECT], names=natives({
    "__enter__": _enter, "__exit__": _leave, "__call__": lambda i, self, function: function,
}))  # fmt: skip


@row("Tensor.backward", "torch.autograd.backward", interpreter=True, unknowns=True)
def backward(
    interpreter: Any, self: Any, gradient=None, retain_graph=None, create_graph=False, inputs=None
):
    if not isinstance(self, Tensor):
        return None
    if self.numel != 1 and gradient is None and not isinstance(self.numel, Unknown):
        raise Refusal(
            "RuntimeError", "grad can be implicitly created only for scalar outputs", argument=self
        )
    freed = interpreter.freed
    if self.graph & freed.keys():
        raise Refusal(
            "RuntimeError",
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are "
            "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you "
            "need to backward through the graph a second time or if you need to access saved "
            "tensors after calling backward.",
            argument=self, wants={"graph": self.graph & freed.keys()},
        )  # fmt: skip
    refused = interpreter.record.backward(self)
    if refused is not None:
        raise Refusal("RuntimeError", refused[0], argument=refused[1])
    if not retain_graph:
        place = interpreter.place()
        freed.update(dict.fromkeys(self.graph, place))
    return None


@row("torch.autograd.grad", interpreter=True, unknowns=True)
def grad(interpreter, outputs, inputs, *args, **keywords):
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    return tuple(one.like() for one in inputs)


@row(
    "torch.nn.utils.clip_grad_norm_",
    "torch.nn.utils.clip_grad_norm",
    "torch.nn.utils.clip_grad_value_",
    unknowns=True,
)
def clip(parameters, *args, **keywords):
    return Tensor(())


for _name in (
    "manual_seed", "cuda.manual_seed", "cuda.manual_seed_all", "set_default_dtype",
    "set_default_tensor_type", "cuda.empty_cache", "set_num_threads", "cuda.synchronize",
    "use_deterministic_algorithms", "set_printoptions", "cuda.set_device",
    "set_float32_matmul_precision", "set_default_device", "onnx.export",
):  # fmt: skip
    row(f"torch.{_name}", unknowns=True)(lambda *_, **__: None)
for _name in ("cuda.is_available", "backends.mps.is_available", "cuda.is_bf16_supported",
              "distributed.is_initialized"):  # fmt: skip
    row(f"torch.{_name}")(lambda: False)
row("torch.cuda.device_count")(lambda: 0)


@row("torch.save", interpreter=True, unknowns=True)
def save(interpreter, obj, f, *args, **keywords):
    interpreter.saved[f if isinstance(f, str) else id(f)] = (obj, f)


@row("torch.load", interpreter=True, unknowns=True)
def load(interpreter, f, *args, **keywords):
    """What the program itself has saved there."""
    found = interpreter.saved.get(f if isinstance(f, str) else id(f))
    return found[0] if found else interpreter.unknown("what is read from a file")


row("torch.hub.load", "torch.jit.load", interpreter=True, unknowns=True)(
    lambda interpreter, *_, **__: interpreter.unknown("what is read from a file")
)
row("torch.autograd.Variable", unknowns=True)(
    lambda data=None, requires_grad=False, volatile=False: data
)


@row("torch.nn.utils.parameters_to_vector")
def vector(parameters):
    return Tensor((sum((product(r.shape) for r in parameters), 0),))
