"""A bundle verified: chain, files, signature, then the verdict from the raw records, then every document again."""

from __future__ import annotations

import gc
import hashlib
import re
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from mt5canary import __version__
from mt5canary.errors import UsageProblem
from mt5canary.evidence import books, documents, manifest
from mt5canary.evidence.execution_plan import EXECUTION_PLAN, execution_plan
from mt5canary.evidence.manifest import ChainHead, Manifest
from mt5canary.evidence.records import settings_of
from mt5canary.evidence.run import CHAIN_NAME
from mt5canary.evidence.verdict import Verdict
from mt5canary.plan import Resolved, load
from mt5canary.verify import criteria, files
from mt5canary.verify.accounts import Accounts
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.reading import Evidence, read
from mt5canary.verify.world import World

PAGE = "report.html"
NO_SECRET = "x" * 64
"""In place of a secret that the bundle's plan has masked; nothing is signed here."""


def verify(
    folder: Path,
    *,
    public_key: Path | None = None,
    challenge: str | None = None,
    repository: Path | None = None,
    known: Resolved | None = None,
) -> Verification:
    """Verify a bundle from what is in its folder alone.

    Args:
        folder: the run's folder, wherever it is now.
        public_key: the key that must have signed it, from elsewhere; without it the bundle's own shows integrity alone.
        challenge: what the verifier gave before the run.
        repository: the git repository that the bundle was archived in.
        known: the plan of a run that verifies itself. It need not be read again where it is the bundle's, by its
            digest, and the page, written a moment ago from the same records, is not rendered once more.

    Raises:
        UsageProblem: where there is no bundle, or the key cannot be used.

    """
    collects = gc.isenabled()
    gc.disable()  # a million records make no cycles, and looking for some takes as long as reading them
    try:
        return _verify(folder, public_key, challenge, repository, known)
    finally:
        if collects:
            gc.enable()


def _verify(
    folder: Path, public_key: Path | None, challenge: str | None, repository: Path | None, known: Resolved | None
) -> Verification:
    chain = folder / CHAIN_NAME
    if not chain.is_file():
        raise UsageProblem(f"{folder} is no run's folder: there is no {CHAIN_NAME} in it")
    found = Verification(bundle=folder.resolve().name)
    evidence = read(chain)
    accounts = _judge_chain(found, evidence)
    stored = files.judge_manifest(found, folder, evidence)
    promised = str(accounts.header.get("signed_by", "")) if accounts else ""
    content = files.judge_signature(found, folder, promised, public_key)
    if repository is not None:
        _judge_archive(found, folder.resolve(), repository)
    if accounts is None:
        return found
    plan = _judge_plan(found, folder, evidence, known)
    _judge_accounts(found, accounts, plan)
    if plan is not None:
        world = World(folder, evidence, plan)
        criteria.judge(found, world, accounts)
        if challenge is not None:
            _judge_challenge(found, world, accounts, challenge)
    verdict = _judge_documents(found, folder, evidence, accounts)
    if known is None and verdict is not None and accounts.conclusion is not None:
        _judge_page(found, folder, accounts, verdict)
    if content is not None:
        files.judge_statement(found, content, _statement(folder, evidence, accounts, stored, verdict))
    found.verdict = verdict.verdict if verdict is not None else None
    if found.verdict is not None and found.state is not State.HOLDS:
        found.verdict = None
    return found


def _judge_chain(found: Verification, evidence: Evidence) -> Accounts | None:
    if evidence.trouble is not None:
        state = State.MISSING if evidence.trouble.torn else State.CONTRADICTED
        found.add("chain", state, f"{evidence.trouble}; {evidence.count} records before it hold")
    else:
        found.add("chain", State.HOLDS, f"{evidence.count} records, each bound to the one before; head {evidence.head}")
    for oddity in evidence.oddities:
        found.add("chain", State.CONTRADICTED, oddity)
    try:
        accounts = Accounts(evidence)
        found.run, found.title = str(accounts.header["run"]), _title(accounts)
    except (KeyError, TypeError, ValueError) as error:
        found.add("chain", State.CONTRADICTED, f"its records are not those of a run: {error}")
        return None
    return accounts


def _title(accounts: Accounts) -> str:
    header = accounts.header
    prefix = "REHEARSAL: " if header["rehearsal"] else ""
    return f"{prefix}canary {header['mode']} run {header['run']} of task {header['task']} on {header['target']}"


def _judge_plan(found: Verification, folder: Path, evidence: Evidence, known: Resolved | None) -> Resolved | None:
    """The plan of the run, from its file in the bundle, which the chain names by its digest."""
    path = folder / "plan.yaml"
    try:
        text = path.read_bytes()
    except OSError:
        found.add("plan.yaml", State.MISSING, "the plan is not there, so no criterion can be judged again")
        return None
    named = next((each["sha256"] for each in evidence.of_kind("document") if each["name"] == "plan.yaml"), None)
    digest = hashlib.sha256(text).hexdigest()
    if named != digest:
        found.add("plan.yaml", State.CONTRADICTED, "it is not the plan that the chain names")
        return None
    if known is not None and known.digest == digest:
        return known
    if (folder / ".env").exists():
        found.add(".env", State.CONTRADICTED, "a bundle has none: it would change how the plan beside it reads")
        return None
    masked = re.search(rb"^ +risk_secret: ", text, re.MULTILINE) is not None
    try:
        plan = load(path, environment={"RISK_SECRET": NO_SECRET} if masked else {})
    except UsageProblem as problem:
        found.add("plan.yaml", State.CONTRADICTED, f"it is no plan: {problem}")
        return None
    return plan


def _judge_accounts(found: Verification, accounts: Accounts, plan: Resolved | None) -> None:
    for subject, text in accounts.contradictions(plan.plan.waive if plan else ()):
        found.add(subject, State.CONTRADICTED, text)
    if plan is None:
        return
    header = accounts.header
    expected = {"task": plan.plan.task, "target": plan.name, "rehearsal": plan.rehearsal}
    wrong = [name for name, value in expected.items() if header.get(name) != value]
    if wrong:
        found.add("chain", State.CONTRADICTED, f"the first record and the plan differ in {', '.join(wrong)}")


def _judge_challenge(found: Verification, world: World, accounts: Accounts, challenge: str) -> None:
    from mt5canary.verify.execution_stage import wrong_nonce

    given = accounts.header.get("challenge", "")
    if given != challenge:
        said = repr(given) if given else "none"
        found.add("challenge", State.CONTRADICTED, f"the run began with {said}, not with this challenge")
        return
    wrong = wrong_nonce(world, challenge)
    if wrong is not None:
        found.add("challenge", State.CONTRADICTED, wrong)
        return
    found.add("challenge", State.HOLDS, "it stands in the first record, and an order's nonce is made of it")


def _judge_archive(found: Verification, folder: Path, repository: Path) -> None:
    """Hold the bundle against the commit that is its anchor: what was archived then must be what is here now."""
    from mt5canary.evidence import archive  # here: few verifications have a repository

    anchor = archive.anchor(repository, folder.name)
    if anchor is None:
        found.add("archive", State.MISSING, f"{repository} holds no archive of {folder.name}")
    elif hashlib.sha256(archive.pack(folder)).hexdigest() != anchor.digest:
        found.add(
            "archive", State.CONTRADICTED, f"it is not what commit {anchor.commit} of {anchor.committed_at} holds"
        )
    else:
        found.add("archive", State.HOLDS, f"it is what commit {anchor.commit} of {anchor.committed_at} holds")


def _judge_documents(found: Verification, folder: Path, evidence: Evidence, accounts: Accounts) -> Verdict | None:
    """Render every document again; returns the verdict that the records amount to, None where the run came to none."""
    records = evidence.records
    rendered = {name: books.render(records, book).encode() for book, name in books.BOOKS.items()}
    is_whole = evidence.trouble is None
    verdict = None
    if accounts.conclusion is None:
        found.add("verdict", State.MISSING, "the records end before a verdict: the run was cut off")
        is_whole = False
    else:
        verdict = accounts.verdict()
        concluded = records[: records.index(accounts.conclusion) + 1]
        rendered[documents.VERDICT] = documents.verdict_json(verdict).encode()
        report = documents.completion_report(concluded, verdict)
        rendered[documents.COMPLETION_REPORT] = report.encode("utf-8", "backslashreplace")
        settings = settings_of(records)
        plan = execution_plan(settings, found.title, accounts.criteria, rehearsal=verdict.rehearsal)
        rendered[EXECUTION_PLAN] = plan.encode()
    wrong = [name for name, content in rendered.items() if not _is_same(folder / name, content, whole=is_whole)]
    for name in wrong:
        found.add(name, *_rendered_otherwise(accounts))
    for record in evidence.of_kind("document"):
        path = folder / record["name"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
            found.add(record["name"], State.CONTRADICTED, "its bytes are not those that the chain names")
    if not wrong and is_whole:
        found.add("documents", State.HOLDS, f"rendered again to the same bytes: {', '.join(rendered)}")
    return verdict


def _rendered_otherwise(accounts: Accounts) -> tuple[State, str]:
    """What it means that a document is rendered again to other bytes; another version may have other words."""
    wrote = accounts.version
    if wrote == __version__:
        return State.CONTRADICTED, "it is not what the records give when it is rendered again"
    return State.MISSING, (
        f"it was written by mt5canary {wrote}, and this is {__version__}, which words it otherwise: "
        f"verify it with mt5canary {wrote}"
    )


def _judge_page(found: Verification, folder: Path, accounts: Accounts, verdict: Verdict) -> None:
    """Render the page's own part again, from the records up to the verdict's; a run without a page has none."""
    from mt5canary.evidence.page.facts import spared
    from mt5canary.evidence.page.static import find_static_part, static_part

    path = folder / PAGE
    if not path.is_file():
        return
    part = find_static_part(path.read_text(encoding="utf-8", errors="replace"))
    if part is None:
        found.add(PAGE, State.CONTRADICTED, "it does not hold the run's own part once, as it is written")
        return
    stored, language = part
    assert accounts.conclusion is not None
    last = accounts.conclusion["seq"]
    with (folder / CHAIN_NAME).open("rb") as file:  # every link of it was checked already
        again = static_part(map(spared, islice(file, last + 1)), verdict, language)
    if again == stored:
        found.add(
            PAGE, State.HOLDS, "its own part is rendered again to the same bytes; the table below is pytest-html's"
        )
    else:
        found.add(PAGE, *_rendered_otherwise(accounts))


def _is_same(path: Path, content: bytes, *, whole: bool) -> bool:
    """Whether a file is what it should be; of a run that was cut off, as far as it came."""
    try:
        stored = path.read_bytes()
    except OSError:
        return not whole
    return stored == content if whole else content.startswith(stored)


def _statement(
    folder: Path, evidence: Evidence, accounts: Accounts, stored: Manifest | None, verdict: Verdict | None
) -> dict[str, Any] | None:
    """The statement that this bundle gives again; None where it gives none."""
    from mt5canary.evidence import attestation
    from mt5canary.evidence.provenance import Provenance

    code = next(evidence.of_kind("provenance"), None)
    if stored is None or verdict is None or code is None:
        return None
    with (folder / CHAIN_NAME).open("rb") as file:
        first = file.readline()
    head = ChainHead(file=CHAIN_NAME, count=evidence.count, head=evidence.head)
    content = (folder / manifest.NAME).read_bytes()
    challenge = accounts.header.get("challenge", "")
    described = msgspec.structs.replace(stored, chain=head)
    return attestation.statement(described, content, verdict, challenge, msgspec.convert(code, Provenance), first)
