"""A verification harness for one tiny real order, whose report passes only on evidence.

msgspec takes from typing_extensions, where that is installed, what Python's own typing has since 3.11, and with it come
inspect, ast and tokenize: a sixth of a gateway's start. So msgspec is imported here as if it were not there.
"""

import sys

__version__ = "0.1.0"

if "msgspec" not in sys.modules and "typing_extensions" not in sys.modules:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
