"""What registry answers: grids with their past, centres, posts, and which micro-grid a point is in."""

from contracts.fields import Many, Message, Part
from contracts.registry.events import CentreChanged, GridChanged, PostChanged


class Grid(GridChanged):
    """One version of a division, grid or micro-grid."""


class Centre(CentreChanged):
    """A centre."""


class Post(PostChanged):
    """A post with its holders."""


class Grids(Message):
    """The answer of children and history: versions of grids."""

    grids = Many(Part(Grid, "A grid"), "By code, or newest version first", most=100_000)


class Chain(Message):
    """The answer of locate: from the county down to the micro-grid; empty outside the county."""

    chain = Many(Part(Grid, "A level"), "County first", most=5)


class Centres(Message):
    """The answer of list_centres."""

    centres = Many(Part(Centre, "A centre"), "By code", most=10_000)


class Posts(Message):
    """The answer of list_posts."""

    posts = Many(Part(Post, "A post"), "By post id", most=10_000)
