"""Profiles of columns -> what they may mean: one guess for each canonical column, with what a person must look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.drafts.profiles import Kind, Profile
from governance.drafts.usual_names import BODIES, SUBJECTS, TEXTS, TRUTHS, attribute_of, spellings, words
from governance.drafts.ways import FEW, LONG, WAYS
from governance.input_types import MAX_INPUTS
from governance.mapping import Role, allowed_columns

SOME = 50  # chosen here: a category that a model takes in has no more different values
AGE_BANDS = (25, 40, 60)
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
        columns: Guesses for requests and decisions.
        subjects: The same for protected attributes.
        truths: Columns that may hold what turned out to be true.
        payloads: Role of a body -> column that may hold it.
        features: Columns that may be inputs of the model.
        left: Column -> why nothing is done with it.
    """

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
    def decides(self) -> bool:
        """Whether the log seems to hold decisions and not requests alone."""
        return any(map(self.column_of, ("decision", "score", "favourable")))


def guessed(found: Sequence[Profile]) -> Guesses:
    """What the columns may mean.

    Args:
        found: What they look like; those of the record itself are preferred to those inside of objects.
    """
    search = _Search(sorted(found, key=lambda profile: profile.name.count(".")))
    guesses = Guesses(columns=list(search.columns()))
    guesses.payloads = dict(search.payloads())
    if not guesses.decides and any(map(guesses.column_of, ("input_tokens", "output_tokens"))):
        guesses.columns += _operation(guesses)
    if guesses.decides:
        good = favourable(guesses, found)
        guesses.columns += [good] if good else []
        guesses.subjects = list(search.subjects())
        guesses.truths = list(search.truths())
        guesses.features = [profile.name for profile in search.left() if _is_input(profile)][:MAX_INPUTS]
    guesses.columns.sort(key=lambda guess: _ORDER.index(guess.canonical))
    unused = (profile for profile in search.left() if profile.name not in guesses.features)
    guesses.left = {profile.name: _why_left(profile) for profile in unused}
    return guesses


class _Search:
    """Columns that are not yet taken, and ways to find one among them."""

    def __init__(self, found: Sequence[Profile]) -> None:
        self._found = found
        self._names = {profile.name: {name for name, _ in spellings(profile.name)} for profile in found}
        self._taken: set[str] = set()

    def left(self) -> list[Profile]:
        """Those that nothing has taken."""
        return [profile for profile in self._found if profile.name not in self._taken]

    def named(self, names: str, fits: Callable[[Profile], bool]) -> Profile | None:
        """The one that has the first of these names and fits; nothing else can have it then."""
        for name in names.split():
            for profile in self.left():
                if profile.filled and name in self._names[profile.name] and fits(profile):
                    self._taken.add(profile.name)
                    return profile
        return None

    def columns(self) -> Iterator[Guess]:
        """Guesses for requests and decisions."""
        said: set[str] = set()
        for way in WAYS:
            if way.canonical in said or (way.canonical == "model" and said & {"model_served", "model_requested"}):
                continue
            profile = self.named(way.names, way.fits)
            if profile is None and way.canonical == "start_ts":
                profile = next((p for p in self.left() if p.kind is Kind.TIME and p.is_whole), None)
                self._taken |= {profile.name} if profile else set()
            if profile is not None:
                said.add(way.canonical)
                rule, note = way.makes(profile)
                yield Guess(way.canonical, {"column": profile.name, **rule}, note)

    def subjects(self) -> Iterator[Guess]:
        """Guesses for protected attributes."""
        for attribute, names in SUBJECTS.items():
            profile = self.named(names, _is_group) or self._called_after(attribute)
            if profile is not None:
                is_age = attribute == "age_band" and profile.is_number and len(profile.values) > 1
                rule = {"bands": list(AGE_BANDS)} if is_age else {}
                yield Guess(attribute, {"column": profile.name, **rule})

    def _called_after(self, attribute: str) -> Profile | None:
        """The first one whose name says a protected attribute among other words; nothing else can have it then."""
        named = (p for p in self.left() if p.filled and attribute_of(p.name) == attribute and _is_group(p))
        profile = next(named, None)
        self._taken |= {profile.name} if profile else set()
        return profile

    def payloads(self) -> Iterator[tuple[Role, str]]:
        """Columns that may hold what people or models wrote, each with its role."""
        for role, names in BODIES.items():
            profile = self.named(names, lambda p: p.kind in (Kind.TEXT, Kind.NESTED))
            if profile is not None:
                yield role, profile.name

    def truths(self) -> Iterator[str]:
        """Columns that may hold what turned out to be true."""
        while (profile := self.named(TRUTHS, lambda p: len(p.values) <= FEW or p.is_number)) is not None:
            yield profile.name


def _is_group(profile: Profile) -> bool:
    return profile.kind is not Kind.NESTED and (len(profile.values) <= FEW or profile.is_number)


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


def _why_left(profile: Profile) -> str:
    name = words(profile.name.rpartition(".")[2])
    plain = {Kind.EMPTY: "empty here", Kind.NESTED: "a list", Kind.TIME: "another time"}.get(profile.kind)
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
