"""The four stages of "115" as the commands name and judge them."""

STAGES = {"push": "推送", "assign": "下派", "arrive": "到场", "total": "全程"}
TARGETS = {"push": 60, "assign": 60, "arrive": 300, "total": 420}
"""Seconds of the built-in policy `115`, for drawing; figures are judged by each incident's own policy."""
