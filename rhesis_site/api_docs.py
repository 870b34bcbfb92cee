"""The API's readable page, made of the OpenAPI schema: plain HTML, which needs no script and no other address."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from drf_spectacular.generators import SchemaGenerator

AUTHENTICATION = {
    "sessionToken": "the session token of a person",
    "cookieAuth": "the session of a browser",
    "serviceToken": "the token of a service",
}
LIMITS = ("minLength", "maxLength", "minimum", "maximum", "default", "pattern")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of a body; `where` is path, query or empty."""

    name: str
    where: str
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of an address. `answers` are status, description and fields."""

    id: str
    method: str
    path: str
    description: str
    authentication: str
    parameters: list[Field]
    body: list[Field]
    answers: list[tuple[str, str, list[Field]]]


def api_docs(request: HttpRequest) -> HttpResponse:
    """Every operation of the API, with its parameters and answers."""
    return render(request, "api_docs.html", {"operations": _operations()})


@cache
def _operations() -> list[Operation]:
    # The schema of code, which does not change while the process runs.
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    components = schema["components"]["schemas"]
    return [
        Operation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            description=_text(operation.get("description", "")),
            authentication=" or ".join(
                AUTHENTICATION[name] for either in operation.get("security", []) for name in either
            ),
            parameters=[
                Field(each["name"], each["in"], _kind(each["schema"], components), _text(each.get("description", "")))
                for each in operation.get("parameters", [])
            ],
            body=_of_body(operation.get("requestBody", {}), components),
            answers=[
                (
                    status,
                    _text(answer.get("description") or HTTPStatus(int(status)).phrase),
                    _of_body(answer, components),
                )
                for status, answer in sorted(operation["responses"].items())
            ],
        )
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def _of_body(body: Schema, components: Schema) -> list[Field]:
    found: list[Field] = []
    for content in body.get("content", {}).values():
        found.extend(_fields(content["schema"], components))
    return found


def _fields(schema: Schema, components: Schema, prefix: str = "") -> Iterator[Field]:
    """Fields of an object with those of the objects in it, such as `results[].id`."""
    schema = _resolved(schema, components)
    if schema.get("type") == "array":
        yield from _fields(schema["items"], components, f"{prefix}[]")
    for name, each in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        yield Field(path, "", _kind(each, components), _text(each.get("description", "")))
        yield from _fields(each, components, path)


def _resolved(schema: Schema, components: Schema) -> Schema:
    """The schema, with its reference or its only part in place."""
    for part in schema.get("allOf", [])[:1]:
        schema = {**part, **schema}
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**components[name], **schema} if name else schema


def _kind(schema: Schema, components: Schema) -> str:
    """The type, such as `date`, `list of integer, or null` or `text (maxLength 512)`."""
    if either := schema.get("oneOf"):
        return " or ".join(_kind(each, components) for each in either)
    schema = _resolved(schema, components)
    if "enum" in schema:
        kind = "one of " + ", ".join(str(each) for each in schema["enum"])
    elif schema.get("type") == "array":
        kind = f"list of {_kind(schema['items'], components)}"
    else:
        kind = schema.get("format") or schema.get("type", "any").replace("string", "text")
    limits = ", ".join(f"{limit} {schema[limit]}" for limit in LIMITS if limit in schema)
    return kind + (f" ({limits})" if limits else "") + (", or null" if schema.get("nullable") else "")


def _text(description: str) -> str:
    """HTML of a description, with what is between backticks as code."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if number % 2 else part,)
            for number, part in enumerate(description.split("`"))
        ),
    )
