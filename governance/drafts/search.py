"""A search among the columns of a log for one that is called so and fits; what one guess takes no other can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from governance.drafts.profiles import Kind, Profile
from governance.drafts.usual_names import SUBJECTS, attribute_of, spellings
from governance.drafts.ways import FEW, Way

AGE_BANDS = (25, 40, 60)
OLDEST = 125  # years; a larger number of an age is a year of birth


def outermost_first(found: Sequence[Profile]) -> list[Profile]:
    """Columns of the record itself before those inside of objects."""
    return sorted(found, key=lambda profile: profile.name.count("."))


class Search:
    """Columns that are not yet taken.

    Args:
        found: What they look like, those first that are preferred.
    """

    def __init__(self, found: Sequence[Profile]) -> None:
        self._found = found
        self._names = {profile.name: {name for name, _ in spellings(profile.name)} for profile in found}
        self._taken: set[str] = set()

    def left(self) -> list[Profile]:
        """Those that nothing has taken."""
        return [profile for profile in self._found if profile.name not in self._taken]

    def named(self, names: str, fits: Callable[[Profile], bool]) -> Profile | None:
        """The one that has the first of these names and fits."""
        for name in names.split():
            for profile in self.left():
                if profile.filled and name in self._names[profile.name] and fits(profile):
                    return self.taken(profile)
        return None

    def first(self, fits: Callable[[Profile], bool]) -> Profile | None:
        """The first one that fits, whatever it is called."""
        profile = next((profile for profile in self.left() if profile.filled and fits(profile)), None)
        return None if profile is None else self.taken(profile)

    def taken(self, profile: Profile) -> Profile:
        """The one that was found, which nothing else can have then."""
        self._taken.add(profile.name)
        return profile

    def by(self, ways: Sequence[Way]) -> Iterator[tuple[Way, Profile]]:
        """What can be said in some ways, each canonical column once."""
        said: set[str] = set()
        for way in ways:
            profile = None if way.canonical in said else self.named(way.names, way.fits)
            if profile is not None:
                said.add(way.canonical)
                yield way, profile

    def attributes(self) -> Iterator[tuple[str, Profile]]:
        """Protected attributes, by their usual names or by a name that has one among other words."""
        for attribute, names in SUBJECTS.items():
            called = self.named(names, partial(is_group, attribute)) or self.first(partial(_says, attribute))
            if called is not None:
                yield attribute, called


def attribute_rule(attribute: str, profile: Profile) -> dict[str, object]:
    """How a protected attribute is read from a column: ages in bands."""
    return {"column": profile.name, **({"bands": list(AGE_BANDS)} if has_bands(attribute, profile) else {})}


def has_bands(attribute: str, profile: Profile) -> bool:
    """Whether a column holds ages in years, which only bands make groups of."""
    return attribute == "age_band" and profile.is_number and len(profile.values) > 1


def is_group(attribute: str, profile: Profile) -> bool:
    """Whether the values of a column are groups, or can be made groups by bands: not those of a date of birth."""
    if profile.kind in (Kind.NESTED, Kind.TIME) or (
        attribute == "age_band" and max(profile.numbers, default=0) > OLDEST
    ):
        return False
    return len(profile.values) <= FEW or profile.is_number


def _says(attribute: str, profile: Profile) -> bool:
    return attribute_of(profile.name) == attribute and is_group(attribute, profile)
