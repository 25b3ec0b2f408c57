"""A stand-in for a name server, over UDP and TCP on one port of 127.0.0.1.

What belongs here: what a resolver may hear of a domain that takes mail, refuses it, does not exist, or whose servers
are broken or silent. What does not: what a client makes of it.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

Manner = Literal["answer", "nxdomain", "servfail", "refused", "silence", "too big for udp", "garbage"]


@dataclass(frozen=True)
class Zone:
    """What is said of one domain: (preference, server) of its MX records, its own addresses, and how it behaves."""

    mx: Sequence[tuple[int, str]] = ()
    a: Sequence[str] = ()
    aaaa: Sequence[str] = ()
    manner: Manner = "answer"

    def records(self, kind: dns.rdatatype.RdataType) -> list[str]:
        """Records of one type, as text."""
        if kind == dns.rdatatype.MX:
            return [f"{preference} {server}" for preference, server in self.mx]
        if kind == dns.rdatatype.A:
            return list(self.a)
        return list(self.aaaa) if kind == dns.rdatatype.AAAA else []


NULL_MX = Zone(mx=[(0, ".")])
"""A domain that says that it takes no mail (RFC 7505)."""

DEFAULT_ZONES: Mapping[str, Zone] = {
    "leads.example": Zone(mx=[(20, "backup.leads.example."), (10, "mail.leads.example.")]),
    "no-mail.example": NULL_MX,
    "only-address.example": Zone(a=["192.0.2.10"]),
    "only-ipv6.example": Zone(aaaa=["2001:db8::10"]),
    "nothing.example": Zone(),
    "broken.example": Zone(manner="servfail"),
    "refusing.example": Zone(manner="refused"),
    "silent.example": Zone(manner="silence"),
    "garbage.example": Zone(manner="garbage"),
    "many-servers.example": Zone(
        mx=[(number, f"mail{number:02d}.many-servers.example.") for number in range(60)],
        manner="too big for udp",
    ),
}


class FakeDns:
    """A name server on a free port, for the length of a `with` block. `zones` says what it knows; the rest is NXDOMAIN.

    `asked` is the log: (domain, type), in order.
    """

    def __init__(self, zones: Mapping[str, Zone] | None = None) -> None:
        self.zones = dict(DEFAULT_ZONES if zones is None else zones)
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    def __enter__(self) -> Self:
        self._udp, self._tcp = _on_one_port()
        self.port = self._udp.server_address[1]
        for server in (self._udp, self._tcp):
            server.fake = self
            threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks only this server."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver

    def answer(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        """The bytes that go back; None: silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        domain = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((domain, dns.rdatatype.to_text(question.rdtype)))
        zone = self.zones.get(domain, Zone(manner="nxdomain"))
        response = dns.message.make_response(query, recursion_available=True)
        if zone.manner == "silence":
            return None
        if zone.manner == "garbage":
            return b"\x00" * 7
        codes = {"nxdomain": dns.rcode.NXDOMAIN, "servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}
        response.set_rcode(codes.get(zone.manner, dns.rcode.NOERROR))
        if zone.manner == "too big for udp" and is_udp:
            response.flags |= dns.flags.TC
        elif records := zone.records(question.rdtype):
            response.answer.append(
                dns.rrset.from_text_list(question.name, 300, "IN", question.rdtype, records)
            )
        return response.to_wire()


def _on_one_port() -> tuple[_Udp, _Tcp]:
    """Both servers on one free number. Free for UDP may be taken for TCP: then another is tried."""
    while True:
        udp = _Udp(("127.0.0.1", 0), _Datagram)
        try:
            return udp, _Tcp(udp.server_address, _Stream)
        except OSError:
            udp.server_close()


class _Datagram(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        wire, socket = self.request
        answer = self.server.fake.answer(wire, is_udp=True)
        if answer is not None:
            socket.sendto(answer, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.rfile.read(2))
        answer = self.server.fake.answer(self.rfile.read(length), is_udp=False)
        if answer is not None:
            self.wfile.write(struct.pack("!H", len(answer)) + answer)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    fake: FakeDns


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    fake: FakeDns
