"""The API's document as one page: plain HTML made from the OpenAPI document, without a script or an outside asset."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

ADDRESS = "http://localhost:3000"
SHORT = 120
"""Characters of a body that still fits a command line."""

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 62rem; margin: 0 auto;
  padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #767676; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; }
th, td { text-align: left; vertical-align: top; border: 1px solid #767676; padding: .3rem .5rem; }
pre { background: #f3f3f3; padding: .7rem; overflow: auto; }
code { font-family: ui-monospace, monospace; }
summary { cursor: pointer; padding: .3rem 0; }
a { color: #003d99; }
:focus-visible { outline: 3px solid #003d99; outline-offset: 2px; }
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src data:; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""Content security policy: nothing may be loaded, only the page's own style holds."""


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<h1>{title} API</h1>
<p>{about}</p>
<p>Most endpoints ask for a signed token that allows their use, as <code>Authorization: Bearer</code>.</p>
<p>For booking agents and clinicians: <a href="/pages">the pages</a>.</p>
<p>The same for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI {openapi}).</p>
<h2>Endpoints</h2>
<ul>
{links}</ul>
{endpoints}<h2>Members</h2>
{members}</main>
</body>
</html>
"""


def render(openapi: dict[str, Any]) -> str:
    """One HTML page from an OpenAPI document."""
    endpoints = [(method, path, said) for path, methods in openapi["paths"].items() for method, said in methods.items()]
    schemas = openapi.get("components", {}).get("schemas", {})
    return PAGE.format(
        title=escape(openapi["info"]["title"]),
        about=escape(openapi["info"]["description"]),
        openapi=escape(openapi["openapi"]),
        style=STYLE,
        links="".join(_link(*endpoint) for endpoint in endpoints),
        endpoints="".join(_endpoint(*endpoint) for endpoint in endpoints),
        members="".join(_schema(name, schema) for name, schema in schemas.items()),
    )


def _link(method: str, path: str, said: dict[str, Any]) -> str:
    name = escape(f"{method.upper()} {path}")
    return f'<li><a href="#{escape(said["operationId"])}">{name}</a>: {escape(said["summary"])}</li>\n'


def _endpoint(method: str, path: str, said: dict[str, Any]) -> str:
    name = escape(said["operationId"])
    asked = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = asked.get("examples", {})
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{method.upper()} {escape(path)}</h2>\n'
        f"<p>{escape(said.get('description', said['summary']))}</p>\n"
        + (f"<p>Body: {_type(asked['schema'])}.</p>\n" if asked else "")
        + _code(_curl(method, path, examples, secured="security" in said))
        + "".join(_example(f"Question: {one['summary']}", one["value"]) for one in examples.values())
        + _responses(said["responses"])
        + "</section>\n"
    )


def _curl(method: str, path: str, examples: dict[str, Any], *, secured: bool) -> str:
    token = ' -H "Authorization: Bearer $TOKEN"' if secured else ""
    if method == "get":
        return f"curl -s {ADDRESS}{path}{token}"
    bodies = [json.dumps(one["value"]) for one in examples.values()]
    body = next((body for body in bodies if len(body) <= SHORT), "@question.json")
    return f"curl -s {ADDRESS}{path}{token} -H 'Content-Type: application/json' -d '{body}'"


def _responses(responses: dict[str, Any]) -> str:
    rows, examples = [], []
    for status, said in responses.items():
        content = said.get("content", {}).get("application/json", {})
        held = _type(content["schema"]) if content.get("schema") else ""
        rows.append([escape(status), escape(said["description"]), held])
        shown = content.get("examples") or ({"": {"value": content["example"]}} if "example" in content else {})
        titled = {f"Answer {status}: {name}" if name else f"Answer {status}": one for name, one in shown.items()}
        examples += [_example(title, one["value"]) for title, one in titled.items()]
    return _table("Answers", ("Status", "Means", "Body"), rows) + "".join(examples)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        [f"<code>{escape(member)}</code>", _type(said), "yes" if member in required else "no", escape(_says(said))]
        for member, said in schema.get("properties", {}).items()
    ]
    anchor = f"schema-{escape(name)}"
    return (
        f'<section aria-labelledby="{anchor}">\n<h3 id="{anchor}">{escape(name)}</h3>\n'
        f"<p>{escape(schema.get('description', ''))}</p>\n"
        + _table(f"Members of {name}", ("Member", "Type", "Required", "Says"), rows)
        + "</section>\n"
    )


def _table(caption: str, titles: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already; the first cell of a row is its head."""
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    return (
        f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody>\n</table>\n"
    )


def _type(schema: dict[str, Any]) -> str:
    """A type in words, with links to the objects; as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(" ".join(part for part in (schema.get("type", "any"), schema.get("format", "")) if part))


def _says(schema: dict[str, Any]) -> str:
    """The description, or that of the member's type."""
    inner = next((one["description"] for one in schema.get("anyOf", []) if "description" in one), "")
    return " ".join(dict.fromkeys(part for part in (schema.get("description", ""), inner) if part))


def _example(title: str, value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return f"<details><summary>{escape(title)}</summary>\n{_code(text)}</details>\n"


def _code(text: str) -> str:
    # A box that scrolls must be reachable by keyboard.
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>\n'
