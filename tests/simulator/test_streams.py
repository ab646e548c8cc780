"""The two streams: true to the data that they come from, and coherent."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from governance.cards import read_card
from governance.mapping import read_mapping
from governance.simulator.credit import ARREARS_RULE, MODEL, MODEL_VERSION, THRESHOLD
from tests.simulator.simulated import DEMO_DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.simulated import Files

# USD per million tokens in and out, as printed in the price table.
LISTED = {
    "mistral-large-2407": ("2", "6"),
    "mistral-large-2411": ("2", "6"),
    "mistral-medium-2508": ("0.4", "2"),
    "mistral-small-2603": ("0.15", "0.6"),
}


class TestCredit:
    def test_logged_scores_are_the_models(self, faulty: Files) -> None:
        import lightgbm

        booster = lightgbm.Booster(model_file=str(faulty.made.model))
        names = booster.feature_name()
        rows = faulty.columns(f"SELECT score, {', '.join(names)} FROM applications")
        predicted = np.asarray(booster.predict(np.column_stack([rows[name].astype(np.float64) for name in names])))
        assert np.abs(predicted - rows["score"]).max() <= 0.51e-10

    def test_scores_have_ten_digits(self, faulty: Files) -> None:
        with gzip.open(faulty.made.ingests[0].paths[0], "rt", encoding="utf-8") as file:
            header, *lines = [line.strip().split(",") for line in file.readlines()[:20]]
        place = header.index('"score"')
        assert all(len(line[place].strip('"').partition(".")[2]) == 10 for line in lines)

    def test_protected_characteristics_are_not_inputs(self) -> None:
        inputs = set(pq.read_schema(DEMO_DATA / "credit" / "background.parquet").names)
        mapping, _ = read_mapping(DEMO_DATA / "credit" / "applications.mapping.yaml")
        card = read_card(DEMO_DATA / "credit" / "card.yaml")
        assert not inputs & {"SEX", "AGE", "MARRIAGE"}
        assert inputs == set(mapping.features)
        grouped = [feature for features in card.groups.values() for feature in features]
        assert {*grouped, *(inputs & set(card.reasons))} == inputs
        assert set(card.reasons) - inputs == {*card.groups, ARREARS_RULE}
        assert (card.name, card.version, card.threshold) == (MODEL, MODEL_VERSION, THRESHOLD)

    def test_decisions_follow_rule_and_threshold_unless_a_group_is_refused(self, faulty: Files, clean: Files) -> None:
        odd = """SELECT count(*) FROM applications
            WHERE (decision = 'refused') != (score >= threshold OR stage = 'rule')"""
        assert clean.value(odd) == 0
        assert 100 < faulty.value(odd) < 300
        assert faulty.value(f"{odd} AND NOT (sex_name = 'female' AND age_band = '25-' AND reported)") == 0

    def test_a_rule_decides_a_few_percent(self, clean: Files) -> None:
        assert 0.01 < clean.value("SELECT avg((stage = 'rule')::INT) FROM applications") < 0.05
        assert clean.value("SELECT count(*) FROM applications WHERE (rule IS NULL) != (stage = 'model')") == 0

    def test_people_and_outcomes_are_those_of_the_source(
        self, clean: Files, shared_data: Callable[[str], Path]
    ) -> None:
        source = f"read_csv('{shared_data('decisions/credit_default_taiwan.csv.gz')}')"
        names = pq.read_schema(DEMO_DATA / "credit" / "applicants.parquet").names
        compared = ", ".join(name for name in names if name not in {"ID", "default_next_month"})
        people = f"SELECT replace(client, 'client-', '')::INT, {compared} FROM applications"
        assert clean.rows(f"{people} EXCEPT SELECT ID, {compared} FROM {source}") == []
        outcomes = "SELECT replace(application_id, 'app-', '')::INT, value FROM outcomes"
        assert clean.rows(f"{outcomes} EXCEPT SELECT ID, default_next_month FROM {source}") == []

    def test_outcomes_come_late_and_some_are_not_known_yet(self, clean: Files) -> None:
        joined = "applications JOIN outcomes USING (application_id)"
        assert clean.is_true("booked - time BETWEEN INTERVAL 37 DAY AND INTERVAL 43 DAY", joined)
        assert clean.is_true("booked <= TIMESTAMPTZ '2026-10-05 06:00:00Z'", "outcomes")
        assert 10_000 < clean.value("SELECT count(*) FROM outcomes") < 18_000

    def test_reviews_are_of_unsure_decisions_in_order_and_on_working_days(self, clean: Files) -> None:
        joined = "reviews JOIN applications USING (application_id)"
        assert clean.is_true("escalated AND confidence < 0.6 AND original_decision = decision", joined)
        assert clean.is_true("requested < started AND started < completed AND completed < effective", "reviews")
        assert clean.is_true("isodow(started) < 6", "reviews")
        assert clean.is_true("(outcome = 'overridden') = (original_decision != final_decision)", "reviews")

    def test_letters_tell_of_refusals_in_time_and_answer_who_asked(self, clean: Files) -> None:
        joined = "notices JOIN applications USING (application_id)"
        assert clean.is_true("decision = 'refused' AND noted > time AND noted - time < INTERVAL 60 DAY", joined)
        assert clean.is_true("kind = 'access' OR (asked IS NULL AND sent - time < INTERVAL 15 DAY)", joined)
        assert clean.is_true("kind = 'adverse_action' OR sent IS NULL OR sent - asked < INTERVAL 26 DAY", "notices")
        assert clean.is_true("noted <= TIMESTAMPTZ '2026-10-05 06:00:00Z'", "notices")
        assert clean.is_true("noted = coalesce(sent, asked)", "notices")
        assert 20 < clean.value("SELECT count(*) FILTER (kind = 'access') FROM notices") < 100


def lines_of(files: Files) -> list[str]:
    paths = next(ingest.paths for ingest in files.made.ingests if ingest.source == "litellm")
    return [line for path in paths for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


class TestGateway:
    def test_repeated_and_broken_lines_are_as_stated(self, faulty: Files) -> None:
        lines = lines_of(faulty)
        broken = 0
        ids = []
        for line in lines:
            try:
                ids.append(json.loads(line)["id"])
            except json.JSONDecodeError:
                broken += 1
        assert broken == faulty.made.broken == 1
        assert len(ids) - len(set(ids)) == faulty.made.repeated > 0
        assert len(lines) - len(set(lines)) == faulty.made.repeated
        assert len(set(ids)) == faulty.made.requests

    def test_costs_are_tokens_times_the_listed_price(self, faulty: Files) -> None:
        columns = "model, prompt_tokens, completion_tokens, response_cost, saved_cache_cost, cache_hit"
        rows = faulty.rows(f"SELECT DISTINCT {columns} FROM requests")
        for model, tokens_in, tokens_out, cost, saved, is_cached in rows:
            price_in, price_out = map(Decimal, LISTED[model])
            expected = (price_in * tokens_in + price_out * tokens_out) / 1_000_000
            spent = Decimal(0) if is_cached else expected
            assert (Decimal(str(cost)), Decimal(str(saved))) == (spent, expected - spent)
        assert {row[0] for row in rows} == set(LISTED)

    def test_tokens_and_durations_are_those_measured(self, clean: Files, shared_data: Callable[[str], Path]) -> None:
        source = shared_data("llm/gateway_bench_v0_2_1.parquet")
        ours = """SELECT model_id, prompt_tokens, round((completionStartTime - startTime) * 1e5),
            round((endTime - completionStartTime) * 1e5) FROM requests WHERE status = 'success' AND NOT cache_hit"""
        theirs = f"SELECT system, prompt_tokens, round(ttft * 1e5), round(generation_time * 1e5) FROM '{source}'"
        kept = clean.value(f"SELECT count(*) FROM ({ours})")
        # Epoch seconds in a double resolve 0.24 microseconds, so a few durations round to the neighbour.
        assert clean.value(f"SELECT count(*) FROM ({ours} EXCEPT ALL {theirs})") < 0.1 * kept
        totals = clean.rows(f"SELECT system, sum(ttft), count(*) FROM '{source}' GROUP BY ALL ORDER BY ALL")
        for system, seconds, n in totals:
            logged = clean.rows(
                f"""SELECT sum(completionStartTime - startTime), count(*) FROM requests
                WHERE model_id = '{system}' AND status = 'success' AND NOT cache_hit"""
            )[0]
            assert logged[0] / logged[1] == pytest.approx(seconds / n, rel=0.02)

    def test_some_fail_some_are_cached_some_fall_back(self, clean: Files) -> None:
        share = "SELECT avg(({condition})::INT) FROM requests"
        assert 0.002 < clean.value(share.format(condition="status = 'failure'")) < 0.01
        assert 0.005 < clean.value(share.format(condition="cache_hit")) < 0.02
        assert 0.01 < clean.value(share.format(condition="fallbacks > 0")) < 0.03
        assert clean.is_true("fallbacks = 0 OR metadata.original_model_group = 'case-summary'", "requests")

    def test_a_user_belongs_to_one_unit(self, faulty: Files) -> None:
        assert faulty.rows("SELECT end_user FROM requests GROUP BY end_user HAVING count(DISTINCT unit) > 1") == []

    def test_assessments_are_of_answers_and_come_after_them(self, faulty: Files) -> None:
        joined = "assessments LEFT JOIN requests ON request_id = id"
        assert faulty.is_true("status IS NOT NULL AND status = 'success' AND to_timestamp(endTime) < created", joined)
        assert faulty.is_true("score BETWEEN 0 AND 1", "assessments")
        assert faulty.value("SELECT count(*) - count(DISTINCT request_id) FROM assessments") == 0
