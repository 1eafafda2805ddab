"""`wangge county make`: a synthetic county over any bounding box, the same for the same seed to the byte."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import click
from shapely.geometry import Polygon, mapping

from cli.county import crews, desks, people
from cli.county.cells import PRECISION, ground
from cli.county.place_names import name_county
from cli.county.plan import Bounds, CountyPlan, Node, grow, sizes

# Every call of the open data set that the replay uses lies inside (37.6168..37.8289, -122.5137..-122.3651).
DEMO_BOUNDS = Bounds(west=-122.53, south=37.60, east=-122.35, north=37.84)
# Domain.md, S10: a township of this size runs today.
DEMO = {"people": 128_000, "towns": 10, "communities": 40, "grids": 138, "micro_grids": 993}
DECIMALS = 7

Table = tuple[tuple[str, ...], list[dict[str, str]]]


def write_county(plan: CountyPlan, out: Path) -> dict[str, int]:
    """Write grids.geojson, centres.csv, posts.csv and teams.csv of a plan; the number of records in each.

    Raises ValueError when the plan does not fit the codes or the box.
    """
    chance = random.Random(plan.seed)
    county = grow(plan, chance)
    cells = ground(county, plan.bounds, chance)
    named = (plan.name_zh, plan.name_en) if plan.name_zh else None
    names = name_county(county, named, chance)
    kind_of = people.kinds(county, chance)
    staff = people.Staff()
    tables: dict[str, Table] = {"posts.csv": (people.COLUMNS, people.posts(county, kind_of, staff, chance))}
    centres = desks.centres(county, names, kind_of, cells, chance)
    tables["centres.csv"] = (desks.COLUMNS, centres)
    tables["teams.csv"] = (crews.COLUMNS, crews.teams(centres, staff, chance))
    features = [_feature(node, names, kind_of, cells) for node in county.walk()]
    out.mkdir(parents=True, exist_ok=True)
    (out / "grids.geojson").write_text(_collection(features), "utf-8")
    for name, (columns, rows) in tables.items():
        (out / name).write_bytes(_csv(columns, rows))
    return {"grids.geojson": len(features)} | {name: len(rows) for name, (_, rows) in tables.items()}


def _feature(
    node: Node, names: dict[str, tuple[str, str]], kind_of: dict[str, str], cells: dict[str, Polygon]
) -> dict[str, Any]:
    zh, en = names[node.code]
    # Only micro-grids are drawn: whatever is above is the union of them, and cannot disagree.
    geometry = None if node.children else _rounded(mapping(cells[node.code]))
    properties = {
        "code": node.code,
        "parent_code": _parent(node),
        "level": node.level,
        "kind": kind_of.get(node.code),
        "name_zh": zh,
        "name_en": en,
        "households": node.households,
    }
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _parent(node: Node) -> str | None:
    cut = {"county": 0, "town": 6, "community": 9, "grid": 12, "micro_grid": 15}[node.level]
    return node.code[:cut] or None


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def _collection(features: list[dict[str, Any]]) -> str:
    # One feature a line: a person can find one with grep, and the import report's number with sed.
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return '{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n"


def _csv(columns: tuple[str, ...], rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def parse_bounds(text: str) -> Bounds:
    """W,S,E,N in degrees. Raises ValueError."""
    parts = [round(float(part), DECIMALS) for part in text.split(",")]
    if len(parts) != 4:
        raise ValueError("four numbers: west, south, east, north")
    bounds = Bounds(*parts)
    if not (-180 <= bounds.west < bounds.east <= 180 and -85 <= bounds.south < bounds.north <= 85):
        raise ValueError("west < east within -180..180 and south < north within -85..85")
    if min(bounds.east - bounds.west, bounds.north - bounds.south) < 1000 * PRECISION:
        raise ValueError("the box is smaller than ten metres")
    return bounds


def _bounds_option(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Bounds | None:
    try:
        return None if value is None else parse_bounds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_AT_LEAST_ONE = click.IntRange(min=1)


@click.command("make")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--demo", is_flag=True, help="演示县 · The demo county: 10 towns, 40 communities, 138 grids, 993 micro-grids."
)
@click.option(
    "--bbox",
    "bounds",
    callback=_bounds_option,
    metavar="W,S,E,N",
    help="范围 · Bounding box in degrees (default: the demo county's).",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="随机种子 · The same seed gives the same bytes.",
)
@click.option(
    "--people",
    type=click.IntRange(1000, 20_000_000),
    default=120_000,
    show_default=True,
    help="人口 · Residents; the sizes below follow from it.",
)
@click.option("--towns", type=_AT_LEAST_ONE, help="乡镇街道数 · Towns and subdistricts.")
@click.option("--communities", type=_AT_LEAST_ONE, help="社区村数 · Communities and villages.")
@click.option("--grids", type=_AT_LEAST_ONE, help="网格数 · Grids.")
@click.option("--micro-grids", type=_AT_LEAST_ONE, help="微网格数 · Micro-grids.")
@click.option("--name", default="", help="县名 · Name in Chinese (default: made up from the seed).")
@click.option("--name-en", default="", help="县名(英文) · Name in English.")
def make(
    out: Path,
    *,
    demo: bool,
    bounds: Bounds | None,
    seed: int,
    people: int,
    name: str,
    name_en: str,
    **wanted: int | None,
) -> None:
    """生成一个虚拟县 · Make a synthetic county in OUT: grids.geojson, centres.csv, posts.csv, teams.csv.

    No person in it exists: holders and members are references such as staff-000123. The shape of the files is in
    docs/county-files.md; load them with `wangge county import`.
    """
    chosen = dict(DEMO) if demo else sizes(people) | {"people": people}
    chosen |= {key: value for key, value in wanted.items() if value is not None}
    plan = CountyPlan(
        bounds or DEMO_BOUNDS, seed, name_zh=name, name_en=name_en or ("County" if name else ""), **chosen
    )
    try:
        written = write_county(plan, out)
    except ValueError as error:
        raise click.ClickException(f"无法生成 · cannot be made: {error}") from error
    for file, records in written.items():
        click.echo(f"{out / file}  {records}")
