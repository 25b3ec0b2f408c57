"""Pages for people who came from an email: plain HTML, legible on a phone, in light and in dark, without scripts.

What belongs here: how a page looks, and the headers that keep it private. What does not: what a page is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi.responses import HTMLResponse
from jinja2 import Environment

HEADERS = {
    "Cache-Control": "no-store, private, max-age=0",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
  :root {
    color-scheme: light dark;
    --page: #f3f4f7; --card: #ffffff; --edge: #e2e5eb; --text: #1f2530; --quiet: #5a6373;
    --main: #1d4ed8; --on-main: #ffffff; --done: #e7f4ec; --on-done: #14532d;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #16181d; --card: #20242b; --edge: #3a414d; --text: #e7e9ee; --quiet: #a3abba;
      --main: #8ab4f8; --on-main: #10131a; --done: #16331f; --on-done: #c3ead0;
    }
  }
  * { box-sizing: border-box; }
  body {
    margin: 0; background: var(--page); color: var(--text);
    font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
    -webkit-text-size-adjust: 100%; overflow-wrap: anywhere;
  }
  main {
    max-width: 34rem; margin: 8vh auto 2rem; padding: 2.25rem 2.5rem; background: var(--card);
    border: 1px solid var(--edge); border-radius: 12px;
  }
  h1 { margin: 0 0 .75rem; font-size: 1.45rem; line-height: 1.25; }
  p { margin: 0 0 1rem; }
  .done { padding: .75rem 1rem; border-radius: 8px; background: var(--done); color: var(--on-done); }
  .quiet { margin: 1.5rem 0 0; color: var(--quiet); font-size: .875rem; }
  form { margin: 1.5rem 0 0; display: grid; gap: .75rem; }
  button {
    font: inherit; font-weight: 600; min-height: 48px; padding: .7rem 1rem; border-radius: 8px; cursor: pointer;
    border: 1px solid var(--main); background: transparent; color: var(--main); text-align: center;
  }
  button.main { background: var(--main); color: var(--on-main); }
  button:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
  @media (max-width: 640px) {
    body { background: var(--card); }
    main { margin: 0; padding: 1.75rem 1.375rem 2rem; border: 0; border-radius: 0; }
  }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% if done %}
<p class="done" role="status">{{ done }}</p>
{% endif %}
{% for line in lines %}
<p>{{ line }}</p>
{% endfor %}
{% if buttons %}
<form method="post">
{% for button in buttons %}
<button{% if button.is_main %} class="main"{% endif %} type="submit" name="choice" value="{{ button.value }}">{{ button.label }}</button>
{% endfor %}
</form>
{% endif %}
{% if foot %}
<p class="quiet">{{ foot }}</p>
{% endif %}
</main>
</body>
</html>
""")  # noqa: E501


@dataclass(frozen=True)
class Button:
    """Posts `value` as `choice` to the page's own address."""

    value: str
    label: str
    is_main: bool = False


def page(
    title: str,
    lines: Sequence[str],
    *,
    done: str = "",
    buttons: Sequence[Button] = (),
    foot: str = "",
    language: str = "en",
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """An answer. Whatever is put in is text, and never read as HTML."""
    content = PAGE.render(title=title, lines=lines, done=done, buttons=buttons, foot=foot, language=language)
    return HTMLResponse(content, status, headers={**HEADERS, **(headers or {})})
