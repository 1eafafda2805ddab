"""Reads the files of a county: grids.geojson, centres.csv, posts.csv. All UTF-8, a byte order mark is accepted; each is optional.

grids.geojson   a FeatureCollection in WGS 84 (RFC 7946). Properties: code, parent_code (null for the county), level
                (county|town|community|grid|micro_grid), kind (street|courtyard|institution|enterprise; null above grid), name_zh, name_en;
                optional households (a number) and retired (true: the node is no more). Other properties are ignored. Geometry Polygon or
                MultiPolygon; a micro-grid must have one, above it null means the union of the children.
centres.csv     code, name_zh, name_en, kind (county|street_centre|community_station|enterprise_micro_centre), grid_code, lat, lon,
                always_open, opens, closes (local HH:MM, past midnight allowed); optional retired.
posts.csv       post_id, grid_code, role, a_holder, b_holder (opaque references such as staff-000123, empty is a vacancy), a_absent; optional retired.

What a file does not mention stays as it is. docs/county-files.md shows examples.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.registry.application.report import Fault, fault_of
from services.registry.application.rows import Row, degrees, flag, optional_text, optional_whole, text
from services.registry.domain.boundary import Boundary
from services.registry.domain.centre import CentreFacts
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.grid import GridFacts
from services.registry.domain.post import PostFacts

GRIDS, CENTRES, POSTS = "grids.geojson", "centres.csv", "posts.csv"
FILES = (GRIDS, CENTRES, POSTS)

_CENTRE_COLUMNS = ("code", "name_zh", "name_en", "kind", "grid_code", "lat", "lon", "always_open", "opens", "closes")
_POST_COLUMNS = ("post_id", "grid_code", "role", "a_holder", "b_holder", "a_absent")
_OPTIONAL_COLUMNS = ("retired",)

F = TypeVar("F")
Parse = Callable[[Mapping[str, Any]], tuple[str, F, bool]]


@dataclass(slots=True)
class CountyFiles:
    """Readable rows by file; ``mentioned``: every code a file names, readable or not, so that one fault is not told twice."""

    grids: list[Row[GridFacts]] = field(default_factory=list)
    centres: list[Row[CentreFacts]] = field(default_factory=list)
    posts: list[Row[PostFacts]] = field(default_factory=list)
    mentioned: set[str] = field(default_factory=set)
    records: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_county(files: Mapping[str, bytes]) -> CountyFiles:
    """Read what is there. Faults name file, row and field; a faulty row is left out of the rows."""
    county = CountyFiles()
    for name, parse, rows, records in (
        (GRIDS, _grid, county.grids, _features),
        (CENTRES, _centre, county.centres, _table(_CENTRE_COLUMNS)),
        (POSTS, _post, county.posts, _table(_POST_COLUMNS)),
    ):
        if name in files:
            _read(county, name, files[name], parse, rows, records)
    return county


def _read(
    county: CountyFiles, name: str, body: bytes, parse: Parse[F], rows: list[Row[F]], records: Callable[[str], Iterator[tuple[int, Any]]]
) -> None:
    seen: dict[str, int] = {}
    try:
        decoded = _decoded(body)
        for number, record in records(decoded):
            county.records[name] = county.records.get(name, 0) + 1
            code = _code_in(record)
            if name == GRIDS and code is not None:
                county.mentioned.add(code)
            try:
                if isinstance(record, Refusal):
                    raise record
                key, facts, retired = parse(record)
                if key in seen:
                    raise broken("code_once", "post_id" if name == POSTS else "code", f"{key} is in row {seen[key]} already", first=seen[key])
                seen[key] = number
                rows.append(Row(name, number, key, facts, retired))
            except Refusal as refusal:
                county.faults.append(fault_of(refusal, name, number, code))
    except Refusal as refusal:
        county.faults.append(fault_of(refusal, name, 0, None))


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken("utf8", "file", f"not UTF-8 at byte {error.start}") from None


def _code_in(record: Any) -> str | None:
    """The code a record gives, as far as it can be told."""
    cells = record.get("properties", record) if isinstance(record, dict) else None
    found = (cells.get("code") or cells.get("post_id")) if isinstance(cells, dict) else None
    return found.strip()[:64] if isinstance(found, str) else None


def _features(decoded: str) -> Iterator[tuple[int, Any]]:
    try:
        document = json.loads(decoded)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise broken("json", "file", f"not JSON at line {line}", line=line) from None
    except RecursionError:
        raise broken("json", "file", "nested too deeply", line=1) from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise broken("feature_collection", "file", "not a GeoJSON FeatureCollection")
    if not _is_wgs84(document.get("crs")):
        raise broken("feature_collection", "crs", "coordinates are longitude and latitude in WGS 84, nothing else")
    yield from enumerate(features, 1)


def _is_wgs84(crs: Any) -> bool:
    """RFC 7946 has no crs member; files of its time before name one, and some name a projected one."""
    return crs is None or any(name in json.dumps(crs) for name in ("CRS84", "EPSG::4326", "EPSG:4326"))


def _table(columns: tuple[str, ...]) -> Callable[[str], Iterator[tuple[int, Any]]]:
    def records(decoded: str) -> Iterator[tuple[int, Any]]:
        reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, columns)
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                fits = len(cells) == len(header)
                count = {"cells": len(cells), "columns": len(header)}
                yield (
                    reader.line_num,
                    dict(zip(header, cells, strict=True)) if fits else broken("cell_count", "row", f"{len(cells)} cells below a header of {len(header)}", **count),
                )
        except csv.Error as error:
            raise broken("csv", "file", f"line {reader.line_num}: {error}") from None

    return records


def _check_header(header: list[str], columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise broken("missing_column", missing[0], f"columns are missing: {', '.join(missing)}", columns=", ".join(missing))
    unknown = [name for name in header if name not in (*columns, *_OPTIONAL_COLUMNS)]
    if unknown or len(set(header)) < len(header):
        names = ", ".join(name[:40] for name in unknown)
        raise broken("unknown_column", unknown[0][:40] if unknown else "header", f"columns are unknown or twice there: {names}", columns=names)


def _grid(feature: Any) -> tuple[str, GridFacts, bool]:
    cells = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(cells, dict) or feature.get("type") != "Feature":
        raise broken("feature", "properties", "not a Feature with properties")
    geometry = feature.get("geometry")
    facts = GridFacts(
        parent_code=optional_text(cells, "parent_code"),
        level=text(cells, "level"),
        kind=optional_text(cells, "kind"),
        name_zh=text(cells, "name_zh"),
        name_en=optional_text(cells, "name_en") or "",
        boundary=None if geometry is None else Boundary.from_geojson(geometry),
        households=optional_whole(cells, "households"),
    )
    return text(cells, "code"), facts, flag(cells, "retired")


def _centre(cells: Mapping[str, Any]) -> tuple[str, CentreFacts, bool]:
    opens, closes = optional_text(cells, "opens"), optional_text(cells, "closes")
    facts = CentreFacts(
        name_zh=text(cells, "name_zh"),
        name_en=optional_text(cells, "name_en") or "",
        kind=text(cells, "kind"),
        grid_code=text(cells, "grid_code"),
        lat=degrees(cells, "lat"),
        lon=degrees(cells, "lon"),
        always_open=flag(cells, "always_open"),
        hours=None if opens is None and closes is None else (opens or "", closes or ""),
    )
    return text(cells, "code"), facts, flag(cells, "retired")


def _post(cells: Mapping[str, Any]) -> tuple[str, PostFacts, bool]:
    facts = PostFacts(
        grid_code=text(cells, "grid_code"),
        role=text(cells, "role"),
        a_holder=optional_text(cells, "a_holder"),
        b_holder=optional_text(cells, "b_holder"),
        a_absent=flag(cells, "a_absent"),
    )
    return text(cells, "post_id"), facts, flag(cells, "retired")
