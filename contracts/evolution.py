"""How a message may change within its version: only by adding.

`baseline.json` remembers, for every path of every published message, its types, whether it is required, its closed
list and its limits. `remember` adds what is new and never alters what is there; `breaks` lists what a schema does to
that memory. A change that breaks it needs a new version of the message beside the old one.
"""

from typing import Any

Shape = dict[str, dict[str, Any]]
_UPPER = ("maxLength", "maximum", "maxItems")
_LOWER = ("minLength", "minimum", "minItems")


def shape(document: dict[str, Any]) -> Shape:
    """Every path of a JSON Schema document with what a reader or a writer may rely on."""
    found: Shape = {}
    _walk(document, "", document.get("$defs", {}), found, ())
    return dict(sorted(found.items()))


def _walk(node: dict[str, Any], path: str, defs: dict[str, Any], found: Shape, seen: tuple[str, ...]) -> None:
    node, seen = _resolve(node, defs, seen)
    required = node.get("required", [])
    for name, member in node.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        resolved, inside = _resolve(member, defs, seen)
        found[below] = {"types": _types(resolved), "required": name in required, **_limits(resolved)}
        if len(inside) < 12:
            _walk(resolved, below, defs, found, inside)
    if "items" in node:
        items, inside = _resolve(node["items"], defs, seen)
        found[f"{path}[]"] = {"types": _types(items), "required": True, **_limits(items)}
        _walk(items, f"{path}[]", defs, found, inside)


def _resolve(
    node: dict[str, Any], defs: dict[str, Any], seen: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    nullable = False
    if "anyOf" in node and "properties" not in node:
        nullable = {"type": "null"} in node["anyOf"]
        node = next((one for one in node["anyOf"] if one != {"type": "null"}), node)
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        node, seen = defs[name], (*seen, name)
    return ({**node, "type": [node.get("type", "object"), "null"]} if nullable else node), seen


def _types(node: dict[str, Any]) -> list[str]:
    types = node.get("type", [])
    return sorted([types] if isinstance(types, str) else types)


def _limits(node: dict[str, Any]) -> dict[str, Any]:
    return {key: node[key] for key in (*_UPPER, *_LOWER, "enum", "const", "pattern", "format") if key in node}


def remember(baseline: Shape, current: Shape) -> Shape:
    """The baseline with the paths that are new; what it holds already stays as it is."""
    return dict(sorted({**current, **baseline}.items()))


def breaks(baseline: Shape, current: Shape, *, asked: bool) -> list[str]:
    """What `current` does to those who rely on `baseline`; empty when it only adds.

    `asked` says which way the message goes: True for one that others send us (a command), where asking for more
    breaks them; False for one that others read (an event, an answer), where promising less breaks them too. A reader
    must also cope with the old messages that the stream still holds, so newly required fields break both ways.
    """
    found = [f"{path}: removed or renamed" for path in baseline if path not in current]
    for path, now in current.items():
        before = baseline.get(path)
        if before is None:
            # A new object may require its own members: who leaves the object out is not asked for them.
            if now["required"] and not _under_new(path, baseline):
                found.append(f"{path}: newly required")
            continue
        found += [f"{path}: {what}" for what in _changes(before, now, asked=asked)]
    return found


def _under_new(path: str, baseline: Shape) -> bool:
    parent = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
    return bool(parent) and parent not in baseline


def _changes(before: dict[str, Any], now: dict[str, Any], *, asked: bool) -> list[str]:
    changes = []
    if before["types"] != now["types"]:
        changes.append(f"retyped from {before['types']} to {now['types']}")
    if now["required"] and not before["required"]:
        changes.append("newly required")
    if before["required"] and not now["required"] and not asked:
        changes.append("no longer always there")
    if not set(before.get("enum", [])) <= set(now.get("enum", before.get("enum", []))):
        changes.append("codes removed from its list")
    if "enum" in now and "enum" not in before:
        changes.append("a closed list where there was none")
    changes += [f"{key} changed" for key in ("pattern", "format", "const") if before.get(key) != now.get(key)]
    return changes + _narrowed(before, now)


def _narrowed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    infinity = float("inf")
    upper = [f"{key} lowered" for key in _UPPER if now.get(key, infinity) < before.get(key, infinity)]
    lower = [f"{key} raised" for key in _LOWER if now.get(key, -infinity) > before.get(key, -infinity)]
    return upper + lower
