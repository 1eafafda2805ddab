"""Two transactions got in each other's way; running ours again settles it."""


class Clash(Exception):
    """Another transaction changed or made the same thing first. Roll back and run again: the second look sees it."""
