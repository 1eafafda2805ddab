"""The closed lists of registry, with Chinese and English labels: grid tree, centres, posts."""

from contracts import labels

_LISTS = labels.load("contracts.registry")

GRID_LEVELS = _LISTS["grid_levels"]
GRID_KINDS = _LISTS["grid_kinds"]
CENTRE_KINDS = _LISTS["centre_kinds"]
POST_ROLES = _LISTS["post_roles"]
