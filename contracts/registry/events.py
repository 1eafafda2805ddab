"""Facts that registry tells: the versioned grid tree, centres and posts, each as the whole of its newest version."""

from contracts import places
from contracts.fields import Anything, Choice, Flag, Message, Part, Text
from contracts.names import registry_event
from contracts.registry import codes


class GridChanged(Message):
    """A division, grid or micro-grid has a new version; the past keeps the old one."""

    code = places.grid_code()
    version = places.version()
    parent_code = places.grid_code(allow_none=True)
    level = Choice("Level in the tree", codes.GRID_LEVELS, example="micro_grid")
    kind = Choice("Kind of a grid; null above grids", codes.GRID_KINDS, example="street", allow_none=True)
    name_zh = Text("Name in Chinese", most=64, example="演示社区第一网格")
    name_en = Text("Name in English", most=128, example="Demo community grid 1", allow_none=True)
    boundary = Anything("GeoJSON Polygon or MultiPolygon (RFC 7946), WGS 84; null when unknown", allow_none=True)
    valid_from = places.moment("In force from")
    valid_to = places.moment("In force until, exclusive; null while in force", allow_none=True)
    retired = Flag("True when the code is no longer in use", example=False)


class Hours(Message):
    """Opening hours of a day, local time; past midnight when closes is not after opens."""

    opens = Text("From", most=5, least=5, pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]", example="08:00")
    closes = Text("Until", most=5, least=5, pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]", example="20:00")


class CentreChanged(Message):
    """A centre has a new version."""

    code = places.centre_code()
    name_zh = Text("Name in Chinese", most=64, example="演示街道社会治理中心")
    name_en = Text("Name in English", most=128, example="Demo street centre", allow_none=True)
    kind = Choice("Kind of centre", codes.CENTRE_KINDS, example="street_centre")
    grid_code = places.grid_code()
    lat = places.latitude()
    lon = places.longitude()
    always_open = Flag("True when somebody is on shift around the clock", example=False)
    hours = Part(Hours, "Opening hours; null when always open", allow_none=True)
    version = places.version()
    retired = Flag("True when the centre is closed for good", example=False)


class PostChanged(Message):
    """A post has other holders, or its holder is away. Holders are opaque references, never names."""

    post_id = Text("The post", most=64, example="post-999999001001001-01")
    grid_code = places.grid_code()
    role = Choice("Role of the post", codes.POST_ROLES, example="full_time_worker")
    a_holder = Text("Opaque reference of the holder", most=64, example="p-0001", allow_none=True)
    b_holder = Text("Opaque reference of the stand-in", most=64, example="p-0002", allow_none=True)
    a_absent = Flag("True while the stand-in serves", example=False)
    version = places.version()


SCHEMAS: dict[str, type[Message]] = {
    registry_event("grid"): GridChanged,
    registry_event("centre"): CentreChanged,
    registry_event("post"): PostChanged,
}
