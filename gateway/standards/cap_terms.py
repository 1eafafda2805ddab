"""Our codes in the words of CAP 1.2 (OASIS, 1 July 2010, section 3.2), and what is said to people in two languages."""

from __future__ import annotations

from dataclasses import dataclass

WARNING_CATEGORY = {
    "structure_fire": "Fire",
    "outside_fire": "Fire",
    "vehicle_fire": "Fire",
    "brush_fire": "Fire",
    "confined_space": "Rescue",
    "water_rescue": "Rescue",
    "gas_leak": "Safety",
    "electrical_hazard": "Infra",
    "fuel_spill": "Env",
    "hazmat": "CBRNE",
    "flood": "Met",
    "typhoon": "Met",
    "landslide": "Geo",
    "work_accident": "Safety",
    "road_hazard": "Transport",
    "manhole": "Infra",
    "wires_down": "Infra",
}
"""The categories that may become a warning: those of GB/T 30428's class 突发事件. A test compares the two."""

DRILL_CATEGORY = {
    "emergency": "Safety",
    "hazard": "Safety",
    "demand": "Other",
    "patrol": "Security",
    "dispute": "Security",
    "whistle": "Other",
}
"""By kind, for drills of what would never be a warning."""

URGENCY = {1: "Immediate", 2: "Expected", 3: "Future"}
SEVERITY = {1: "Severe", 2: "Moderate", 3: "Minor"}
LANGUAGES = ("zh-CN", "en")
RESTRICTION = "仅限值守中心与联动单位 · Dispatch centres and partner agencies only"
DRILL_NOTE = "演练，无需采取行动 · Exercise, no action is required"
DRILL_PREFIX = {"zh-CN": "【演练】", "en": "[EXERCISE] "}
REACH_KM = 0.5
"""Radius around a known point: a grid of 300 to 500 households. The receiver decides who is alerted."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a fact says to who was warned; `over` when the danger is."""

    certainty: str
    response: str
    instruction: dict[str, str]
    over: bool = False


_KEEP_AWAY = {"zh-CN": "请避开该区域，等候进一步通知。", "en": "Keep away from the area until further notice."}
_AT_WORK = {"zh-CN": "力量已到场处置，请避开该区域。", "en": "Responders are on the scene. Keep away from the area."}
_ALL_CLEAR = {"zh-CN": "险情已处置。", "en": "The danger has been dealt with."}
_CANCELLED = {"zh-CN": "此前警报取消。", "en": "The earlier alert is cancelled."}
_MERGED = {
    "zh-CN": "已并入另一事件，以该事件的警报为准。",
    "en": "It is one with another incident, whose alert counts.",
}

TURNS = {
    "received": Turn("Likely", "Avoid", _KEEP_AWAY),
    "arrived": Turn("Observed", "Avoid", _AT_WORK),
    "resolved": Turn("Observed", "AllClear", _ALL_CLEAR, over=True),
    "reopened": Turn("Likely", "Avoid", _KEEP_AWAY),
    "unmerged": Turn("Likely", "Avoid", _KEEP_AWAY),
    "closed": Turn("Observed", "AllClear", _ALL_CLEAR, over=True),
    "cancelled": Turn("Unlikely", "AllClear", _CANCELLED, over=True),
    "merged": Turn("Likely", "Monitor", _MERGED, over=True),
}
ENDS = frozenset({"closed", "cancelled", "merged"})
"""Facts that end an alert; what begins again after one is a new alert."""
