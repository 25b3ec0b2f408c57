"""An IMAP server with one folder, on a real socket: as much of RFC 3501 and 4315 as a reader of mail needs.

What belongs here: what a server may hold and do. What does not: what a client should make of it.
"""

from __future__ import annotations

import base64
import re
import socketserver
import threading
from dataclasses import dataclass, field

USER, PASSWORD = "inbox", "open sesame"


@dataclass
class Folder:
    """Mails by UID, with their flags."""

    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    uid_validity: int = 7
    last_uid: int = 0

    def add(self, raw: bytes) -> int:
        """Puts a mail into the folder; its UID."""
        self.last_uid += 1
        self.mails[self.last_uid] = raw
        self.flags[self.last_uid] = set()
        return self.last_uid

    def renumber(self) -> None:
        """Gives every mail another UID, as a server does that has lost its index."""
        self.uid_validity += 1
        self.mails = {uid + 100: raw for uid, raw in self.mails.items()}
        self.flags = {uid: set() for uid in self.mails}
        self.last_uid += 100


class ImapServer(socketserver.ThreadingTCPServer):
    """A server on a free port of 127.0.0.1. `hangs_up_after`: how many mails it gives before it drops the line."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.folder = Folder()
        self.hangs_up_after: int | None = None
        self.given = 0
        self.port = int(self.server_address[1])

    def __enter__(self) -> ImapServer:
        threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """What the settings call it."""
        return f"imap://{USER}@127.0.0.1:{self.port}/INBOX"


class _Conversation(socketserver.StreamRequestHandler):
    server: ImapServer

    def handle(self) -> None:
        self.is_writable = False
        self.say("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, rest = line.partition(" ")
            words = rest.split(" ")
            command = " ".join(words[:2]).upper() if words[0].upper() == "UID" else words[0].upper()
            answer = getattr(self, f"on_{command.lower().replace(' ', '_')}", None)
            done = answer(rest) if answer else "BAD unknown"
            if done is None:
                return
            self.say(f"{tag} {done} done")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def on_capability(self, _: str) -> str:
        self.say("* CAPABILITY IMAP4rev1 UIDPLUS AUTH=XOAUTH2")
        return "OK"

    def on_login(self, rest: str) -> str:
        return "OK" if rest.split(" ", 2)[1:] == [USER, f'"{PASSWORD}"'] else "NO [AUTHENTICATIONFAILED] no"

    def on_authenticate(self, _: str) -> str:
        self.say("+ ")
        said = base64.b64decode(self.rfile.readline().strip()).decode()
        return "OK" if said == f"user={USER}\x01auth=Bearer {PASSWORD}\x01\x01" else "NO no"

    def on_examine(self, _: str, *, writable: bool = False) -> str:
        self.is_writable = writable
        self.say(f"* {len(self.server.folder.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.server.folder.uid_validity}] valid")
        return f"OK [{'READ-WRITE' if writable else 'READ-ONLY'}] open"

    def on_select(self, rest: str) -> str:
        return self.on_examine(rest, writable=True)

    def on_uid_search(self, rest: str) -> str:
        uids = sorted(self.server.folder.mails)
        if found := re.search(r"UID (\d+):\*", rest[10:]):
            uids = [uid for uid in uids if uid >= int(found[1])] or uids[-1:]
        self.say("* SEARCH " + " ".join(map(str, uids)))
        return "OK"

    def on_uid_fetch(self, rest: str) -> str | None:
        if self.server.given == self.server.hangs_up_after:
            return None
        uid = int(rest.split(" ")[2])
        most = int(re.findall(r"<0\.(\d+)>", rest)[0])
        raw = self.server.folder.mails.get(uid)
        if raw is not None:
            self.server.given += 1
            if "PEEK" not in rest:
                self.server.folder.flags[uid].add(r"\Seen")
            self.wfile.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(raw[:most])}}}\r\n".encode())
            self.wfile.write(raw[:most] + b")\r\n")
        return "OK"

    def on_uid_store(self, rest: str) -> str:
        if not self.is_writable:
            return "NO read only"
        _, _, uid, _, flags = rest.split(" ", 4)
        self.server.folder.flags[int(uid)] |= set(re.findall(r"\\\w+", flags))
        return "OK"

    def on_uid_expunge(self, rest: str) -> str:
        uid = int(rest.split(" ")[2])
        if r"\Deleted" in self.server.folder.flags.get(uid, ()):
            del self.server.folder.mails[uid], self.server.folder.flags[uid]
        return "OK"

    def on_logout(self, _: str) -> str:
        self.say("* BYE")
        return "OK"
