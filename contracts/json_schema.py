"""JSON Schema 2020-12 of a message, written from its fields: one source for validation and documents.

apispec's converter knows marshmallow's own field kinds; ours are stricter, so this reads ours. OpenAPI 3.1 and
AsyncAPI 3.0 use the same dialect: give `at` the place where their components live.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields, missing

from contracts.fields import Choice, Flag, Identifier, Many, Measure, Message, Moment, Part, Text, Whole

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFS = "#/$defs/"


def message_schema(schema: type[Message], *, urn: str, strict: bool) -> dict[str, Any]:
    """A document of its own, nested objects under ``$defs``. `strict` closes every object against unknown fields."""
    defs: dict[str, Any] = {}
    body = _object(schema(unknown=RAISE), defs, DEFS, strict=strict)
    document = {"$schema": DIALECT, "$id": f"urn:wangge:schema:{urn}", **body}
    return {**document, "$defs": dict(sorted(defs.items()))} if defs else document


def components(schemas: Mapping[str, type[Message]], *, at: str, strict: bool = False) -> dict[str, Any]:
    """The schemas and everything nested in them as one flat map of name to schema, with ``$ref`` to `at` + name."""
    found: dict[str, Any] = {}
    for name, schema in schemas.items():
        found[name] = _object(schema(unknown=RAISE), found, at, strict=strict)
    return dict(sorted(found.items()))


def _object(schema: Schema, defs: dict[str, Any], at: str, *, strict: bool) -> dict[str, Any]:
    properties, required = {}, []
    for name, field in schema.fields.items():
        wire = field.data_key or name
        properties[wire] = _field(field, defs, at, strict=strict)
        if field.required:
            required.append(wire)
    body: dict[str, Any] = {"title": type(schema).__name__, "type": "object", "properties": properties}
    if type(schema).__doc__:
        body["description"] = " ".join(str(type(schema).__doc__).split())
    if required:
        body["required"] = sorted(required)
    if strict:
        body["additionalProperties"] = False
    rules = schema.rules if isinstance(schema, Message) else {}
    return {**body, **rules}


def _field(field: fields.Field[Any], defs: dict[str, Any], at: str, *, strict: bool) -> dict[str, Any]:
    body = _kind(field, defs, at, strict=strict)
    if field.allow_none:
        body = _nullable(body)
    default = field.load_default
    if default is not missing:
        body["default"] = default() if callable(default) else default
    return {**body, **field.metadata}


def _kind(field: fields.Field[Any], defs: dict[str, Any], at: str, *, strict: bool) -> dict[str, Any]:
    if isinstance(field, Part):
        return _part(field, defs, at, strict=strict)
    if isinstance(field, Many):
        return _items(field, defs, at, strict=strict)
    if isinstance(field, Text):
        pattern = {"pattern": f"^(?:{field.pattern})$"} if field.pattern else {}
        return {"type": "string", "minLength": field.least, "maxLength": field.most, **pattern}
    if isinstance(field, Choice):
        kinds = sorted({"integer" if isinstance(option, int) else "string" for option in field.options})
        return {"type": kinds[0], "enum": list(field.options)}
    if isinstance(field, Whole | Measure):
        return {
            "type": "integer" if isinstance(field, Whole) else "number",
            "minimum": field.least,
            "maximum": field.most,
        }
    simple = {Identifier: ("string", "uuid"), Moment: ("string", "date-time"), Flag: ("boolean", None)}
    type_, format_ = simple.get(type(field), (None, None))
    return {key: value for key, value in (("type", type_), ("format", format_)) if value}


def _part(field: Part, defs: dict[str, Any], at: str, *, strict: bool) -> dict[str, Any]:
    name = field.part.__name__
    if name not in defs:
        defs[name] = {}  # taken before it is filled, so that a schema may hold itself
        defs[name] = _object(field.schema, defs, at, strict=strict)
    return {"$ref": at + name}


def _items(field: Many, defs: dict[str, Any], at: str, *, strict: bool) -> dict[str, Any]:
    least = {"minItems": field.least} if field.least else {}
    items = _field(field.inner, defs, at, strict=strict)
    return {"type": "array", "items": items, "maxItems": field.most, **least}


def _nullable(body: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in body:
        return {"anyOf": [body, {"type": "null"}]}
    if "type" not in body:
        return body
    nullable = {**body, "type": [body["type"], "null"]}
    if "enum" in body:
        nullable["enum"] = [*body["enum"], None]
    return nullable
