"""What the fields of a plan take: each kind reads the text that a person wrote, and says in words what is right."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, Self

from msgspec import Struct

from mt5canary.plan.durations import format_duration, parse_duration

CRITERIA = tuple(
    f"{stage}{number}"
    for stage, count in {"L": 6, "D": 5, "X": 11, "G": 6, "E": 5}.items()
    for number in range(1, count + 1)
)
"""Every criterion's identifier."""

NO_AGE = "none"
"""What ``decision.max_age`` says for a record of any age; no other key takes it."""

MASK = "****"
_MOST_DIGITS = 15
_SHORTEST_SECRET = 32
_BOUNDS = {"at_least": operator.ge, "above": operator.gt, "at_most": operator.le, "below": operator.lt}


class Secret:
    """A value that is used and never shown: as a text it is a mask, and nothing pickles or encodes it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the value, for the one who signs with it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: read it from its source again")


class Beyond(ValueError):
    """A number or a duration outside its field's bounds."""


class Takes(Struct, frozen=True):
    """What one value may be, in words and as a function that reads it; the function raises ValueError."""

    words: str
    parse: Callable[[str], Any]
    secret: bool = False

    def read(self, written: str) -> Any:
        """Read a text; raises ValueError where it is not what the words say, or holds what no file could."""
        written.encode()
        return self.parse(written)

    def fits(self, written: str) -> bool:
        """Whether a text is what the words say."""
        try:
            self.read(written)
        except ValueError:
            return False
        return True


class Several(Struct, frozen=True):
    """A list of values of one kind."""

    each: Takes
    least: int = 0

    @property
    def words(self) -> str:
        """What the list may be, in words."""
        return f"a list of {'one or more' if self.least else 'any number'}, each {self.each.words}"


def whole(**bounds: int) -> Takes:
    """Take a whole number; bounds are ``at_least``, ``above``, ``at_most``, ``below``."""
    return _bounded("a whole number", _numeric(int), bounds)


def number(**bounds: float) -> Takes:
    """Take a number that need not be exact; bounds as of a whole one."""
    return _bounded("a number", _numeric(float), bounds)


def amount(**bounds: int | Decimal) -> Takes:
    """Take an exact decimal; bounds as of a whole number."""
    return _bounded("a number", _numeric(_decimal), bounds)


def span(**bounds: timedelta) -> Takes:
    """Take a duration; bounds as of a whole number."""
    return _bounded("a duration such as 30s or 5m,", parse_duration, bounds)


def seconds(count: float) -> timedelta:
    """Return a bound of a duration."""
    return timedelta(seconds=count)


def choice(values: Mapping[str, Any], words: str = "") -> Takes:
    """Take one of some words, for the value that it stands for."""

    def parse(written: str) -> Any:
        if written not in values:
            raise ValueError("not one of them")
        return values[written]

    return Takes(words or " or ".join(values), parse)


def fitting(pattern: str, words: str) -> Takes:
    """Take a text that a pattern fits as a whole."""

    def parse(written: str) -> str:
        if not re.fullmatch(pattern, written):
            raise ValueError("does not fit")
        return written

    return Takes(words, parse)


def _bounded(noun: str, parse: Callable[[str], Any], bounds: Mapping[str, Any]) -> Takes:
    limits = [(_BOUNDS[name], bound) for name, bound in bounds.items()]

    def within(written: str) -> Any:
        value = parse(written)
        if not all(holds(value, bound) for holds, bound in limits):
            raise Beyond
        return value

    said = {name: format_duration(one) if isinstance(one, timedelta) else str(one) for name, one in bounds.items()}
    if said.keys() == {"at_least", "at_most"}:
        words = f"from {said['at_least']} to {said['at_most']}"
    else:
        words = " and ".join(f"{name.replace('_', ' ')} {one}" for name, one in said.items())
    return Takes(f"{noun} {words}", within)


def _numeric(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Read finite numbers, in no other digits than 0 to 9."""

    def parse(written: str) -> Any:
        if not written.isascii():
            raise ValueError("no ASCII")
        try:
            value = kind(written)
            finite = isfinite(value)
        except ArithmeticError:  # an integer beyond any float, or what decimal says for a ValueError
            raise ValueError("no number of use") from None
        if not finite:
            raise Beyond
        return value

    return parse


def _decimal(written: str) -> Decimal:
    value = Decimal(written)
    if len(value.as_tuple().digits) > _MOST_DIGITS or abs(value.adjusted()) >= _MOST_DIGITS:
        raise ValueError("too many digits")
    return value


def _age(written: str) -> timedelta | None:
    return None if written == NO_AGE else parse_duration(written)


def _path(written: str) -> Path:
    if not written:
        raise ValueError("pathlib would read it as the current folder")
    return Path(written)


def _secret(written: str) -> Secret:
    if len(written) < _SHORTEST_SECRET:
        raise ValueError("too short")
    return Secret(written)


def _host(written: str) -> str:
    if ":" in written:  # only an IPv6 address has one; host:port has not its place here
        import ipaddress

        ipaddress.IPv6Address(written.partition("%")[0])
    if not re.fullmatch(r"[A-Za-z0-9._:%-]{1,253}", written):
        raise ValueError("no name and no address")
    return written


def _address(written: str) -> str:
    import ipaddress

    ipaddress.ip_address(written)
    return written


YES_OR_NO = choice(
    {**dict.fromkeys(("true", "True", "yes", "on"), True), **dict.fromkeys(("false", "False", "no", "off"), False)},
    "true or false",
)
AGE = Takes(f"a duration such as 24h, or {NO_AGE} for a record of any age", _age)
FILE = Takes("a path, relative to the plan's file", _path)
CRITERION = choice({one: one for one in CRITERIA}, "a criterion's identifier: L1-L6, D1-D5, X1-X11, G1-G6, E1-E5")
HOST = Takes("a host name or an address alone, without scheme or port", _host)
ADDRESS = Takes("an IP address of this node, such as 192.0.2.10", _address)
NAME = fitting(  # the signed texts of the protocol refuse the separator and control characters
    r"[^|\x00-\x1f\x7f]{1,64}", "a name of 1 to 64 characters without |"
)
TASK = fitting(r"[^\s|\x00-\x1f\x7f]{1,64}", "a name of 1 to 64 characters without spaces")
TARGET_NAME = fitting(  # no dot: a field's dotted path must name it without doubt
    r"[A-Za-z0-9_-]{1,64}", "a name of letters, digits, - and _"
)
FEATURE = fitting(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", "a feature's name of at most 64 letters, digits, _, . and -")
DIGEST = fitting(r"[0-9a-f]{16}|[0-9a-f]{64}", "16 (legacy16) or 64 (sha256) lower-case hex digits")
CURRENCY = fitting(r"[A-Z]{3,8}", "a currency's code such as USD")
PUBLIC_KEY = fitting(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}", "a public key of 40 characters in Z85")
SCENARIO = fitting(r"(?s:.+)", "default, retail, or a file's path")
RISK_SECRET = Takes(f"at least {_SHORTEST_SECRET} characters, shared with the gateway", _secret, secret=True)
