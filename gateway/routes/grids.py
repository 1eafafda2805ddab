"""The division and grid tree, as registry keeps it, and who answers for a point."""

from __future__ import annotations

from gateway.routes import params
from gateway.routes.calling import query
from gateway.routes.incidents import PREFIX
from gateway.routes.paths import GRID, GRID_OF_POSTS
from gateway.routes.table import Route

OWNER = "registry"
PERMISSION = "grid.read"
AT = params.moment("at", "当时的版本 · As it was at this time")

ROUTES = (
    Route(
        "GET", "/v1/grids", "grid_tree", "网格树", "The tree, whole or below a prefix", OWNER, PERMISSION, query,
        rpc="registry.tree", query=(PREFIX, params.whole("depth", "层数 · How many levels down", 1, 5)),
    ),
    Route(
        "GET", "/v1/grids/{code}", "grid_get", "网格详情", "One grid", OWNER, PERMISSION, query,
        path_params={"code": GRID}, rpc="registry.get_grid", query=(AT,),
    ),
    Route(
        "GET", "/v1/grids/{code}/children", "grid_children", "下级网格", "The level below", OWNER, PERMISSION, query,
        path_params={"code": GRID}, rpc="registry.children", query=(AT,),
    ),
    Route(
        "GET", "/v1/grids/{code}/history", "grid_history", "网格沿革", "Every version it had", OWNER, PERMISSION, query,
        path_params={"code": GRID}, rpc="registry.history",
    ),
    Route(
        "GET", "/v1/grids/{code}/posts", "grid_posts", "岗位（AB 岗）", "Posts with their holders", OWNER, "post.read",
        query,
        path_params={"code": GRID_OF_POSTS}, rpc="registry.list_posts",
    ),
    Route(
        "GET", "/v1/locate", "locate", "坐标定位到微网格", "From the county down to the micro-grid of a point", OWNER,
        "grid.locate", query, rpc="registry.locate",
        query=(
            params.measure("lat", "纬度 · Latitude, WGS 84", -90, 90, required=True),
            params.measure("lon", "经度 · Longitude, WGS 84", -180, 180, required=True),
            AT,
        ),
    ),
)  # fmt: skip
