"""What the network says of a domain: who takes its mail, and since when it is registered.

What belongs here: asking DNS, and RDAP or else WHOIS, and keeping the answers (`domain_lookups`) so that a domain is
asked once in a while, whatever number of leads has it. What does not: what an answer means for a lead.

This is a door: it goes out to the network, and is called by commands and schedules, never by an asset. Assets read
what was answered by the end of a day.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import dns.exception
import dns.name
import dns.resolver
from sqlalchemy import Engine, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from leadflow_pipeline.errors import Deferred, LeadflowError, PermanentError, TransientError
from leadflow_pipeline.store.schema import domain_lookups
from leadflow_pipeline.vendors.reading import json_object, objects
from leadflow_pipeline.vendors.session import Rate, VendorSession
from leadflow_pipeline.vendors.whois import Whois
from leadflow_pipeline.vendors.whois_text import Registration

Kind = Literal["mx", "registration"]
RDAP_VENDOR = "rdap"
RDAP_URL = "https://rdap.org"
"""Leads on to the registry of every top-level domain that has RDAP (bootstrap of RFC 9224); of the others, many of
countries, it says 404."""
RDAP_RATE = Rate(requests=1, per_seconds=1)

DNS_SECONDS = 3.0
AT_ONCE = {"mx": 16, "registration": 1}
"""Questions under way together: a resolver does not mind, a registry does."""
KEPT = {"mx": timedelta(days=30), "registration": timedelta(days=365)}
KEPT_EMPTY = timedelta(days=7)
KEPT_FAILURE = timedelta(hours=6)

NOT_KNOWN = (400, 404)
"""No such domain: not one of this registry, or none at all."""
LEADS_ON = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class LookedUp:
    """How a round went: domains that were answered, that nobody could answer, and that are left for another round."""

    answered: int = 0
    failed: int = 0
    left: int = 0
    deferred_until: datetime | None = None


# --- one domain --------------------------------------------------------------------------------------------------


def system_resolver() -> dns.resolver.Resolver:
    """The resolver this machine uses. Raises PermanentError where it has none."""
    try:
        return dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        raise PermanentError("this machine names no DNS server: add one to /etc/resolv.conf") from None


def mail_servers(
    domain: str, resolver: dns.resolver.Resolver, timeout: float = DNS_SECONDS
) -> tuple[str, ...]:
    """The hosts that take a domain's mail, the preferred first; none for a domain that takes no mail.

    Without an MX record the domain's own address takes it (RFC 5321, 5.1); a null MX says that nobody does (RFC 7505).
    Raises TransientError where the servers of the domain are broken or silent for `timeout` seconds.
    """
    started = time.monotonic()
    name = absolute_name(domain)
    if name is None:
        return ()
    try:
        answer = resolver.resolve(name, "MX", lifetime=timeout)
    except dns.resolver.NXDOMAIN:
        return ()
    except dns.resolver.NoAnswer:
        rest = timeout - (time.monotonic() - started)
        return (name.to_text(omit_final_dot=True),) if has_address(name, resolver, rest) else ()
    except dns.exception.DNSException:
        raise unanswered() from None
    ordered = sorted((record.preference, record.exchange.to_text(omit_final_dot=True)) for record in answer)
    return tuple(host.lower() for _, host in ordered if host != ".")


def has_address(name: dns.name.Name, resolver: dns.resolver.Resolver, timeout: float) -> bool:
    """Whether a name has an IPv4 or IPv6 address."""
    ends = time.monotonic() + timeout
    for kind in ("A", "AAAA"):
        try:
            resolver.resolve(name, kind, lifetime=max(ends - time.monotonic(), 0.01))
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            continue
        except dns.exception.DNSException:
            raise unanswered() from None
        return True
    return False


def absolute_name(domain: str) -> dns.name.Name | None:
    """A domain as DNS knows it (letters of other languages as IDNA 2008); None for what can be none."""
    try:
        return dns.name.from_text(domain.rstrip(".") + ".", idna_codec=dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, UnicodeError):
        return None


def unanswered() -> TransientError:
    return TransientError("the domain's name servers are broken or silent: it is asked again later")


def registration(session: VendorSession, domain: str, whois: Whois | None = None) -> Registration:
    """Whether and since when a registrable domain is registered, by RDAP (RFC 9083).

    `session` asks a registry, or a service that leads on to the registry of any domain, as rdap.org does. Where it
    knows nothing, because the top-level domain has no RDAP or there is no such domain, `whois` is asked.
    """
    path = f"/domain/{domain}"
    response = session.call("GET", path, is_repeatable=True, accept={*NOT_KNOWN, *LEADS_ON})
    if response.status_code in NOT_KNOWN and whois is not None:
        return whois.registration(domain)
    if response.status_code in LEADS_ON:
        registry, found, _ = response.headers.get("Location", "").partition(path)
        if not found:
            raise TransientError("RDAP leads to no registry for this domain: it is asked again later")
        response = session.elsewhere(registry).call("GET", path, is_repeatable=True, accept=NOT_KNOWN)
    if response.status_code in NOT_KNOWN:
        return Registration(False)
    events = objects(json_object(response, "RDAP", is_repeatable=True).get("events"))
    days = [event.get("eventDate") for event in events if event.get("eventAction") == "registration"]
    return Registration(True, next((day for day in map(day_of, days) if day is not None), None))


def day_of(text: Any) -> date | None:
    """The day at the beginning of an RFC 3339 moment, or None."""
    if not isinstance(text, str) or not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


# --- many domains ------------------------------------------------------------------------------------------------


def look_up_domains(
    engine: Engine,
    kind: Kind,
    domains: Iterable[str],
    source: dns.resolver.Resolver | VendorSession,
    now: Callable[[], datetime],
    most: int = 500,
    seconds: float = 30.0,
    whois: Whois | None = None,
) -> LookedUp:
    """Asks about the domains whose answer is missing or out of date, and keeps what is said, failures for a few hours.

    `source` is a resolver for "mx", a session of an RDAP service for "registration", where `whois` is asked for what
    RDAP does not know. At most `most` domains are asked,
    and no new one after `seconds`. Nothing is raised for what the network does.
    """
    due = domains_due(engine, kind, domains, now())
    ask = question_of(kind, source, whois)
    answers, deferred_until = ask_together(due[:most], ask, AT_ONCE[kind], seconds)
    keep(engine, kind, answers, now())
    failed = sum(problem is not None for _, problem in answers.values())
    return LookedUp(len(answers) - failed, failed, len(due) - len(answers), deferred_until)


Answered = tuple[dict[str, Any] | None, str | None]
"""What is kept of a domain: an answer, or the problem."""


def question_of(
    kind: Kind, source: dns.resolver.Resolver | VendorSession, whois: Whois | None = None
) -> Callable[[str], dict[str, Any]]:
    """The function that asks about one domain, in the shape in which the answer is kept."""
    if kind == "mx" and isinstance(source, dns.resolver.Resolver):
        return lambda domain: {"servers": list(mail_servers(domain, source))}
    if kind == "registration" and isinstance(source, VendorSession):

        def ask(domain: str) -> dict[str, Any]:
            found = registration(source, domain, whois)
            day = found.on.isoformat() if found.on is not None else None
            return {"registered_on": day, "is_registered": found.is_registered}

        return ask
    raise TypeError(f"a {type(source).__name__} cannot answer for {kind}")


def ask_together(
    domains: list[str], ask: Callable[[str], dict[str, Any]], at_once: int, seconds: float
) -> tuple[dict[str, Answered], datetime | None]:
    """Answers by domain, and until when the source wants to be left alone. Nothing is begun after `seconds`."""
    answers: dict[str, Answered] = {}
    deferred_until: datetime | None = None
    waiting = iter(domains)
    ends = time.monotonic() + seconds
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="domains") as threads:
        under_way: dict[Future[dict[str, Any]], str] = {}
        while True:
            while len(under_way) < at_once and deferred_until is None and time.monotonic() < ends:
                domain = next(waiting, None)
                if domain is None:
                    break
                under_way[threads.submit(ask, domain)] = domain
            if not under_way:
                return answers, deferred_until
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                domain = under_way.pop(done)
                try:
                    answers[domain] = (done.result(), None)
                except Deferred as deferral:
                    deferred_until = deferral.until
                except LeadflowError as failure:
                    answers[domain] = (None, str(failure))


def domains_due(engine: Engine, kind: Kind, domains: Iterable[str], now: datetime) -> list[str]:
    """Those whose latest answer or failure is missing or out of date, each once, in the order given."""
    wanted = list(dict.fromkeys(domain.lower() for domain in domains if domain))
    query = select(domain_lookups.c.domain).where(
        domain_lookups.c.kind == kind,
        domain_lookups.c.expires_at > now,
        domain_lookups.c.domain == any_(bindparam("wanted", wanted, ARRAY(Text))),
    )
    with engine.connect() as connection:
        known = set(connection.scalars(query))
    return [domain for domain in wanted if domain not in known]


def keep(engine: Engine, kind: Kind, answers: Mapping[str, Answered], now: datetime) -> None:
    """Stores a round of answers and failures."""
    known, unknown = [], []
    for domain, (answer, problem) in answers.items():
        row = {"domain": domain, "kind": kind, "finished_at": now, "expires_at": now + kept_for(kind, answer)}
        if problem is None:
            known.append({**row, "answer": answer})
        else:
            unknown.append({**row, "problem": problem})
    with engine.begin() as connection:
        for rows in filter(None, (known, unknown)):
            connection.execute(insert(domain_lookups).on_conflict_do_nothing(), rows)


def kept_for(kind: Kind, answer: Mapping[str, Any] | None) -> timedelta:
    """How long an answer is good for: less where there was nothing to be said, because that changes soonest."""
    if answer is None:
        return KEPT_FAILURE
    return KEPT[kind] if any(answer.values()) else KEPT_EMPTY
