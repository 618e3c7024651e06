"""Tamperings of a bundle, each made from a number, and what each must be found under.

A forger here has everything: the format, this code, a key of his own. What he has not is the signing key, and the
gateway's replies as they were.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mt5canary.evidence import attestation, manifest, signing
from mt5canary.evidence.chain import FIRST

CHAIN = "evidence.jsonl"
FLIPPED = {CHAIN: {"chain"}, "manifest.json": {"manifest", "statement"}, "attestation.json": {"signature"}}
"""Under what a change inside a file is found that has its own check; any other is found under its own name."""

EDITS = (
    ("UNPROVEN", "PASS"),
    ('"PASS"', '"FAIL"'),
    ("EURUSD", "GBPUSD"),
    ("simulator", "broker"),
    ("true", "false"),
)
DOCUMENTS = (
    "COMPLETION_REPORT.md",
    "EXECUTION_PLAN.md",
    "VERIFY_LOG.log",
    "LIVE_EXECUTION_LOG.log",
    "PHYSICAL_EVIDENCE.log",
    "report.html",
)


class Forger:
    """Changes one bundle; ``other`` is another run's, ``key`` a key of the forger's own."""

    def __init__(self, bundle: Path, other: Path, key: Path, number: int) -> None:
        self.bundle = bundle
        self.other = other
        self.key = key
        self.random = random.Random(number)

    # -- means

    @property
    def lines(self) -> list[bytes]:
        """The chain's lines."""
        return (self.bundle / CHAIN).read_bytes().splitlines(keepends=True)

    def write(self, lines: list[bytes]) -> None:
        """Store lines as the chain."""
        (self.bundle / CHAIN).write_bytes(b"".join(lines))

    def relink(self, lines: list[bytes]) -> None:
        """Store lines as a chain that holds: numbers, links and the seal made anew."""
        head, made = FIRST, []
        for number, line in enumerate(lines):
            start = b'{"prev":"%s","seq":%d' % (head.encode(), number)
            linked = re.sub(rb'^\{"prev":"[0-9a-f]{64}","seq":\d+', start, line)
            if b'"kind":"seal"' in line[:200]:
                seal = b'"count":%d,"head":"%s"' % (number, head.encode())
                linked = re.sub(rb'"count":\d+,"head":"[0-9a-f]{64}"', seal, linked)
            made.append(linked)
            head = hashlib.sha256(linked).hexdigest()
        self.write(made)

    def remake_manifest(self) -> None:
        """Describe the bundle as it is now."""
        run = json.loads(self.lines[0])["run"]
        manifest.write(self.bundle, run, CHAIN)

    def choose(self, kind: str, **wanted: Any) -> int:
        """The number of a record of one kind."""
        found = [
            number
            for number, line in enumerate(self.lines)
            if (record := json.loads(line))["kind"] == kind
            and all(record.get(name) == value for name, value in wanted.items())
        ]
        return self.random.choice(found)

    def change(self, number: int, **members: Any) -> list[bytes]:
        """The chain's lines with members of one record changed."""
        lines = self.lines
        record = json.loads(lines[number]) | members
        lines[number] = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        return lines

    # -- tamperings; each returns the subjects under one of which it must be found

    def flip_a_byte(self) -> set[str]:
        """One bit of one file."""
        files = sorted(path for path in self.bundle.rglob("*") if path.is_file() and path.stat().st_size)
        path = self.random.choice(files)
        content = bytearray(path.read_bytes())
        content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
        path.write_bytes(content)
        name = path.relative_to(self.bundle).as_posix()
        return FLIPPED.get(name, {name})

    def remove_a_record(self) -> set[str]:
        """One record of the middle."""
        lines = self.lines
        del lines[self.random.randrange(len(lines) - 1)]
        self.write(lines)
        return {"chain"}

    def add_a_record(self) -> set[str]:
        """A record that is there already, once more, anywhere; or a new one that follows the last."""
        lines = self.lines
        if self.random.random() < 0.5:
            lines.insert(self.random.randrange(len(lines) + 1), self.random.choice(lines))
            self.write(lines)
            return {"chain"}
        self.relink([*lines, lines[self.choose("log")]])
        self.remake_manifest()
        return {"statement"}

    def move_a_record(self) -> set[str]:
        """Two records change places."""
        lines = self.lines
        first, second = self.random.sample(range(len(lines)), 2)
        lines[first], lines[second] = lines[second], lines[first]
        self.write(lines)
        return {"chain"}

    def replace_a_record(self) -> set[str]:
        """One digit of one record."""
        lines = self.lines
        number = self.random.randrange(len(lines) - 1)
        digits = [place for place, byte in enumerate(lines[number]) if chr(byte).isdigit()]
        place = self.random.choice(digits)
        changed = bytearray(lines[number])
        changed[place] = ord(str((int(chr(changed[place])) + 1) % 10))
        lines[number] = bytes(changed)
        self.write(lines)
        return {"chain"}

    def swap_files_between_runs(self) -> set[str]:
        """A file of another run in the place of this one's."""
        names = [path.name for path in self.other.iterdir() if path.is_file() and (self.bundle / path.name).is_file()]
        name = self.random.choice([each for each in sorted(names) if not self._is_same(each)])
        (self.bundle / name).write_bytes((self.other / name).read_bytes())
        return {name, {CHAIN: "manifest", "manifest.json": "manifest"}.get(name, name)}

    def _is_same(self, name: str) -> bool:
        return (self.bundle / name).read_bytes() == (self.other / name).read_bytes()

    def cut_the_tail(self) -> set[str]:
        """The last records gone, at a record's end or inside one, the manifest as it was or remade."""
        lines = self.lines
        kept = b"".join(lines[: -self.random.randrange(1, 40)])
        if self.random.random() < 0.5:
            kept = kept[: -self.random.randrange(1, 30)]
        (self.bundle / CHAIN).write_bytes(kept)
        if self.random.random() < 0.5:
            self.remake_manifest()
            return {"statement", "chain", "verdict"}
        return {"manifest", CHAIN}

    def edit_the_verdict(self) -> set[str]:
        """verdict.json says something else, and the manifest knows it."""
        path = self.bundle / "verdict.json"
        text = path.read_text()
        old, new = self.random.choice([pair for pair in EDITS if pair[0] in text])
        path.write_text(text.replace(old, new, self.random.choice([1, -1])))
        self.remake_manifest()
        return {"verdict.json"}

    def edit_a_document(self) -> set[str]:
        """A report or a log is embellished, and the manifest knows it."""
        name = self.random.choice(DOCUMENTS)
        content = (self.bundle / name).read_bytes()
        if name == "report.html":
            (self.bundle / name).write_bytes(content.replace(b"EURUSD", b"GBPUSD").replace(b"REHEARSAL", b"RUN"))
        else:
            place = self.random.randrange(len(content))
            (self.bundle / name).write_bytes(content[:place] + b"0" + content[place + 1 :] + b"!\n")
        self.remake_manifest()
        return {name}

    def rewrite_a_measurement(self) -> set[str]:
        """A measurement's value, the whole chain and the manifest made to fit it."""
        number = self.choose("measurement")
        record = json.loads(self.lines[number])
        value = record["value"]
        if isinstance(value, bool):
            other: Any = not value
        else:
            other = f"{value}0" if isinstance(value, str) else (value or 0) * 1.5 + 1
        self.relink(self.change(number, value=other))
        self.remake_manifest()
        return {record["criterion"], "statement"}

    def rewrite_a_reply(self) -> set[str]:
        """A digit of what the gateway answered, the whole chain and the manifest made to fit it."""
        lines = self.lines
        answered = [n for n, line in enumerate(lines) if b'"kind":"exchange"' in line[:200] and b'"reply":"' in line]
        number = self.random.choice(answered)
        record = json.loads(lines[number])
        reply = bytearray(base64.b64decode(record["reply"]))
        place = self.random.choice([at for at, byte in enumerate(reply) if chr(byte).isdigit()])
        reply[place] = ord(str((int(chr(reply[place])) + 1) % 10))
        self.relink(self.change(number, reply=base64.b64encode(reply).decode()))
        self.remake_manifest()
        return {"statement"}

    def sign_with_another_key(self) -> set[str]:
        """The statement is signed again, by a key of the forger's, and its key put beside it."""
        content = json.loads(base64.b64decode(json.loads((self.bundle / "attestation.json").read_text())["payload"]))
        attestation.write(self.bundle, attestation.seal(content, signing.read_private(self.key)))
        return {"signature"}

    def rewrite_everything(self) -> set[str]:
        """A reply, the chain, who was to sign, the manifest, and a signature by a key of the forger's."""
        found = self.rewrite_a_reply()
        fingerprint = signing.read_private(self.key).public.fingerprint
        self.relink(self.change(0, signed_by=fingerprint))
        self.remake_manifest()
        self.sign_with_another_key()
        return {*found, "signature"}

    def unsign(self) -> set[str]:
        """The attestation is gone, and the first record promises none."""
        (self.bundle / "attestation.json").unlink()
        if self.random.random() < 0.5:
            self.relink(self.change(0, signed_by=""))
            self.remake_manifest()
        return {"signature"}

    def add_or_remove_a_file(self) -> set[str]:
        """A file more, or one less."""
        files = sorted(path for path in self.bundle.rglob("*") if path.is_file())
        path = self.random.choice([each for each in files if each.name not in FLIPPED])
        if self.random.random() < 0.5:
            path.unlink()
        else:
            path = path.with_name("more.txt")
            path.write_text("more")
        return {path.relative_to(self.bundle).as_posix()}


KINDS: tuple[Callable[[Forger], set[str]], ...] = (
    Forger.flip_a_byte,
    Forger.remove_a_record,
    Forger.add_a_record,
    Forger.move_a_record,
    Forger.replace_a_record,
    Forger.swap_files_between_runs,
    Forger.cut_the_tail,
    Forger.edit_the_verdict,
    Forger.edit_a_document,
    Forger.rewrite_a_measurement,
    Forger.rewrite_a_reply,
    Forger.sign_with_another_key,
    Forger.rewrite_everything,
    Forger.unsign,
    Forger.add_or_remove_a_file,
)
