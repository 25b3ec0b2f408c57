"""What a mail's writer wrote: what they quoted is theirs no more, whichever program they use, wherever they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow_pipeline.inbound.mail.markup import text_of_html
from leadflow_pipeline.inbound.mail.quoting import written_in

BLOCKS = (Path(__file__).parent / "quotations.txt").read_text().split("\n== ")[1:]


def on_one_line(text: str) -> str:
    return " / ".join(line for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0])
def test_only_the_own_words_stay(block: str) -> None:
    mail, _, own = block.partition("\n")[2].rpartition("\n--> ")
    assert on_one_line(written_in(mail).text) == own.strip()


@pytest.mark.parametrize(
    "html",
    [
        '<div dir="ltr">Yes, please.</div><br><div class="gmail_quote"><div class="gmail_attr">On Mon, Feb 23, 2026 '
        "at 9:00 AM Ann &lt;ann@example.org&gt; wrote:<br></div><blockquote>Shall we talk?</blockquote></div>",
        '<p>Yes, please.</p><hr><div id="divRplyFwdMsg"><b>From:</b> Ann<br><b>Sent:</b> Monday<br>'
        "<b>To:</b> Robin<br><b>Subject:</b> Invoices</div><div>Shall we talk?</div>",
        '<div>Yes, please.</div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>Von:</b> Ann<br>'
        "<b>Gesendet:</b> Montag<br><b>An:</b> Robin</p></div><p>Shall we talk?</p>",
        "<blockquote>Shall we talk?</blockquote><p>Yes, please.</p>",
        "<style>p {color: red}</style><!-- hidden --><p>Yes,\n please.</p><!-- open > <p>never seen",
    ],
)
def test_markup_is_read_as_plain_mails_are(html: str) -> None:
    assert written_in(text_of_html(html)).text == "Yes, please."


def test_lines_that_we_sent_are_not_the_writers_own() -> None:
    mail = "Shall we talk about your invoices?\nNo thanks.\nTo unsubscribe, follow this link: https://example.org/u"
    sent = "Shall we talk about your invoices?\n\nTo unsubscribe, follow this link: https://example.org/u\n"
    written = written_in(mail, sent)
    assert (written.text, written.has_quotation) == ("No thanks.", True)


def test_the_signature_is_kept_apart() -> None:
    written = written_in("Call me.\n\n-- \nRobin Vale\n+44 20 7946 0000")
    assert (written.text, written.signature) == ("Call me.", "Robin Vale\n+44 20 7946 0000")
