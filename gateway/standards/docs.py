"""The documentation page.

The OpenAPI document for people. One HTML file, nothing loaded from elsewhere, readable without script.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gateway.standards.openapi import TAGS, document

HERE = Path(__file__).parent
_METHODS = ("get", "post", "put", "patch", "delete")

SHOWN_VALUES = 12
"""A longer list of values is folded, so that it does not push the page apart."""


def page() -> str:
    """The whole page."""
    spec = document()
    shell = (HERE / "docs.html").read_text(encoding="utf-8")
    parts = {
        "description": _prose(spec["info"]["description"]),
        "contents": "".join(_contents(spec, name, about) for name, about in TAGS),
        "chapters": "".join(_chapter(spec, name, about) for name, about in TAGS),
        "schemas": "".join(_schema(name, body) for name, body in sorted(spec["components"]["schemas"].items())),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], shell)


def _operations(spec: dict[str, Any], tag: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method in item and tag in item[method]["tags"]:
                yield path, method, item[method]


def _contents(spec: dict[str, Any], tag: str, about: str) -> str:
    entries = "".join(
        f'<li><a href="#{_text(found["operationId"])}">{_text(found["summary"].partition(" · ")[0])}</a></li>'
        for _, _, found in _operations(spec, tag)
    )
    return f'<h3><a href="#{tag}">{_text(about)}</a></h3><ul>{entries}</ul>'


def _chapter(spec: dict[str, Any], tag: str, about: str) -> str:
    operations = "".join(_operation(path, method, found) for path, method, found in _operations(spec, tag))
    return f'<h2 id="{tag}">{_text(about)}</h2>{operations}'


def _operation(path: str, method: str, found: dict[str, Any]) -> str:
    zh, _, en = found["summary"].partition(" · ")
    permission = (
        f"权限 · permission <code>{_text(found['x-permission'])}</code>"
        if found["x-permission"]
        else "无需令牌 · no token"
    )
    return (
        f'<article id="{_text(found["operationId"])}"><h4>{_text(zh)} <small>{_text(en)}</small></h4>'
        f'<p class="line"><b class="{method}">{method.upper()}</b> <code>{_text(path)}</code> '
        f"<small>{permission}</small></p>{_prose(found.get('description', ''))}"
        f"{_parameters(found['parameters'])}{_body(found)}{_responses(found)}</article>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{_text(one['name'])}</code>{'&nbsp;*' if one['required'] else ''}</td>"
        f"<td>{_text(one['in'])}</td>"
        f"<td>{_kind(one['schema'])}</td><td>{_text(one['description'])}</td></tr>"
        for one in parameters
    )
    return f"<h5>参数 · Parameters</h5><div class=wide><table>{rows}</table></div>"


def _body(found: dict[str, Any]) -> str:
    if "requestBody" not in found:
        return ""
    body = found["requestBody"]
    kinds = ", ".join(
        f"{_kind(content['schema'])} <small>{_text(media)}</small>" for media, content in body["content"].items()
    )
    return f"<h5>请求体 · Body{' *' if body['required'] else ''}</h5><p>{kinds}</p>"


def _responses(found: dict[str, Any]) -> str:
    lines = []
    for status, answer in found["responses"].items():
        if "$ref" in answer:
            lines.append(f"<code>{_text(status)}</code>")
            continue
        kinds = ", ".join(
            f"{_kind(content['schema'])} <small>{_text(media)}</small>" for media, content in answer["content"].items()
        )
        lines.append(f"<code class=ok>{_text(status)}</code> {kinds}")
    return f"<h5>回答 · Answers</h5><p>{' · '.join(lines)}</p>"


def _schema(name: str, body: dict[str, Any]) -> str:
    required = set(body.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{_text(key)}</code>{'&nbsp;*' if key in required else ''}</td><td>{_kind(value)}</td>"
        f"<td>{_text(value.get('description', ''))}</td></tr>"
        for key, value in body.get("properties", {}).items()
    )
    union = _kind(body) if "oneOf" in body and not rows else ""
    about = _prose(body.get("description", ""))
    return (
        f'<details id="schema-{_text(name)}"><summary><code>{_text(name)}</code></summary>'
        f"{about}{union}<div class=wide><table>{rows}</table></div></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words, with links to the ones it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{_text(name)}">{_text(name)}</a>'
    for key, joint in (("allOf", " + "), ("oneOf", " | "), ("anyOf", " | ")):
        if key in schema and "properties" not in schema:
            return joint.join(_kind(one) for one in schema[key])
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    if "enum" in schema:
        return _values(schema["enum"])
    if "properties" in schema:
        return "{" + ", ".join(f"{_text(key)}?: {_kind(value)}" for key, value in schema["properties"].items()) + "}"
    kind = schema.get("type", "any")
    kinds = " | ".join(kind) if isinstance(kind, list) else str(kind)
    return _text(f"{kinds} ({schema['format']})" if "format" in schema else kinds)


def _values(values: Sequence[Any]) -> str:
    listed = " | ".join(f"<code>{_text(json.dumps(one, ensure_ascii=False))}</code>" for one in values)
    if len(values) <= SHOWN_VALUES:
        return listed
    return f"<details><summary>{len(values)} 个取值 · values</summary>{listed}</details>"


def _prose(text: str) -> str:
    paragraphs = (re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(part)) for part in text.split("\n\n") if part.strip())
    return "".join(f"<p>{part}</p>" for part in paragraphs)


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
