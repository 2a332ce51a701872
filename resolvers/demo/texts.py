"""Turns ATT&CK's marked-up, shortened texts into plain ones, and reads dates out of citations.

The package shortens every description: relations after 200 characters, techniques after 300, each
time ending in three dots. What follows the cut is unknown, so a word or a citation that was cut
is dropped.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_CUT = "..."
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CITATION = re.compile(r"\s*\(Citation:([^)]*)\)")
_CODE = re.compile(r"</?code>|`")
# At the very end of a cut text: a citation that never closes, or a link that never closes.
_OPEN_CITATION = re.compile(r"\s*\((?:C|Ci|Cit|Cita|Citat|Citati|Citatio|Citation(?::[^)]*)?)?$")
_OPEN_LINK = re.compile(r"\[(?:[^\]]*\]\([^)]*|[^\]]*\]?)$")
_SENTENCE_END = re.compile(r"[.!?][\"'”)]?(?=\s|$)")
_YEAR = re.compile(r"(?<!\d)(?:19[89]\d|20\d\d)(?!\d)")
_MONTH = re.compile(
    r"(?<![a-z])(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ _.,-]*(?=(?:19|20)\d\d)",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Text:
    """A plain text; `cut` when its end is missing, `citations` as far as they were whole."""

    plain: str
    citations: tuple[str, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class ReportDate:
    """The date of a report as its citation tells it: to the month, or only to the year."""

    moment: datetime
    precision: str


def plain(marked: str) -> Text:
    """Remove links, citations, code marks and whatever the shortening tore apart."""
    citations = tuple(found.strip() for found in _CITATION.findall(marked))
    was_cut = marked.endswith(_CUT)
    text = marked.removesuffix(_CUT) if was_cut else marked
    text = _CITATION.sub("", _LINK.sub(r"\1", text))
    if was_cut:
        text, was_cut = _mended(text)
    text = " ".join(html.unescape(_CODE.sub("", text)).split())
    return Text(f"{text}…" if was_cut else text, citations, was_cut)


def _mended(text: str) -> tuple[str, bool]:
    """Drop the torn end; says whether anything of the sentence itself is missing."""
    whole = _OPEN_CITATION.sub("", text)
    rest = _OPEN_LINK.sub("", whole)
    if rest != whole:
        return rest.rstrip(" ,;:"), True
    if whole.rstrip().endswith((".", "!", "?")):
        return whole, False
    if whole == text:  # the cut went through a word
        rest = text.rpartition(" ")[0]
    return rest.rstrip(" ,;:"), True


def whole_sentences(text: str) -> str:
    """The text up to the end of its last complete sentence; all of it where there is none."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text


def report_date(citations: tuple[str, ...], latest: datetime) -> ReportDate | None:
    """The newest date that the citations' names carry, `latest` at most; None without a year.

    A name such as "FireEye Periscope March 2018" tells the month; one with a year alone is taken
    as the middle of that year.
    """
    dates = [date for name in citations for date in _dates(name)]
    if not dates:
        return None
    newest = max(dates, key=lambda date: (date.moment, date.precision))
    return ReportDate(min(newest.moment, latest), newest.precision)


def _dates(name: str) -> list[ReportDate]:
    months = {found.end(): found.group(1).lower() for found in _MONTH.finditer(name)}
    dates = []
    for found in _YEAR.finditer(name):
        year, month = int(found.group()), months.get(found.start())
        number = _MONTHS.index(month) + 1 if month else 7
        moment = datetime(year, number, 1, tzinfo=UTC)
        dates.append(ReportDate(moment, "month" if month else "year"))
    return dates
