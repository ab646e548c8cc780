"""Profiles of columns -> what they may mean: one guess for each canonical column, with what a person must look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.drafts.profiles import Kind, Profile
from governance.drafts.search import Search, attribute_rule, is_group, outermost_first
from governance.drafts.usual_names import BODIES, TEXTS, TRUTHS, attribute_of, tells_records_apart, words
from governance.drafts.ways import FEW, LONG, WAYS, is_word
from governance.input_types import MAX_INPUTS
from governance.mapping import NEEDED, Role, allowed_columns

SOME = 50  # chosen here: a category that a model takes in has no more different values
CALLS = frozenset("attempts tries upstream_calls upstream_attempts retry_attempts attempt_log".split())
_ORDER = allowed_columns("requests")
GOOD = frozenset("approved approve granted grant accepted accept admitted hired allow allowed pass passed yes".split())
BAD = frozenset(
    "denied deny declined decline rejected reject refused refuse disallowed block blocked fail failed no".split()
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What one canonical column may be filled with.

    Attributes:
        canonical: The canonical column.
        rule: As a mapping file says it, such as {"column": "at", "format": "epoch_s"}.
        note: What a person must look at; empty where there is little doubt.
    """

    canonical: str
    rule: Mapping[str, Any]
    note: str = ""


@dataclass(slots=True)
class Guesses:
    """What the columns of a log may mean.

    Attributes:
        table: The canonical table whose rows the records are.
        columns: Guesses for its columns; for requests also those of decisions.
        subjects: The same for protected attributes.
        truths: Columns that may hold what turned out to be true.
        payloads: Role of a body -> column that may hold it.
        features: Columns that may be inputs of the model.
        left: Column -> why nothing is done with it.
    """

    table: str = "requests"
    columns: list[Guess] = field(default_factory=list)
    subjects: list[Guess] = field(default_factory=list)
    truths: list[str] = field(default_factory=list)
    payloads: dict[Role, str] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def column_of(self, canonical: str) -> str | None:
        """The column that is guessed to say a canonical one."""
        return next((guess.rule.get("column") for guess in self.columns if guess.canonical == canonical), None)

    @property
    def missing(self) -> list[str]:
        """Canonical columns that a mapping of the table must have and that nothing seems to say."""
        said = {guess.canonical for guess in self.columns}
        return [name for name in NEEDED[self.table] if name not in said]

    @property
    def names_model(self) -> bool:
        """Whether a column says which model was asked or served."""
        return any(map(self.column_of, ("model", "model_served", "model_requested")))

    @property
    def decides(self) -> bool:
        """Whether the log seems to hold decisions and not requests alone."""
        return any(map(self.column_of, ("decision", "score", "favourable")))


def guessed(found: Sequence[Profile]) -> Guesses:
    """What the columns may mean.

    Args:
        found: What they look like; those of the record itself are preferred to those inside of objects.
    """
    search = Search(outermost_first(found))
    guesses = Guesses(columns=list(_columns(search)))
    guesses.payloads = dict(_payloads(search))
    if not guesses.decides and any(map(guesses.column_of, ("input_tokens", "output_tokens"))):
        guesses.columns += _operation(guesses)
    if guesses.decides:
        good = favourable(guesses, found)
        guesses.columns += [good] if good else []
        guesses.subjects = [Guess(name, attribute_rule(name, profile)) for name, profile in search.attributes()]
        guesses.truths = list(_truths(search))
        guesses.features = [profile.name for profile in search.left() if _is_input(profile)][:MAX_INPUTS]
    guesses.columns.sort(key=lambda guess: _ORDER.index(guess.canonical))
    unused = (profile for profile in search.left() if profile.name not in guesses.features)
    guesses.left = {profile.name: why_left(profile) for profile in unused}
    return guesses


def _columns(search: Search) -> Iterator[Guess]:
    """Guesses for requests and decisions."""
    said: set[str] = set()
    for way in WAYS:
        if way.canonical in said or (way.canonical == "model" and said & {"model_served", "model_requested"}):
            continue
        profile = search.named(way.names, way.fits)
        if profile is None and way.canonical == "start_ts":
            profile = search.first(lambda p: p.kind is Kind.TIME and p.is_whole)
        doubt = ""
        if profile is None and way.canonical == "request_id":
            profile, doubt = search.first(_may_be_its_id), "is it the id of each record?"
        if profile is not None:
            said.add(way.canonical)
            rule, note = way.makes(profile)
            yield Guess(way.canonical, {"column": profile.name, **rule}, note or doubt)


def _may_be_its_id(profile: Profile) -> bool:
    """Whether a column may be the id of each record, though it is called in a way of its own."""
    is_known = any(words(profile.name) in way.names.split() for way in WAYS if way.canonical != "request_id")
    return profile.is_unique and is_word(profile) and tells_records_apart(profile.name) and not is_known


def _payloads(search: Search) -> Iterator[tuple[Role, str]]:
    """Columns that may hold what people or models wrote, each with its role."""
    for role, names in BODIES.items():
        profile = search.named(names, lambda p: p.kind in (Kind.TEXT, Kind.NESTED))
        if profile is not None:
            yield role, profile.name


def _truths(search: Search) -> Iterator[str]:
    """Columns that may hold what turned out to be true."""
    while (profile := search.named(TRUTHS, lambda p: len(p.values) <= FEW or p.is_number)) is not None:
        yield profile.name


def _operation(guesses: Guesses) -> Iterator[Guess]:
    """What a log that counts tokens is about, where it does not say so itself."""
    if guesses.column_of("operation") is None:
        is_chat = words(guesses.payloads.get("request", "")).endswith("messages")
        yield Guess("operation", {"constant": "chat" if is_chat else "completion"}, "it counts tokens")


def _is_input(profile: Profile) -> bool:
    name = words(profile.name)
    if profile.kind in (Kind.EMPTY, Kind.NESTED, Kind.TIME) or name.endswith("_id") or name == "id":
        return False
    is_category = (
        len(profile.values) <= SOME and profile.longest <= LONG and not (profile.is_unique and profile.records > SOME)
    )
    return profile.kind is not Kind.TEXT or is_category


def why_left(profile: Profile) -> str:
    """Why nothing is done with a column."""
    name = words(profile.name.rpartition(".")[2])
    plain = {Kind.EMPTY: "empty here", Kind.NESTED: "a list", Kind.TIME: "another time"}.get(profile.kind)
    if attribute_of(profile.name) == "age_band" and not is_group("age_band", profile):
        return "tells an age; make a band of it first"
    if profile.kind is Kind.NESTED and name in CALLS:
        return "a list; upstream calls need rows of their own, with table: attempts"
    if plain is not None:
        return plain
    if profile.longest > LONG:
        return "long text"
    return "an id, but not each record has its own" if name in TEXTS["request_id"].split() else "not known"


def favourable(guesses: Guesses, found: Iterable[Profile]) -> Guess | None:
    """Which decision favours the person, where its words leave no doubt and no other column says it."""
    decision = guesses.column_of("decision")
    if decision is None or guesses.column_of("favourable") is not None:
        return None
    values = next(profile.values for profile in found if profile.name == decision)
    meant = {value: words(value) in GOOD for value in values if words(value) in GOOD | BAD}
    if len(meant) < len(values):
        return None
    return Guess("favourable", {"column": decision, "map": meant}, "which answer is good for the person?")
