"""What stands below every email, in the languages we can say it in.

What belongs here: words. What does not: where they stand (`layout.html`, `rendering`). Pure.

A campaign's own reason comes first; ours claims nothing that we cannot know: where an address came from.
"""

from __future__ import annotations

from typing import NamedTuple

SHIPPED_LANGUAGE = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


class FooterWords(NamedTuple):
    """The reason is a template over the campaign's tokens; the others are plain."""

    reason: str
    unsubscribe: str


FOOTERS: dict[str, FooterWords] = {
    "en": FooterWords(
        "You receive this email from {{ sender_name }} because your address is on the list for “{{ campaign_name }}”.",
        "Unsubscribe",
    ),
    "de": FooterWords(
        "Sie erhalten diese E-Mail von {{ sender_name }}, weil Ihre Adresse auf der Liste für „{{ campaign_name }}“ "
        "steht.",
        "Abmelden",
    ),
    "fr": FooterWords(
        "Vous recevez cet e-mail de {{ sender_name }} parce que votre adresse figure sur la liste "
        "« {{ campaign_name }} ».",
        "Se désinscrire",
    ),
    "es": FooterWords(
        "Recibe este correo de {{ sender_name }} porque su dirección está en la lista de «{{ campaign_name }}».",
        "Darse de baja",
    ),
    "it": FooterWords(
        "Riceve questa e-mail da {{ sender_name }} perché il suo indirizzo è nell'elenco di «{{ campaign_name }}».",
        "Annulla l'iscrizione",
    ),
    "pt": FooterWords(
        "Recebe este e-mail de {{ sender_name }} porque o seu endereço está na lista de «{{ campaign_name }}».",
        "Cancelar a subscrição",
    ),
    "nl": FooterWords(
        "U ontvangt deze e-mail van {{ sender_name }} omdat uw adres op de lijst voor “{{ campaign_name }}” staat.",
        "Afmelden",
    ),
    "pl": FooterWords(
        "Otrzymujesz tę wiadomość od {{ sender_name }}, ponieważ Twój adres jest na liście „{{ campaign_name }}”.",
        "Wypisz się",
    ),
    "sv": FooterWords(
        "Du får det här mejlet från {{ sender_name }} eftersom din adress finns på listan för ”{{ campaign_name }}”.",
        "Avsluta prenumerationen",
    ),
    "da": FooterWords(
        "Du modtager denne e-mail fra {{ sender_name }}, fordi din adresse står på listen for “{{ campaign_name }}”.",
        "Afmeld",
    ),
    "no": FooterWords(
        "Du får denne e-posten fra {{ sender_name }} fordi adressen din står på listen for «{{ campaign_name }}».",
        "Meld deg av",
    ),
    "fi": FooterWords(
        "Saat tämän viestin lähettäjältä {{ sender_name }}, koska osoitteesi on listalla ”{{ campaign_name }}”.",
        "Peruuta tilaus",
    ),
    "cs": FooterWords(
        "Tento e-mail od {{ sender_name }} dostáváte, protože je vaše adresa na seznamu „{{ campaign_name }}“.",
        "Odhlásit odběr",
    ),
    "ja": FooterWords(
        "このメールは、「{{ campaign_name }}」の配信先に登録されている方へ {{ sender_name }} がお送りしています。",
        "配信停止",
    ),
}  # fmt: skip
"""Language -> what the footer says in it."""

ALIASES = {"nb": "no", "nn": "no"}


def footer_words(language: str) -> FooterWords:
    """The footer in a language; in English where we do not have it."""
    base = language.partition("-")[0]
    return FOOTERS.get(ALIASES.get(base, base), FOOTERS[SHIPPED_LANGUAGE])


def direction_of(language: str) -> str:
    """`rtl` for languages that are written from right to left."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"
