"""The types of a plan's values: each reads the text that a person wrote, and says in words what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NoReturn, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from mt5canary.plan.durations import parse_duration

CRITERIA = tuple(
    f"{stage}{number}"
    for stage, count in {"L": 6, "D": 5, "X": 11, "G": 6, "E": 5}.items()
    for number in range(1, count + 1)
)
"""Every criterion's identifier."""

NO_AGE = "none"
"""What ``decision.max_age`` says for a record of any age; no other key takes it."""


@dataclass(frozen=True)
class Expect:
    """What a field takes, in words; stands in its annotation where the type alone does not say it."""

    words: str


class Secret(SecretStr):
    """A value that is shown as asterisks and refuses to be pickled."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: read it from its source again")

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


def crossed(message: str, **values: object) -> PydanticCustomError:
    """Make the error of a value that is right by itself and wrong beside another; the message says both."""
    return PydanticCustomError("crossed", message, values)


def seconds(count: float) -> timedelta:
    """Return a bound of a duration."""
    return timedelta(seconds=count)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _age(value: object) -> object:
    if isinstance(value, str):
        return None if value == NO_AGE else parse_duration(value)
    return value


def _host(value: str) -> str:
    if ":" in value:  # only an IPv6 address has one; host:port has not its place here
        import ipaddress

        ipaddress.IPv6Address(value.partition("%")[0])
    return value


def _address(value: str) -> str:
    import ipaddress

    ipaddress.ip_address(value)
    return value


def _criterion(value: str) -> str:
    if value not in CRITERIA:
        raise ValueError("not a criterion")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Age = Annotated[
    timedelta | None, BeforeValidator(_age), Expect("a duration such as 24h, or none for a record of any age")
]
Amount = Annotated[Decimal, Field(max_digits=15)]
Host = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._:%-]{1,253}$"),
    AfterValidator(_host),
    Expect("a host name or an address alone, without scheme or port"),
]
Address = Annotated[str, AfterValidator(_address), Expect("an IP address of this node, such as 192.0.2.10")]
Name = Annotated[
    # the signed texts of the protocol refuse the separator and control characters
    str, Field(pattern=r"^[^|\x00-\x1f\x7f]{1,64}$"), Expect("a name of 1 to 64 characters without |")
]
TargetName = Annotated[
    # no dot: a field's dotted path must name it without doubt
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Expect("a name of letters, digits, - and _")
]
Digest = Annotated[
    str,
    Field(pattern=r"^(?:[0-9a-f]{16}|[0-9a-f]{64})$"),
    Expect("16 (legacy16) or 64 (sha256) lower-case hex digits"),
]
Criterion = Annotated[
    str, AfterValidator(_criterion), Expect("a criterion's identifier: L1-L6, D1-D5, X1-X11, G1-G6, E1-E5")
]
FilePath = Annotated[
    # pathlib would read an empty text as the current folder
    Path, BeforeValidator(lambda value: value or None), Expect("a path, relative to the plan's file")
]
