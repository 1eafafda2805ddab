"""The parameters that stand in paths."""

from __future__ import annotations

from contracts.dispatch.command_data import INCIDENT_REF
from gateway.routes.table import PathParam

GRID_CODE = "[0-9]{6}([0-9]{3}){0,3}|[0-9]{17}"

INCIDENT = PathParam(
    "事件：编号或 system:number · The incident: its id, or `system:number` (URL-encoded)",
    {"type": "string", "pattern": INCIDENT_REF},
)
ASSIGNMENT = PathParam(
    "任务编号 · The assignment: one team on one incident",
    {"type": "string", "format": "uuid", "pattern": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"},
)
TEAM = PathParam(
    "联动组：编号或呼号 · The team: its id or its call sign (URL-encoded)",
    {"type": "string", "maxLength": 36, "pattern": r"[^\s/]{1,36}( [^\s/]{1,36})*"},
)
GRID = PathParam(
    "网格或区划代码 · Code of a division, grid or micro-grid", {"type": "string", "pattern": GRID_CODE}, "code"
)
GRID_OF_POSTS = PathParam(GRID.about, GRID.schema, "grid_code")
