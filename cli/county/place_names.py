"""Plausible names of places that do not exist, in Chinese and in pinyin."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from cli.county.plan import Node

SYLLABLES = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
_NUMERALS = "零一二三四五六七八九"


def name_county(county: Node, named: tuple[str, str] | None, chance: random.Random) -> dict[str, tuple[str, str]]:
    """Chinese and English name of every node by code; towns and communities each have their own."""
    pairs = [(a[0] + b[0], a[1] + b[1]) for a in SYLLABLES["first"] for b in SYLLABLES["second"]]
    chance.shuffle(pairs)
    supply = _endless(pairs)
    names: dict[str, tuple[str, str]] = {}
    zh, en = next(supply)
    names[county.code] = named or (f"{zh}县", f"{en} County")
    for town in county.children:
        zh, en = next(supply)
        urban = chance.random() < 0.5
        names[town.code] = (f"{zh}街道", f"{en} Subdistrict") if urban else (f"{zh}镇", f"{en} Town")
        for community in town.children:
            zh, en = next(supply)
            village = not urban and chance.random() < 0.5
            names[community.code] = (f"{zh}村", f"{en} Village") if village else (f"{zh}社区", f"{en} Community")
            _name_grids(community, names)
    return names


def _name_grids(community: Node, names: dict[str, tuple[str, str]]) -> None:
    zh, en = names[community.code]
    for number, grid in enumerate(community.children, 1):
        names[grid.code] = (f"{zh}第{numeral(number)}网格", f"{en} Grid {number}")
        for small, micro in enumerate(grid.children, 1):
            names[micro.code] = (
                f"{names[grid.code][0]}第{numeral(small)}微网格",
                f"{names[grid.code][1]} Micro-grid {small}",
            )


def _endless(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Two syllables while they last, then four: two counties' worth of names are never the same."""
    yield from pairs
    for first in pairs:
        for second in pairs:
            yield first[0] + second[0], first[1] + second[1].lower()


def numeral(number: int) -> str:
    """1..999 in Chinese: 十, 二十一, 一百零三."""
    if number >= 100:
        rest = number % 100
        tail = "" if not rest else ("零" if rest < 10 else "") + ("一" if 10 <= rest < 20 else "") + numeral(rest)
        return _NUMERALS[number // 100] + "百" + tail
    tens, ones = divmod(number, 10)
    head = "" if not tens else ("" if tens == 1 else _NUMERALS[tens]) + "十"
    return head + (_NUMERALS[ones] if ones or not tens else "")
