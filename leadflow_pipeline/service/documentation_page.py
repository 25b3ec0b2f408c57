"""The page of `documentation`, as a template.

What belongs here: how it looks. What does not: what stands on it.
"""

from __future__ import annotations

PAGE_SOURCE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }} {{ info.version }}</title>
<style>
  :root { --ink: #1f2933; --soft: #52606d; --line: #d9e2ec; --paper: #fff; --shade: #f5f7fa; --mark: #0b6e99 }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4e7eb; --soft: #9aa5b1; --line: #3e4c59; --paper: #1a2027; --shade: #252d36; --mark: #6cc3e8 }
  }
  * { box-sizing: border-box }
  html { scroll-padding-top: 1rem }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: var(--ink); background: var(--paper) }
  a { color: var(--mark); text-decoration: none } a:hover { text-decoration: underline }
  pre { background: var(--shade); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem;
    overflow-x: auto; font: .85rem/1.5 ui-monospace, monospace }
  section > h2 { text-transform: capitalize }
  code, summary b { font-family: ui-monospace, monospace; font-size: .92em }
  .page { display: grid; grid-template-columns: 19rem minmax(0, 1fr); max-width: 84rem; margin: auto }
  nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem;
    border-right: 1px solid var(--line); font-size: .85rem }
  nav h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; margin: 1.2rem 0 .3rem;
    color: var(--soft) }
  nav ul { list-style: none; margin: 0; padding: 0 } nav li { margin: .15rem 0; display: flex }
  nav > strong { display: block }
  nav i, .method { font: 600 .72rem ui-monospace, monospace; color: var(--soft); font-style: normal }
  nav i { flex: 0 0 3.6rem; padding-top: .15rem } nav li a { overflow-wrap: anywhere }
  main { padding: 1.5rem 2rem 4rem } main > section > h2 { margin: 2.5rem 0 .6rem; font-size: 1.35rem }
  details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0 }
  summary { cursor: pointer; padding: .55rem .8rem; display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap }
  summary:hover { background: var(--shade) } summary b { font-weight: 600; overflow-wrap: anywhere }
  .method { width: 3.6rem } summary .what { color: var(--soft); font-size: .9rem }
  .what { flex: 1 1 100%; padding-left: 4.3rem } #refusals .what { padding: 0 }
  .scope { font-size: .75rem; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .55rem;
    color: var(--soft) }
  .inner { padding: 0 .9rem .8rem; border-top: 1px solid var(--line) }
  table { border-collapse: collapse; width: 100%; font-size: .9rem } th { text-align: left; padding: .9rem 0 .2rem }
  td { padding: .2rem 1rem .2rem 0; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere }
  td:first-child { width: 14rem } td:nth-child(2) { width: 15rem; color: var(--soft) }
  :target > summary { background: var(--shade) }
  @media (max-width: 60rem) { .page { grid-template-columns: minmax(0, 1fr) }
    nav { position: static; height: auto; border: 0 } main { padding: 1rem } nav ul { display: none }
    nav h2 { display: inline-block; margin: .6rem .8rem 0 0 } .what { padding-left: 0 }
    td:first-child, td:nth-child(2) { width: auto } }
</style>
{% macro parts(title, rows) %}
  {% if rows %}
  <tr><th colspan="3">{{ title }}</th></tr>
  {% for each in rows %}
  <tr><td><code>{{ each.name }}</code>{% if each.is_required %} *{% endif %}</td><td>{{ each.kind }}</td>
    <td>{{ each.description | coded }}</td></tr>
  {% endfor %}
  {% endif %}
{% endmacro %}
<div class="page">
<nav>
  <strong><a href="#top">{{ info.title }} {{ info.version }}</a></strong>
  {% for subject, requests in subjects.items() %}
  <h2><a href="#{{ subject | replace(' ', '-') }}">{{ subject }}</a></h2>
  <ul>
    {% for each in requests %}
    <li><i>{{ each.method }}</i><a href="#{{ each.anchor }}" title="{{ each.path }}">{{
      each.short_path | breakable }}</a></li>
    {% endfor %}
  </ul>
  {% endfor %}
</nav>
<main id="top">
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.description }} For programs: <a href="openapi.json">openapi.json</a>.</p>
<p>What needs a token says which: one that may <b>read</b>, <b>operate</b> or <b>admin</b>, each including those before.
  <code>leadflow token create NAME --scope read</code> makes one; send it as <code>Authorization: Bearer TOKEN</code>.
  Lists come by page: give <code>next_cursor</code> back as <code>cursor</code>. A change takes an
  <code>Idempotency-Key</code>: sent again with the same key, it is carried out once.
  A <b>*</b> marks what must be there.</p>
<pre>export TOKEN=$(leadflow token create first-try)
curl -H "Authorization: Bearer $TOKEN" {{ here }}/api/v1/campaigns</pre>
<details id="refusals"><summary><b>Refusals</b><span class="what">Every request may be answered so, as
  application/problem+json: one plain sentence, and which fields are wrong.</span></summary>
<div class="inner"><table>
  {% for status, meaning in common %}
  <tr><td><code>{{ status }}</code></td><td></td><td>{{ meaning }}</td></tr>
  {% endfor %}
</table></div></details>
{% for subject, requests in subjects.items() %}
<section><h2 id="{{ subject | replace(' ', '-') }}">{{ subject }}</h2>
{% for each in requests %}
<details id="{{ each.anchor }}">
<summary><span class="method">{{ each.method }}</span><b>{{ each.path | breakable }}</b>{% if each.scope %}
<span class="scope">{{ each.scope }}</span>{% endif %}<span class="what">{{ each.first_line | coded }}</span></summary>
<div class="inner">
{% for paragraph in each.description.split("\n\n") %}<p>{{ paragraph | coded }}</p>{% endfor %}
<table>
{{ parts("Parameters", each.parameters) }}
{% if each.bodies %}
  <tr><th colspan="3">Body: <code>{{ each.bodies | join(", ") }}</code>
    {% if each.body_description %}<br>{{ each.body_description }}{% endif %}</th></tr>
{% endif %}
{{ parts("Members", each.body) }}
  <tr><th colspan="3">Answers</th></tr>
  {% for status, description in each.answers %}
  <tr><td><code>{{ status }}</code></td><td></td><td>{{ description | coded }}</td></tr>
  {% endfor %}
{{ parts("Members of the answer", each.answer) }}
</table>
</div></details>
{% endfor %}
</section>
{% endfor %}
</main>
</div>
</html>
"""  # fmt: skip
