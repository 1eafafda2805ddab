"""What is answered by what. Read this first.

Filled by the handler modules; command names are those of contracts.dispatch.commands.
"""

from __future__ import annotations

COMMANDS: dict[str, object] = {}
EVENTS: dict[str, object] = {}
