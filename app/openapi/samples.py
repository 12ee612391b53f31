"""The same call in curl, PHP and Python, for the contract's page. Token and address come from the environment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

PLACE = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class SampleCall:
    """One call with values that the contract gives as examples. `body` is JSON, indented."""

    method: str
    path: str
    body: str | None = None
    has_token: bool = True


def samples_of(call: SampleCall) -> dict[str, str]:
    """The call by language. Each runs as it is, with URL and TOKEN in the environment."""
    return {"curl": _curl(call), "PHP": _php(call), "Python": _python(call)}


def sample_call(method: str, path: str, parameters: list[dict[str, Any]], body: Any, *, has_token: bool) -> SampleCall:
    """`parameters` are resolved ones of the contract; required ones of path and query get their example."""
    examples = {one["name"]: example_of(one) for one in parameters}
    filled = PLACE.sub(lambda found: examples.get(found[1], found[1]), path)
    query = urlencode(
        [(one["name"], examples[one["name"]]) for one in parameters if one["in"] == "query" and one.get("required")]
    )
    text = None if body is None else json.dumps(body, indent=2, ensure_ascii=False)
    return SampleCall(method, f"{filled}?{query}" if query else filled, text, has_token)


def example_of(parameter: dict[str, Any]) -> str:
    """The parameter's example, its first choice, or its name where there is none."""
    schema = parameter.get("schema", {})
    found = parameter.get("example", schema.get("example", next(iter(schema.get("enum", ())), parameter["name"])))
    return str(found)


def _curl(call: SampleCall) -> str:
    words = [
        f'curl -sS -X {call.method.upper()} "$URL{call.path}"'
        if call.method != "get"
        else f'curl -sS "$URL{call.path}"'
    ]
    if call.has_token:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if call.body is not None:
        quoted = call.body.replace("'", "'\\''")
        words += ["-H 'Content-Type: application/json'", f"-d '{quoted}'"]
    return " \\\n  ".join(words)


def _php(call: SampleCall) -> str:
    headers = ["'Authorization: Bearer ' . getenv('TOKEN')"] if call.has_token else []
    lines = ["$curl = curl_init(getenv('URL') . " + _php_text(call.path) + ");", "curl_setopt_array($curl, ["]
    lines += [f"    CURLOPT_CUSTOMREQUEST => '{call.method.upper()}',", "    CURLOPT_RETURNTRANSFER => true,"]
    if call.body is not None:
        headers.append("'Content-Type: application/json'")
        lines.append(f"    CURLOPT_POSTFIELDS => {_php_text(call.body)},")
    lines += [f"    CURLOPT_HTTPHEADER => [{', '.join(headers)}],", "]);", "$answer = curl_exec($curl);"]
    return "\n".join(["<?php", *lines, "echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), ' ', $answer, PHP_EOL;"])


def _php_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _python(call: SampleCall) -> str:
    headers = ['"Authorization": f"Bearer {os.environ[\'TOKEN\']}"'] if call.has_token else []
    lines = ["import os", "import urllib.request", ""]
    if call.body is not None:
        headers.append('"Content-Type": "application/json"')
        lines.append(f"body = {call.body!r}.encode()")
    data = "" if call.body is None else " data=body,"
    lines += [
        "request = urllib.request.Request(",
        f"    os.environ['URL'] + {call.path!r},{data} method={call.method.upper()!r},",
        f"    headers={{{', '.join(headers)}}},",
        ")",
        "with urllib.request.urlopen(request) as answer:",
        "    print(answer.status, answer.read().decode())",
    ]
    return "\n".join(lines)
