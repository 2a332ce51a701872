"""Medians, ratios and verdicts, and how they are shown."""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from bench import picture, report
from bench.figures import PROXYING, Added, Figure, compare, medians, peak_rss_mb, records, rss_met

ONE = Figure("W3", "plait", 4000.0, 5.0, 12.0, 120.0, 0.2)
STRAWBERRY = replace(ONE, server="strawberry", rps=100.0, p50_ms=300.0)
FLOOR = replace(ONE, server="floor", rps=20_000.0)


def test_medians_ignore_one_bad_round_and_keep_the_most_memory():
    """A round during which the machine was busy elsewhere does not count; memory never shrinks."""
    rounds = [ONE, replace(ONE, rps=1.0, p50_ms=900.0), replace(ONE, rps=4100.0, rss_mb=130.0)]
    found = medians(rounds)
    assert (found.rps, found.p50_ms, found.rss_mb) == (4000.0, 5.0, 130.0)
    assert found.spread == 4100.0


def test_a_promise_is_met_from_its_ratio_on():
    """35 times is met, just below is missed, unmeasured is neither."""
    for rps, met in ((100.0, True), (4000 / 35, True), (4000 / 34.9, False)):
        (row,) = compare([ONE, replace(STRAWBERRY, rps=rps)])
        assert row.met is met
    (row,) = compare([ONE])
    assert row.met is None
    assert report.verdict(row.met) == report.ABSENT


def test_the_floor_decides_where_it_is_the_peer():
    """W1 is measured against the bare ASGI reply."""
    rows = [replace(one, workload="W1") for one in (ONE, STRAWBERRY, FLOOR)]
    assert compare(rows)[0].met is False
    rows[0] = replace(rows[0], rps=12_000.0)
    assert compare(rows)[0].met is True


def test_memory_is_judged_by_plaits_largest_figure():
    """The peers' memory is their own affair."""
    assert rss_met([ONE, replace(STRAWBERRY, rss_mb=900.0)])
    assert not rss_met([ONE, replace(ONE, workload="W4", rss_mb=180.0)])
    assert peak_rss_mb([ONE, replace(ONE, rss_mb=150.0)]) == 150.0


@pytest.mark.parametrize(
    ("grouped", "measurable"),
    [
        ((0.40, 0.41, 0.42), False),
        ((0.42, 0.41, 0.41), False),
        ((0.50, 0.51, 0.52), True),
        ((0.30, 0.31, 0.32), False),
    ],
)
def test_added_latency_counts_beyond_the_rounds_own_spread(grouped, measurable):
    """Slower than the noise is slower; faster is never a fault."""
    assert Added("W2v", grouped, (0.39, 0.40, 0.42)).measurable is measurable


def test_the_written_records_have_the_agreed_keys():
    """Others read `results.json`."""
    (record,) = records([ONE])
    assert record == {
        "workload": "W3",
        "server": "plait",
        "rps": 4000.0,
        "p50_ms": 5.0,
        "p99_ms": 12.0,
        "rss_mb": 120.0,
    }
    json.dumps(record)


def test_figures_replace_only_what_is_between_the_markers():
    """Prose stays; a second run replaces the first one's figures."""
    document = f"# Title\n\n{report.BEGIN}\nold\n{report.END}\n\nprose\n"
    once = report.insert(document, "new")
    assert "old" not in once
    assert once.startswith("# Title\n\n")
    assert once.endswith("\n\nprose\n")
    assert report.insert(once, "new") == once
    with pytest.raises(ValueError, match="markers"):
        report.insert("no markers", "new")


def test_a_gateway_before_an_upstream_may_add_a_millisecond_and_a_half():
    """Beside the upstream itself, at the median."""
    direct = (0.40, 0.42, 0.44)
    assert Added("W5v", (1.80, 1.90, 1.85), direct, PROXYING).met
    added = Added("W5v", (1.80, 1.95, 1.99), direct, PROXYING)
    assert not added.met
    assert any("the gateway adds +1530 µs" in line for line in report.notes([], [added]))


def test_markdown_names_what_was_missed():
    """A missed promise is written as such, beside its figures."""
    figures = [replace(ONE, rps=1000.0), STRAWBERRY, FLOOR]
    added = [Added("W2v", (0.5,), (0.4,))]
    text = report.markdown(compare(figures), figures, added, "about")
    assert "| W3 | 1,000 | 100 | 20,000 | 10.00 | 0.05 | ≥ 35 | missed |" in text
    assert "grouping adds +100 µs" in text
    assert "Between rounds" not in text


def test_uneven_rounds_are_told():
    """A reader sees how noisy the machine was; a single round knows nothing of it."""
    figures = [ONE, replace(STRAWBERRY, spread=1.7)]
    assert any("up to 1.70 ×" in line for line in report.notes(figures, []))


def test_the_picture_is_svg_with_every_figure():
    """Well-formed, with the numbers as text, for light and dark readers."""
    drawn = picture.draw(compare([ONE, STRAWBERRY, FLOOR]))
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    words = " ".join(text for text in root.itertext())
    assert "4,000" in words
    assert "40.0 ×" in words
    assert "20,000" in root.attrib["aria-label"]
    assert "prefers-color-scheme: dark" in drawn


def test_the_axis_is_logarithmic_and_holds_all_values():
    """Equal ratios are equal lengths, within the picture."""
    axis = picture.Axis([46, 19_000])
    assert axis.decades == [10, 100, 1_000, 10_000]
    assert axis.x(1_000) - axis.x(100) == pytest.approx(axis.x(10_000) - axis.x(1_000), abs=0.2)
    assert picture.LEFT <= axis.x(46) < axis.x(19_000) <= picture.WIDTH - picture.RIGHT
