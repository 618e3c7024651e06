"""Five hundred tamperings of a bundle: every one is found, and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mt5canary.verify.findings import State
from mt5canary.verify.verification import verify
from tests.canary.harness import Harness
from tests.verify.tampering import KINDS, Forger

IN_CI = 105
ALL = 500


class Restored:
    """A bundle that is what it was after each tampering."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.bundle = Path(shutil.copytree(original, folder))
        self._files = {path: path.read_bytes() for path in self.bundle.rglob("*") if path.is_file()}

    def restore(self) -> None:
        """Put every file back, and take away what was added."""
        for path in [path for path in self.bundle.rglob("*") if path.is_file() and path not in self._files]:
            path.unlink()
        for path, content in self._files.items():
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)


@pytest.fixture(scope="module")
def restored(flown: Harness, tmp_path_factory: pytest.TempPathFactory) -> Restored:
    return Restored(flown.bundles[0], tmp_path_factory.mktemp("tampered") / "run")


@pytest.fixture
def tampered(restored: Restored) -> Iterator[Path]:
    yield restored.bundle
    restored.restore()


def not_found(flown: Harness, restored: Restored, numbers: range) -> list[str]:
    """The tamperings, by number and kind, that verification does not find or finds under another name."""
    missed = []
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        forger = Forger(restored.bundle, flown.bundles[1], flown.folder / "other" / "signing.key", number)
        expected = kind(forger)
        found = verify(restored.bundle, public_key=flown.folder / "keys" / "signing.pub")
        named = {item.subject for item in (*found.of(State.CONTRADICTED), *found.of(State.MISSING))}
        if found.exit_status != 1 or not named & expected or found.verdict is not None:
            missed.append(f"{number} {kind.__name__}: status {found.exit_status}, {sorted(named)}, not {expected}")
        restored.restore()
    return missed


def test_tamperings_are_found_and_named(flown: Harness, restored: Restored) -> None:
    """Some of each kind; status 1, the subject named, and no verdict given."""
    assert not_found(flown, restored, range(IN_CI)) == []


@pytest.mark.nightly
def test_all_tamperings_are_found_and_named(flown: Harness, restored: Restored) -> None:
    """All five hundred."""
    assert not_found(flown, restored, range(IN_CI, ALL)) == []


def test_the_bundle_itself_holds(flown: Harness, restored: Restored) -> None:
    """What the tamperings start from is good, or none of them would prove anything."""
    found = verify(restored.bundle, public_key=flown.folder / "keys" / "signing.pub")
    assert (found.state, found.exit_status) == (State.HOLDS, 0), found.items


FORGED: dict[str, Callable[[Forger], set[str]]] = {
    "measurement": Forger.rewrite_a_measurement,
    "verdict": Forger.edit_the_verdict,
    "document": Forger.edit_a_document,
}


@pytest.mark.parametrize("name", FORGED)
def test_an_unsigned_bundle_contradicts_itself(flown: Harness, unsigned: Path, name: str) -> None:
    """Without any signature: what the raw replies do not say is found, however well chain and manifest were remade."""
    for number in range(10):
        copy = Path(shutil.copytree(unsigned, unsigned.with_name(f"{name}-{number}")))
        expected = FORGED[name](Forger(copy, flown.bundles[0], flown.folder / "other" / "signing.key", number))
        found = verify(copy)
        named = {item.subject for item in found.of(State.CONTRADICTED)}
        assert found.exit_status == 1, (number, expected)
        assert named & expected, (number, named, expected)
