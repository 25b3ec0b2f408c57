"""What a mail that came back is, and what it says: one verdict for each.

What belongs here: the order in which kinds are asked for, and the verdict. What does not: how each is told (`bounces`,
`absence`, `removal`, `quoting`), and whom it concerns (`matching`). Pure; it raises nothing, whatever the bytes are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from leadflow_pipeline.inbound.mail.absence import SURE, Absence, absence_in
from leadflow_pipeline.inbound.mail.bounces.reading import read_bounce
from leadflow_pipeline.inbound.mail.bounces.report import BounceReport
from leadflow_pipeline.inbound.mail.languages import language_of
from leadflow_pipeline.inbound.mail.letter import Letter, read_letter
from leadflow_pipeline.inbound.mail.quoting import Written, written_in
from leadflow_pipeline.inbound.mail.removal import asks_for_removal

Kind = Literal["reply", "auto_reply", "bounce", "complaint", "unsubscribe", "other"]
WITHOUT_ANSWER = ("list-id", "list-post")
"""Headers of newsletters and lists: such a mail that answers nothing is no reply."""
COMPLAINT_SUBJECT = re.compile(r"complaint about message from \d", re.IGNORECASE)
"""What Outlook.com's programme for senders writes above the mail that was complained of."""


@dataclass(frozen=True)
class Verdict:
    """What a mail is. `text` is what its writer wrote; `evidence` names what told so, and is no personal data."""

    kind: Kind
    letter: Letter
    text: str = ""
    signature: str = ""
    reason: str = ""
    """Of an automatic answer: out_of_office, left, acknowledged, challenge, read_receipt or automatic."""
    away_until: datetime | None = None
    has_left: bool = False
    """Of an automatic answer: whether it plainly says that the mailbox's owner works there no more."""
    language: str = ""
    evidence: tuple[str, ...] = ()
    bounce: BounceReport | None = None

    def as_json(self) -> dict[str, Any]:
        """What may be kept of it beside the mail itself: no personal data."""
        reported = [
            {
                "is_permanent": each.is_permanent,
                "reason": each.reason,
                "status": each.status,
                "code": each.code,
            }
            for each in (self.bounce.recipients if self.bounce else ())
        ]
        told: Mapping[str, Any] = {
            "kind": self.kind,
            "reason": self.reason,
            "away_until": self.away_until and self.away_until.isoformat(),
            "language": self.language,
            "evidence": list(self.evidence),
            "bounced": reported,
        }
        return {name: value for name, value in told.items() if value}


def classify(raw: bytes, *, received: date | None = None, sent: str = "") -> Verdict:
    """What the mail in `raw` is.

    `received` is the day it came, for dates without a year, where the mail has no date of its own. `sent` is the text
    of the email that it answers, where that is known: its lines are not the writer's.
    """
    letter = read_letter(raw)
    written = written_in(letter.text, sent)
    language = language_of(written.text)
    day = letter.date.date() if letter.date else received or datetime.now(UTC).date()
    if asks_for_removal("", letter.subject) and not letter.report_type:
        return _verdict("unsubscribe", letter, written, language, evidence=("subject",))
    absence = absence_in(letter, written.text, day, has_quotation=written.has_quotation, language=language)
    report = read_bounce(raw)
    if report is not None and not _is_rather_absent(absence, report):
        kind: Kind = "complaint" if report.kind == "complaint" else "bounce"
        return Verdict(kind, letter, written.text, language=language, evidence=(report.kind,), bounce=report)
    if COMPLAINT_SUBJECT.match(letter.subject) and "message/rfc822" in letter.part_types:
        return _verdict("complaint", letter, written, language, evidence=("subject",))
    if absence is not None:
        verdict = _verdict("auto_reply", letter, written, language, evidence=absence.evidence)
        return _with_absence(verdict, absence)
    if "message/feedback-report" in letter.part_types or letter.content_type == "multipart/report":
        return _verdict("other", letter, written, language, evidence=("report",))
    if any(name in letter.headers for name in WITHOUT_ANSWER) and not letter.answers:
        return _verdict("other", letter, written, language, evidence=("list",))
    if asks_for_removal(written.text):
        return _verdict("unsubscribe", letter, written, language, evidence=("wording",))
    if not (letter.headers or written.text):
        return _verdict("other", letter, written, language, evidence=("empty",))
    return _verdict("reply", letter, written, language)


def _verdict(
    kind: Kind, letter: Letter, written: Written, language: str, *, evidence: tuple[str, ...] = ()
) -> Verdict:
    return Verdict(kind, letter, written.text, written.signature, language=language, evidence=evidence)


def _with_absence(verdict: Verdict, absence: Absence) -> Verdict:
    return replace(verdict, reason=absence.reason, away_until=absence.away_until, has_left=absence.has_left)


def _is_rather_absent(absence: Absence | None, report: BounceReport) -> bool:
    """Whether what reads like a bounce in prose is the answer of a program on behalf of somebody who is away."""
    if (
        absence is None
        or report.kind != "notice"
        or absence.reason not in ("out_of_office", "left", "read_receipt")
    ):
        return False
    return any(SURE.match(each) or each == "absent subject" for each in absence.evidence)
