"""Reads the files of a county: grids.geojson, centres.csv, posts.csv, each optional.

All are UTF-8; a byte order mark is accepted.

grids.geojson   A FeatureCollection in WGS 84 (RFC 7946). Properties: code, parent_code (null for the county), level
                (county|town|community|grid|micro_grid), kind (street|courtyard|institution|enterprise; null above
                grid), name_zh, name_en; optional households (a number) and retired (true: the node is no more). Other
                properties are ignored. Geometry Polygon or MultiPolygon; a micro-grid must have one, above it null
                means the union of the children.
centres.csv     code, name_zh, name_en, kind (county|street_centre|community_station|enterprise_micro_centre),
                grid_code, lat, lon, always_open, opens, closes (local HH:MM, past midnight allowed); optional retired.
posts.csv       post_id, grid_code, role, a_holder, b_holder (opaque references such as staff-000123, empty is a
                vacancy), a_absent; optional retired.

What a file does not mention stays as it is. docs/county-files.md shows examples.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.registry.application.county_records import (
    CENTRE_COLUMNS,
    OPTIONAL_COLUMNS,
    POST_COLUMNS,
    centre_of,
    grid_of,
    post_of,
)
from services.registry.application.report import Fault, fault_of
from services.registry.application.rows import Row
from services.registry.domain.centre import CentreFacts
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.grid import GridFacts
from services.registry.domain.post import PostFacts

GRIDS, CENTRES, POSTS = "grids.geojson", "centres.csv", "posts.csv"
FILES = (GRIDS, CENTRES, POSTS)

F = TypeVar("F")
Parse = Callable[[Any], tuple[str, F, bool]]
Records = Iterator[tuple[int, Any]]


@dataclass(slots=True)
class CountyFiles:
    """Readable rows by file.

    ``mentioned``: every code that grids.geojson names, readable or not, so that one fault is not told twice.
    """

    grids: list[Row[GridFacts]] = field(default_factory=list)
    centres: list[Row[CentreFacts]] = field(default_factory=list)
    posts: list[Row[PostFacts]] = field(default_factory=list)
    mentioned: set[str] = field(default_factory=set)
    records: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_county(files: Mapping[str, bytes]) -> CountyFiles:
    """Read what is there. Faults name file, row and field; a faulty row is left out of the rows."""
    county = CountyFiles()
    if GRIDS in files:
        _read(county, GRIDS, _features(files[GRIDS]), grid_of, county.grids)
    if CENTRES in files:
        _read(county, CENTRES, _table(files[CENTRES], CENTRE_COLUMNS), centre_of, county.centres)
    if POSTS in files:
        _read(county, POSTS, _table(files[POSTS], POST_COLUMNS), post_of, county.posts)
    return county


def _read(county: CountyFiles, file: str, records: Records, parse: Parse[F], rows: list[Row[F]]) -> None:
    seen: dict[str, int] = {}
    try:
        for number, record in records:
            county.records[file] = county.records.get(file, 0) + 1
            code = _code_in(record)
            if file == GRIDS and code is not None:
                county.mentioned.add(code)
            try:
                rows.append(_row(file, number, record, parse, seen))
            except Refusal as refusal:
                county.faults.append(fault_of(refusal, file, number, code))
    except Refusal as refusal:
        county.faults.append(fault_of(refusal, file, 0, None))


def _row(file: str, number: int, record: Any, parse: Parse[F], seen: dict[str, int]) -> Row[F]:
    if isinstance(record, Refusal):
        raise record
    key, facts, retired = parse(record)
    if key in seen:
        name = "post_id" if file == POSTS else "code"
        raise broken("code_once", name, f"{key} is in row {seen[key]} already", first=seen[key])
    seen[key] = number
    return Row(file, number, key, facts, retired)


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


def _features(body: bytes) -> Records:
    decoded = _decoded(body)
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


def _table(body: bytes, columns: tuple[str, ...]) -> Records:
    """Rows below the header as dicts; a row that does not fit the header as the refusal it deserves."""
    reader = csv.reader(io.StringIO(_decoded(body), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, columns)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) == len(header):
                yield reader.line_num, dict(zip(header, cells, strict=True))
            else:
                detail = f"{len(cells)} cells below a header of {len(header)}"
                yield reader.line_num, broken("cell_count", "row", detail, cells=len(cells), columns=len(header))
    except csv.Error as error:
        raise broken("csv", "file", f"line {reader.line_num}: {error}") from None


def _check_header(header: list[str], columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise broken(
            "missing_column", missing[0], f"columns are missing: {', '.join(missing)}", columns=", ".join(missing)
        )
    unknown = [name for name in header if name not in (*columns, *OPTIONAL_COLUMNS)]
    if unknown or len(set(header)) < len(header):
        names = ", ".join(name[:40] for name in unknown)
        raise broken(
            "unknown_column",
            unknown[0][:40] if unknown else "header",
            f"columns are unknown or twice there: {names}",
            columns=names,
        )
