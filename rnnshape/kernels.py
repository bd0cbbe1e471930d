"""Which matrix kernels NumPy is to load: a hint that a program may give before it imports NumPy."""

from __future__ import annotations

import os
import sys

_NEEDED = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def prefer_avx512() -> bool:
    """Let the OpenBLAS in NumPy's wheels use its AVX-512 kernels where the processor has them.

    OpenBLAS knows AMD's processors by name and takes its AVX2 kernels for those that it does not
    know, which makes large products about 1.7 times slower than they need be. Only for a program
    of our own: it sets the process's environment. Does nothing once NumPy is loaded, where the
    variable is set already, or off Linux; returns whether it set it.
    """
    if "numpy" in sys.modules or "OPENBLAS_CORETYPE" in os.environ:
        return False
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            first = file.read(8192).split("\n\n")[0]
    except OSError:
        return False
    flags = next((line for line in first.splitlines() if line.startswith("flags")), "")
    if "AuthenticAMD" not in first or not _NEEDED.issubset(flags.split()):
        return False
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    return True
