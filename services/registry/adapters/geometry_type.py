"""geometry(MultiPolygon, 4326) of PostGIS as a column type whose Python side is a Boundary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func
from sqlalchemy.types import UserDefinedType

from services.registry.domain.boundary import DECIMALS, Boundary


class BoundaryType(UserDefinedType[Boundary]):
    """Travels as GeoJSON text with as many decimals as a boundary has, so that what is read equals what was written."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "geometry(MultiPolygon, 4326)"

    def bind_processor(self, dialect: Any) -> Callable[[Boundary | None], str | None]:
        return lambda boundary: None if boundary is None else orjson.dumps(boundary.to_geojson()).decode()

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return func.ST_Multi(func.ST_GeomFromGeoJSON(bindvalue), type_=self)

    def column_expression(self, column: Any) -> ColumnElement[Any]:
        return func.ST_AsGeoJSON(column, DECIMALS, type_=self)

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[str | None], Boundary | None]:
        return lambda text: None if text is None else Boundary.from_geojson(orjson.loads(text))
