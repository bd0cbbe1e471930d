"""What Python itself takes is no mistake of a program, also where it is not modelled here."""

import pytest

from rnnshape.programs.follow import Request, follow
from rnnshape.programs.source import source_of

BEFORE = "import torch\nfrom torch import nn\nout, _ = nn.LSTM(3, 4)(torch.zeros(2, 3, 3))\n"
PROGRAMS = {
    "a single instance": """
class One:
    made = None
    def __new__(cls, *args):
        if cls.made is None:
            cls.made = super().__new__(cls)
        return cls.made
    def __init__(self, a):
        self.a = a
assert One(4) is One(3) and One(5).a == 5
class Own(object):
    def __new__(cls, a):
        self = object.__new__(cls)
        self.a = a
        return self
assert Own(3).a == 3
""",
    "the module by its name": "import sys\nme = sys.modules[__name__]\n__builtins__\n",
    "a wrapper's own names": """
def counted(f):
    def wrapper(*a):
        return f(*a)
    wrapper.__dict__.update(f.__dict__)
    wrapper.calls = 0
    return wrapper
assert counted(len).calls == 0 if hasattr(len, "__dict__") else True
@counted
def double(x):
    return 2 * x
assert double(3) == 6 and double.calls == 0
""",
    "a deleter": """
class P:
    def __init__(self): self._v = 1
    @property
    def v(self): return self._v
    @v.setter
    def v(self, n): self._v = n
    @v.deleter
    def v(self): self._v = 0
p = P()
p.v = 4
""",
    "bytes": "for b in b'abc': assert b > 90\nassert list(b'ab') == [97, 98]\n",
    "named tuples": """
from collections import namedtuple
P = namedtuple("P", "x y")
P.x.__doc__ = "across"
P(3, 4)._replace(x=2)
P._make([1, 2])._asdict()
Q = namedtuple("Q", "x y")
Q.__new__.__defaults__ = (None,) * len(Q._fields)
Q()
""",
    "names made by exec": "exec('W = 4')\nW\n",
    "members of enums": """
from enum import Enum, IntEnum, IntFlag
class Mode(Enum):
    A = "a"
    B = "b"
assert Mode("b") is Mode.B and Mode["A"].value == "a" and Mode.A != Mode.B
class Size(IntEnum):
    N = 3
Size.N + 1, Size.N < 4, [0] * Size.N
class Bits(IntFlag):
    A = 1
    B = 2
(Bits.A | Bits.B).value
class Word(str, Enum):
    X = "x"
Word.X.upper() + "a"
""",
    "what a metaclass and hooks of a class do": """
class Meta(type):
    def __new__(meta, name, bases, names, **more):
        cls = super().__new__(meta, name, bases, names)
        cls.tag = name.lower()
        return cls
class A(metaclass=Meta):
    pass
A.tag.upper()
class Base:
    known = {}
    def __init_subclass__(cls, key=None, **more):
        super().__init_subclass__(**more)
        Base.known[key] = cls
class Sub(Base, key="s"):
    pass
assert Base.known["s"] is Sub
class Field:
    def __set_name__(self, owner, name): self.name = name
    def __get__(self, one, cls=None): return 4 if one else self
class Held:
    size = Field()
Held().size + 1
""",
    "a frozen data class that fills itself": """
from dataclasses import dataclass
@dataclass(frozen=True)
class C:
    a: int = 3
    def __post_init__(self): object.__setattr__(self, "twice", 2 * self.a)
assert C(4).twice == 8
""",
    "counters": "from collections import Counter\nCounter('ab') + Counter('b')\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_python_takes_is_no_problem(name):
    exec(compile(PROGRAMS[name], name, "exec"), {"__name__": "builtins"})
    (one,) = follow(Request(source_of(BEFORE + PROGRAMS[name], "program.py")))
    assert one.problem is None
