"""Rules between nodes of the tree: every piece of ground belongs to exactly one micro-grid."""

from __future__ import annotations

from services.registry.domain.errors import Refusal, broken

# Share of the smaller area. Surveyed lines of two offices never agree to the centimetre; 0.1 % of a micro-grid is a
# strip that no call falls into by more than chance, while a wrong line is a hundred times that.
OVERLAP_TOLERANCE = 0.001
OUTSIDE_TOLERANCE = 0.001


def overlap_refusal(code: str, other: str, share: float) -> Refusal | None:
    """Two nodes of one level must not cover the same ground. ``share``: common area by the smaller's area."""
    if share <= OVERLAP_TOLERANCE:
        return None
    return broken(
        "siblings_overlap", "geometry", f"{code} overlaps {other} by {share:.1%}", other=other, share=f"{share:.1%}"
    )


def outside_refusal(code: str, parent: str, share: float) -> Refusal | None:
    """A child lies inside its parent. ``share``: its area outside, by its whole area."""
    if share <= OUTSIDE_TOLERANCE:
        return None
    return broken(
        "inside_parent", "geometry", f"{share:.1%} of {code} lies outside {parent}", parent=parent, share=f"{share:.1%}"
    )
