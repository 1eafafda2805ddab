"""Errors as they leave: RFC 9457 problem details, Chinese title first, a stable `code`, never a stack trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from chassis.errors import MalformedRequest, NotFound, ServiceError
from gateway.routes.versions import tag_of

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1


class UnknownPath(NotFound):
    """No route has this path."""

    code, title = "unknown_path", "没有此路径 · No such path"


class MethodNotAllowed(ServiceError):
    """The path exists, not with this method; `allow` lists those it has."""

    code, status, title = "method_not_allowed", 405, "不支持此方法 · Method not allowed"

    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__(f"this path takes {', '.join(allow)}")
        self.allow = tuple(allow)


class UnsupportedMediaType(ServiceError):
    """The body is not of a type this route reads."""

    code, status, title = "unsupported_media_type", 415, "不支持的内容类型 · Unsupported media type"


class RequestTimeout(ServiceError):
    """The client sends too slowly; the connection is ended after the answer."""

    code, status, title = "request_timeout", 408, "请求发送过慢 · Request took too long"


class TooManyRequests(ServiceError):
    """Called too often (RFC 6585); `told` and `policy` are the values of the RateLimit headers."""

    code, status, title, retryable = "too_many_requests", 429, "请求过于频繁 · Too many requests", True

    def __init__(self, seconds: int, told: str, policy: str) -> None:
        super().__init__(f"try again in {seconds} s", retry_after=seconds)
        self.told, self.policy = told, policy


class UriTooLong(ServiceError):
    """The address passes the limit."""

    code, status, title = "uri_too_long", 414, "地址过长 · Address too long"


class HeadTooLarge(ServiceError):
    """The request's header fields pass the limit (RFC 6585)."""

    code, status, title = "head_too_large", 431, "请求头过大 · Header fields too large"


class InvalidUtf8(MalformedRequest):
    """The body is not UTF-8 text (RFC 8259 section 8.1)."""

    code, title = "invalid_utf8", "编码不是 UTF-8 · Not UTF-8"


class InvalidJson(MalformedRequest):
    """The body is not one JSON object."""

    code, title = "invalid_json", "不是有效的 JSON · Not valid JSON"


def document(error: ServiceError, request_id: str) -> dict[str, Any]:
    """The members of the problem document for one request."""
    return {**error.to_problem(), "request_id": request_id}


def headers_of(error: ServiceError) -> dict[str, str]:
    """The headers HTTP asks for beside the document (RFC 9110, RFC 6750)."""
    headers: dict[str, str] = {}
    if error.status == 401:
        reason = ', error="invalid_token"' if error.code == "invalid_token" else ""
        if reason and error.rule:
            reason += f', error_description="{error.rule}"'
        headers["WWW-Authenticate"] = f'Bearer realm="wangge"{reason}'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, RequestTimeout):
        headers["Connection"] = "close"
    if "current_version" in error.extra:
        headers["ETag"] = tag_of(error.extra["current_version"])
    if isinstance(error, TooManyRequests):
        headers |= {"RateLimit": error.told, "RateLimit-Policy": error.policy}
        headers["Retry-After"] = str(error.extra["retry_after"])
    elif "retry_after_seconds" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after_seconds"])
    elif error.retryable and error.status in (503, 504):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return headers


def problem_response(error: ServiceError, request_id: str) -> Response:
    """The whole HTTP answer for an error."""
    body = orjson.dumps(document(error, request_id))
    return Response(body, status_code=error.status, headers=headers_of(error), media_type=CONTENT_TYPE)
