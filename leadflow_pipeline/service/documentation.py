"""`/docs`: what the service may be asked, as one page for people.

What belongs here: showing the OpenAPI document. What does not: what stands in it (the routes say so themselves).

FastAPI's own page loads its scripts from a third party, and stays empty where there is no way there.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{{ info.title }} {{ info.version }}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2933 }
  code, h2 { font-family: ui-monospace, monospace } h2 { font-size: 1.1rem; margin: 2rem 0 0 }
  td { padding: .2rem 1.5rem .2rem 0; vertical-align: top } th { text-align: left; padding-top: .8rem }
</style>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.description }} For programs: <a href="openapi.json">openapi.json</a>.</p>
{% for path, methods in paths.items() %}
{% for method, operation in methods.items() %}
<h2>{{ method | upper }} {{ path }}</h2>
<p>{{ operation.description }}</p>
<table>
  {% if operation.parameters %}
  <tr><th colspan="2">Parameters</th></tr>
  {% endif %}
  {% for each in operation.parameters %}
  <tr>
    <td><code>{{ each.name }}</code></td>
    <td>{{ each.in }}{% if each.description %}: {{ each.description }}{% endif %}</td>
  </tr>
  {% endfor %}
  {% if operation.requestBody %}
  <tr><th colspan="2">Body</th></tr>
  <tr>
    <td><code>{{ operation.requestBody.content | join(", ") }}</code></td>
    <td>{{ operation.requestBody.description }}</td>
  </tr>
  {% endif %}
  <tr><th colspan="2">Answers</th></tr>
  {% for status, answer in operation.responses | dictsort %}
  <tr><td><code>{{ status }}</code></td><td>{{ answer.description }}</td></tr>
  {% endfor %}
</table>
{% endfor %}
{% endfor %}
</html>
""")  # fmt: skip


def add_documentation(app: FastAPI) -> None:
    """Serves the page. The other routes are on it whenever they are added."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(PAGE.render(app.openapi()))
