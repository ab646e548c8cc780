"""Charts: well-formed, accessible, the same bytes each time, and true to their figures."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import charts
from governance.blocks import Chart, read
from governance.display import MINUS
from governance.drawings import Interval, Span, Spark, Step, Waterfall
from governance.drawings.canvas import BREACH, PALETTE, scale, spread
from governance.drawings.heat import OVER, TINTS
from governance.drawings.timeline import STATES
from tests.rendering import sample

START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
GAP = Span(START + timedelta(days=9), START + timedelta(days=9, hours=14), "gap", "14 h")
CHARTS = {
    "line": charts.line("p99", ["a", "b", "c"], {"one": [1, 2, None], "two": [3, None, 5]}, limit=4, unit="ms"),
    "bars": charts.bars("Cost", {"a": 2, "b": 3.5}, limit=3, unit="USD"),
    "stacked": charts.bars("Stages", {"a": (1, 2), "b": (3, 4)}, parts=("rule", "model")),
    "intervals": charts.intervals("Ratio", [Interval("f", 0.7, 0.6, 0.79), Interval("m", 1.0)], limit=0.8),
    "waterfall": charts.waterfall("Why", -1, [Step("a", "3", 0.5), Step("b", "x", -0.25)], -0.75, threshold=-0.9),
    "heat": charts.heat("PSI", ["Jul", "Aug"], {"income": [0.01, 0.35], "age": [0.02, None]}, limit=0.2),
    "timeline": charts.timeline("Hours", START, END, {"log": [Span(START, END, "there"), GAP]}),
}
NAMESPACE = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - what we have just drawn


def texts(chart: Chart) -> list[str]:
    return [element.text or "" for element in parsed(chart.svg()).iter(f"{NAMESPACE}text")]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_is_named_for_those_who_cannot_see_it(chart: Chart) -> None:
    root = parsed(chart.svg())
    assert root.get("role") == "img"
    assert root.get("aria-label") == f"{chart.title}. {chart.alt}"
    assert root.findtext(f"{NAMESPACE}title") == chart.title
    assert root.findtext(f"{NAMESPACE}desc") == chart.alt
    assert texts(chart)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_carries_its_figures_and_draws_the_same_again(chart: Chart) -> None:
    again = read(json.loads(json.dumps(chart.to_json())))
    assert again == chart
    assert again.to_html() == chart.to_html()


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_stays_in_its_frame_and_loads_nothing(chart: Chart) -> None:
    root = parsed(chart.svg())
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for element in root.iter():
        assert element.tag.removeprefix(NAMESPACE) in {
            *("svg", "title", "desc", "text", "rect", "line", "polyline", "polygon", "circle")
        }
        assert not {"href", "style", "class", "id"} & set(element.keys())
        assert -1 <= float(element.get("x", "0")) <= width + 1
        assert -1 <= float(element.get("y", "0")) <= height + 1
    assert "var(" not in chart.svg()


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read() -> None:
    for colour in (*PALETTE, *STATES.values(), BREACH):
        assert contrast(colour, "#ffffff") >= 4.5
    for fill, ink in (*TINTS, OVER):
        assert contrast(fill, ink) >= 4.5


def test_a_line_breaks_where_a_value_is_missing() -> None:
    chart = charts.line("t", ["a", "b", "c", "d", "e"], {"s": [1, 2, None, float("nan"), 5]})
    root = parsed(chart.svg())
    assert len(list(root.iter(f"{NAMESPACE}polyline"))) == 1
    assert len(list(root.iter(f"{NAMESPACE}circle"))) == 2  # the end of the run, and the value that stands alone


def test_a_line_says_its_end_and_its_limit() -> None:
    assert {"two 5", "one 2", "limit 4", "ms"} <= set(texts(CHARTS["line"]))
    assert "two: from 3 to 5 ms, over the limit in 1 of 2" in CHARTS["line"].alt


def test_a_line_without_any_value_is_drawn() -> None:
    assert "no values" in " ".join(texts(charts.line("t", ["a"], {"s": [None]})))


def test_what_nobody_could_judge_is_no_breach() -> None:
    svg = charts.intervals("t", [Interval("f", 0.4, is_judged=False)], limit=0.8).svg()
    assert not list(parsed(svg).iter(f"{NAMESPACE}polygon"))


def test_a_ratio_below_its_limit_is_a_diamond_and_one_on_it_is_not() -> None:
    def diamonds(value: float, limit_is: str) -> int:
        chart = charts.intervals("t", [Interval("f", value)], limit=0.8, limit_is=limit_is)
        return len(list(parsed(chart.svg()).iter(f"{NAMESPACE}polygon")))

    assert [diamonds(value, "min") for value in (0.799, 0.8, 0.9)] == [1, 0, 0]
    assert [diamonds(value, "max") for value in (0.799, 0.8, 0.9)] == [0, 0, 1]


def test_a_group_that_was_not_assessed_has_its_reason_in_place_of_a_mark() -> None:
    chart = charts.intervals("t", [Interval("x", None, note="n 12")], limit=0.8)
    assert "n 12" in texts(chart)
    assert "<circle" not in chart.svg()


def test_a_waterfall_is_ordered_and_adds_the_rest_up() -> None:
    steps = [Step(f"f{index}", "", index / 100) for index in range(1, 21)]
    chart = charts.waterfall("t", 0, steps, sum(step.contribution for step in steps), most=3)
    assert isinstance(chart.picture, Waterfall)
    drawn = chart.picture.steps
    assert [step.name for step in drawn] == ["f20", "f19", "f18", "17 others"]
    assert sum(step.contribution for step in drawn) == pytest.approx(2.1)


def test_a_waterfall_shows_signs() -> None:
    assert {"+0.50", f"{MINUS}0.25", f"{MINUS}1.00", f"{MINUS}0.75", f"threshold {MINUS}0.90"} <= set(
        texts(CHARTS["waterfall"])
    )


def test_a_cell_over_the_limit_is_bold_on_red_and_one_on_it_is_not() -> None:
    chart = charts.heat("t", ["a", "b"], {"x": [0.2, 0.2001]}, limit=0.2, digits=4)
    cells = [element for element in parsed(chart.svg()).iter(f"{NAMESPACE}text") if element.get("font-weight")]
    assert [element.text for element in cells] == ["0.2001"]
    assert "x in b (0.2001)" in chart.alt


def test_a_short_gap_can_still_be_seen() -> None:
    hour = Span(START + timedelta(days=9), START + timedelta(days=9, hours=1), "gap")
    root = parsed(charts.timeline("t", START, END, {"log": [hour]}).svg())
    gaps = [e for e in root.iter(f"{NAMESPACE}rect") if e.get("fill") == BREACH and float(e.get("y", "0")) > 20]
    assert [float(element.get("width", "0")) for element in gaps] == [2.5]


def test_a_timeline_names_its_gaps() -> None:
    assert "log 2026-07-10 00:00 to 2026-07-10 14:00" in CHARTS["timeline"].alt
    assert {"2026-07-01", "2026-08-01", "2026-09-01", "14 h"} <= set(texts(CHARTS["timeline"]))


def test_stacked_bars_have_a_legend_and_their_sums() -> None:
    assert {"rule", "model", "3", "7"} <= set(texts(CHARTS["stacked"]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: charts.line("t", ["a"], {}),
        lambda: charts.line("t", ["a"], {str(n): [1] for n in range(7)}),
        lambda: charts.line("t", ["a"], {"s": [1, 2]}),
        lambda: charts.bars("t", {}),
        lambda: charts.bars("t", {"a": -1}),
        lambda: charts.bars("t", {"a": (1, 2)}),
        lambda: charts.bars("t", {"a": float("nan")}),
        lambda: charts.intervals("t", [Interval("a", 1, 2, 1)]),
        lambda: charts.intervals("t", [Interval("a", 1)], limit_is="at least"),
        lambda: charts.waterfall("t", 0, [], 0),
        lambda: charts.heat("t", ["a"], {"x": [1, 2]}),
        lambda: charts.timeline("t", END, START, {"a": []}),
        lambda: charts.timeline("t", START, END, {"a": [Span(START, END, "lost")]}),
        lambda: charts.timeline("t", START, END, {"a": [Span(datetime(2026, 7, 1), END, "gap")]}),  # noqa: DTZ001
        lambda: Spark(()),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()


finite = st.floats(-1e12, 1e12)


@given(st.lists(finite, min_size=1, max_size=20))
def test_a_scale_holds_all_values_between_its_ends(values: list[float]) -> None:
    one = scale(values, 10, 500)
    assert all(10 - 1e-6 <= one.at(value) <= 500 + 1e-6 for value in values)
    assert 2 <= len(one.ticks) <= 12
    assert all(low < high for low, high in pairwise(one.ticks))


@given(st.lists(st.floats(0, 200), min_size=1, max_size=7))
def test_labels_do_not_touch_and_keep_their_order(wanted: list[float]) -> None:
    placed = spread(wanted, 15, 0, 200)
    assert all(high - low >= 15 - 1e-9 for low, high in pairwise(sorted(placed)))
    assert all(placed[a] <= placed[b] for a in range(len(wanted)) for b in range(len(wanted)) if wanted[a] < wanted[b])


@given(st.lists(st.none() | finite, min_size=1, max_size=30), st.none() | finite)
def test_any_figures_make_well_formed_pictures(values: list[float | None], limit: float | None) -> None:
    labels = [str(index) for index in range(len(values))]
    pictures = [
        charts.line("t", labels, {"s": values}, limit=limit).svg(),
        charts.heat("t", labels[:16], {"s": values[:16]}, limit=limit).svg(),
        charts.intervals("t", [Interval(str(i), value) for i, value in enumerate(values)], limit=limit).svg(),
        charts.waterfall(
            "t", 1, [Step(str(i), "", value or 0) for i, value in enumerate(values)], 2, threshold=limit
        ).svg(),
        Spark(tuple(values), limit).svg("t", "d"),
    ]
    for picture in pictures:
        parsed(picture)
        assert not re.search(r"nan|inf", picture.split("</desc>")[1])


def test_hostile_names_are_text_in_a_picture() -> None:
    for text in sample.HOSTILE:
        chart = charts.bars(text, {text: 1}, unit=text)
        root = parsed(chart.svg())
        assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= {
            *("svg", "title", "desc", "text", "rect", "line")
        }
