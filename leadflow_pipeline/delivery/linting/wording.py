"""What is wrong with the words of an email: the subject, and what filters and readers take for advertising. Pure.

The phrases are our own choice; filters weigh many things, and no phrase alone decides anything, so each is a warning. A
subject that deceives is an error: laws forbid it (in the United States CAN-SPAM, 15 U.S.C. 7704(a)(2)).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from leadflow_pipeline.delivery.linting.findings import Finding, error, warning

LONGEST_SUBJECT = 60
"""Characters that mailboxes on a desktop show; phones show about 40."""

SHORTEST_TEXT = 40
LONGEST_PARAGRAPH = 700
ANSWERS = re.compile(r"^\s*(re|fwd?|aw|wg|sv|vs|tr|rv|odp|antw)\s*:", re.IGNORECASE)

SPAM_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "100% free", "act now", "act immediately", "apply now", "as seen on", "bargain", "be your own boss",
        "best price", "buy now", "call now", "cash bonus", "click here", "click below", "congratulations",
        "dear friend", "double your", "earn money", "extra income", "fast cash", "free access", "free gift",
        "free money", "free trial", "get paid", "get rich", "guaranteed", "hurry", "increase sales", "instant access",
        "limited time", "lowest price", "make money", "miracle", "money back", "no catch", "no cost", "no fees",
        "no obligation", "no strings attached", "not spam", "once in a lifetime", "one time offer", "only today",
        "order now", "potential earnings", "prize", "pure profit", "risk-free", "risk free", "satisfaction guaranteed",
        "save big", "special promotion", "this is not spam", "this won't last", "time limited", "urgent",
        "what are you waiting for", "while supplies last", "winner", "work from home", "you have been selected",
    ),
    "de": (
        "100% kostenlos", "ab sofort gratis", "bargeld", "einmalige gelegenheit", "exklusives angebot", "garantiert",
        "geld verdienen", "geschenkt", "gewinner", "gratis", "herzlichen glückwunsch", "hier klicken", "jetzt kaufen",
        "jetzt zugreifen", "kein risiko", "klicken sie hier", "kostenlos testen", "letzte chance", "nur heute",
        "ohne risiko", "schnell reich", "sie haben gewonnen", "solange der vorrat reicht", "sonderangebot",
        "unverbindlich", "zeitlich begrenzt", "bestpreis", "dringend",
    ),
    "fr": (
        "100% gratuit", "achetez maintenant", "cliquez ici", "dernière chance", "félicitations", "gagnant", "gagnez",
        "gratuit", "offre exclusive", "offre limitée", "offre spéciale", "sans engagement", "sans risque", "urgent",
        "satisfait ou remboursé",
    ),
    "es": (
        "100% gratis", "compre ahora", "dinero extra", "felicidades", "ganador", "gratis", "haga clic aquí",
        "oferta especial", "oferta limitada", "sin compromiso", "sin riesgo", "solo hoy", "última oportunidad",
        "urgente",
    ),
    "it": (
        "100% gratis", "acquista ora", "clicca qui", "congratulazioni", "garantito", "gratis", "offerta limitata",
        "offerta speciale", "senza impegno", "senza rischi", "solo oggi", "ultima occasione", "urgente", "vincitore",
    ),
    "nl": (
        "100% gratis", "gefeliciteerd", "gegarandeerd", "gratis", "klik hier", "koop nu", "laatste kans", "nu kopen",
        "vrijblijvend", "winnaar", "zonder risico",
    ),
    "pt": (
        "100% grátis", "clique aqui", "compre agora", "dinheiro extra", "garantido", "grátis", "oferta especial",
        "oferta limitada", "parabéns", "sem compromisso", "sem risco", "última chance", "urgente", "vencedor",
    ),
    "pl": ("100% za darmo", "darmowe", "gratulacje", "gwarantowane", "kliknij tutaj", "kup teraz", "ostatnia szansa",
           "pilne", "tylko dzisiaj", "za darmo", "zwycięzca"),
}  # fmt: skip
"""Language -> phrases, lower case."""


def lint_subject(subject: str, *, is_answer: bool) -> Iterator[Finding]:
    """Findings about the subject of a typical lead."""
    if len(subject) > LONGEST_SUBJECT:
        yield warning(
            f"the subject has {len(subject)} characters, and mailboxes show about {LONGEST_SUBJECT}",
            "put what matters first, or shorten it",
        )
    if ANSWERS.match(subject) and not is_answer:
        yield error(
            "the subject claims an answer to a conversation that there never was",
            "remove it, or say thread: true where an email came before",
        )
    letters = [letter for letter in subject if letter.isalpha() and letter.lower() != letter.upper()]
    if len(letters) >= 8 and sum(letter.isupper() for letter in letters) > 0.6 * len(letters):
        yield warning("the subject shouts in capitals", "write it in small letters")
    if subject.count("!") > 1 or "!?" in subject or "$$" in subject or "€€" in subject:
        yield warning("the subject has the punctuation of advertising", "one mark is enough")
    if sum(unicodedata.category(character) == "So" for character in subject) > 1:
        yield warning("the subject has several pictures", "leave one at most")


def lint_words(subject: str, text: str, language: str) -> Iterator[Finding]:
    """Findings about subject and text, without the footer."""
    said = f"{subject}\n{text}".lower().replace("’", "'")
    base = language.partition("-")[0]
    phrases = SPAM_WORDS.get(base, ())
    found = [phrase for phrase in phrases if re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", said)]
    found = [phrase for phrase in found if not any(phrase != other and phrase in other for other in found)]
    if found:
        yield warning(
            f"filters take notice of {', '.join(f'“{phrase}”' for phrase in found)}", "say it plainly"
        )
    if text.count("!") > 3:
        yield warning(f"the text has {text.count('!')} exclamation marks", "calm reads better")
    if re.search(r"\b[A-Z]{4,}(?:\s+[A-Z]{4,}){2,}\b", text):
        yield warning("the text shouts in capitals", "write it in small letters")
    if len(text) < SHORTEST_TEXT:
        yield warning("the text is hardly there", "filters distrust emails that say nothing")
    longest = max((len(paragraph) for paragraph in re.split(r"\n\s*\n", text)), default=0)
    if longest > LONGEST_PARAGRAPH:
        yield warning(f"a paragraph has {longest} characters", "part it: on a phone it fills the screen")
