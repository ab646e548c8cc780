"""A table beside the log (reviews, outcomes, incidents, ...): told by its columns, or by the user; then its guesses.

A form is proposed only where its telling columns are there, nothing speaks for a log of requests, and few columns stay
unexplained. What was proposed is always said, and what else it could be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.drafts.forms import FORMS, OF_REQUEST, RATINGS, Form, is_yes_or_no, said
from governance.drafts.guesses import Guess, Guesses, why_left
from governance.drafts.profiles import Kind, Profile
from governance.drafts.search import Search, attribute_rule, outermost_first
from governance.drafts.usual_names import words
from governance.drafts.ways import WAYS, Way, is_few, time_rule
from governance.mapping import allowed_columns
from governance.tables import ASSESSMENTS, INCIDENTS, NOTICES, OUTCOMES, REQUEST_COUNTS, REVIEWS, SUBJECT_RECORDS

REQUESTS = "requests"
_MUCH = 0.25  # share of its columns from which a log may as well be another table; chosen here
_NARROW = 4  # columns of a table of an id, a truth and its times
_SPARE = 2  # columns that no form explains and every table may have; chosen here
_OF_LOGS = frozenset(
    "input_tokens output_tokens ttft_us http_status retries fallbacks fallback_from cache_status deciding_stage".split()
)
_MODEL = frozenset(("model", "model_served", "model_requested", "model_version"))
_PREDICTED = "prediction predicted predicted_label predicted_class y_pred pred probability proba y_pred_proba "
_SCORED = "score risk_score model_score predicted_probability decile_score decision threshold model_version"
# Table -> names of columns that a log of requests has, and such a table has not
_AGAINST = {
    REVIEWS.name: "probability proba y_pred_proba threshold",
    OUTCOMES.name: _PREDICTED + _SCORED,
    NOTICES.name: _PREDICTED + _SCORED,
    SUBJECT_RECORDS.name: _PREDICTED + _SCORED,
    ASSESSMENTS.name: _PREDICTED + "decision threshold",
    REQUEST_COUNTS.name: _PREDICTED + _SCORED + " user_id session_id",
}
_CALLED = {  # Table -> words in the name of a file
    REVIEWS.name: "review reviews override overrides oversight appeals moderation",
    OUTCOMES.name: "outcome outcomes label labels truth actuals defaults chargebacks",
    SUBJECT_RECORDS.name: "subject subjects people persons demographics applicants customers",
    INCIDENTS.name: "incident incidents ticket tickets",
    REQUEST_COUNTS.name: "count counts totals",
    NOTICES.name: "notice notices letter letters correspondence mailings",
    ASSESSMENTS.name: "assessment assessments feedback ratings annotations scores judgements",
}


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a file is like a form of table.

    Attributes:
        form: The form.
        columns: Columns of the file that its telling ones may be.
        share: Share of the filled columns that the form explains, 0..1.
        is_called: Whether the name of the file says so.
        is_clear: Whether nothing speaks against it.
    """

    form: Form
    columns: tuple[str, ...]
    share: float
    is_called: bool
    is_clear: bool


def likenesses(found: Sequence[Profile], stem: str) -> list[Likeness]:
    """The forms whose telling columns a file has, the best first; a clear one is better than any other.

    Args:
        found: What its columns look like.
        stem: The name of the file, without what comes behind the first dot.
    """
    alike = [one for form in FORMS.values() if (one := _likeness(form, found, stem)) is not None]
    return sorted(alike, key=lambda one: (one.is_clear, one.is_called, one.share), reverse=True)


def side_guesses(form: Form, found: Sequence[Profile]) -> Guesses:
    """What the columns of such a table may mean."""
    search = Search(outermost_first(found))
    guesses = Guesses(form.table)
    for way, profile in _found_by(form, search):
        rule, note = way.makes(profile)
        guesses.columns.append(Guess(way.canonical, {"column": profile.name, **rule}, note))
        if form.table == OUTCOMES.name and way.canonical == "value":
            guesses.columns += _of_outcome(profile, search)
    if form.table == ASSESSMENTS.name and (score := guesses.column_of("score")) and "name" in guesses.missing:
        guesses.columns.append(Guess("name", {"constant": words(score.rpartition(".")[2])}))
    sent = next((guess.rule for guess in guesses.columns if guess.canonical == "sent_ts"), None)
    if sent is not None and "noted_ts" in guesses.missing:
        guesses.columns.append(Guess("noted_ts", sent, "rows that were not sent need the moment of the export"))
    if form.table == SUBJECT_RECORDS.name:
        guesses.subjects = [Guess(name, attribute_rule(name, profile)) for name, profile in search.attributes()]
    guesses.columns += _only_time(guesses, search)
    order = allowed_columns(form.table)
    guesses.columns.sort(key=lambda guess: order.index(guess.canonical))
    guesses.left = {profile.name: why_left(profile) for profile in search.left()}
    return guesses


def _found_by(form: Form, search: Search) -> Iterator[tuple[Way, Profile]]:
    """What the columns may say; of a truth that is called in a way of its own, where it is all that is told of ids."""
    filled = sum(profile.filled > 0 for profile in search.left())
    said = set()
    for way, profile in search.by(form.ways):
        said.add(way.canonical)
        yield way, profile
    if form.table == OUTCOMES.name and "value" not in said and filled <= _NARROW:
        told = [profile for profile in search.left() if is_yes_or_no(profile)]
        if len(told) == 1:
            yield next(way for way in form.ways if way.canonical == "value"), search.taken(told[0])


def _likeness(form: Form, found: Sequence[Profile], stem: str) -> Likeness | None:
    search = Search(outermost_first(found))
    said_by = {way.canonical: profile for way, profile in _found_by(form, search)}
    if form.table == SUBJECT_RECORDS.name:
        said_by |= dict(search.attributes())
    telling = {name for group in form.telling for name in group if name in said_by}
    if not all(telling & set(group) for group in form.telling) or len(telling) < form.least:
        return None
    if not _has_its_own(form, said_by):
        return None
    filled = sum(profile.filled > 0 for profile in found)
    spare = filled - len(said_by)
    is_called = not set(words(stem).split("_")).isdisjoint(_CALLED[form.table].split())
    is_clear = (is_called or spare <= max(_SPARE, len(said_by))) and not _is_log(form, found)
    columns = tuple(said_by[name].name for name in said_by if name in telling)
    return Likeness(form, columns, len(said_by) / filled, is_called, is_clear)


def _has_its_own(form: Form, said_by: Mapping[str, Profile]) -> bool:
    """Whether there is what makes the form: an attribute of a person, or the name of a score."""
    if form.table == SUBJECT_RECORDS.name:
        return not said_by.keys() <= {"request_id", "known_ts"}
    if form.table == ASSESSMENTS.name:
        return "name" in said_by or ("score" in said_by and _last_word(said_by["score"]) in RATINGS)
    return True


def _last_word(profile: Profile) -> str:
    return words(profile.name).rpartition("_")[2]


def _is_log(form: Form, found: Sequence[Profile]) -> bool:
    """Whether columns say that each record is a request."""
    by_log = {way.canonical for way, _ in Search(outermost_first(found)).by(WAYS)}
    if not _OF_LOGS.isdisjoint(by_log):
        return True
    if form.table == REVIEWS.name and "score" in by_log and not _MODEL.isdisjoint(by_log):
        return True
    if form.table == REQUEST_COUNTS.name and _named(found, OF_REQUEST, lambda profile: profile.is_unique):
        return True
    return _named(found, _AGAINST.get(form.table, ""), lambda profile: profile.filled > 0)


def _named(found: Sequence[Profile], names: str, fits: Any) -> bool:
    return Search(found).named(names, fits) is not None


def _of_outcome(truth: Profile, search: Search) -> Iterator[Guess]:
    """What a truth is called, and which of its values is the positive one."""
    named = search.named("outcome_name outcome_type label_name target_name name outcome", _is_name)
    if named is not None:
        yield Guess("name", {"column": named.name})
    else:
        name = words(truth.name.rpartition(".")[2])
        is_vague = name in ("value", "result", "outcome", "label", "target", "actual")
        yield Guess("name", {"constant": name}, "what is known; a better name?" if is_vague else "")
    if is_yes_or_no(truth):
        rule = {"column": truth.name, "map": said(truth, true=True, false=False)}
        yield Guess("positive", rule, "is that the positive class?")


def _only_time(guesses: Guesses, search: Search) -> Iterator[Guess]:
    """The time since which something is known, if there is one that is called in a way of its own, and no other."""
    if "known_ts" not in guesses.missing or guesses.column_of("occurred_ts") is not None:
        return
    if (at := search.first(lambda profile: profile.kind is Kind.TIME)) is not None:
        rule, doubt = time_rule(at)
        note = "; ".join(part for part in ("is it known since then?", doubt) if part)
        yield Guess("known_ts", {"column": at.name, **rule}, note)


def otherwise(chosen: str, guesses: Guesses, alike: Sequence[Likeness]) -> list[str]:
    """Tables that a file could be as well, or holds at the same time.

    Args:
        chosen: What it is taken for.
        guesses: What its columns may mean then.
        alike: What else its columns are like.
    """
    own = next((one.share for one in alike if one.form.table == chosen), 0.0)
    others = [one for one in alike if one.form.table != chosen]
    if chosen != REQUESTS:
        return [one.form.table for one in others if one.is_clear and one.share >= own]
    inside = (OUTCOMES.name, SUBJECT_RECORDS.name) if guesses.decides else ()  # a mapping of decisions has them too
    return [
        one.form.table
        for one in others
        if one.form.table not in inside and (one.form.table == REVIEWS.name or one.share >= _MUCH or one.is_called)
    ]


def _is_name(profile: Profile) -> bool:
    return profile.kind is Kind.TEXT and is_few(profile) and not is_yes_or_no(profile)
