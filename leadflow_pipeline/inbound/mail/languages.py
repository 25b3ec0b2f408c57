"""Which language a text is in, well enough to read its dates by. Pure."""

from __future__ import annotations

import re

from leadflow_pipeline.inbound.mail.calendar_words import plain

COMMON = {
    "en": "the and is of to you for will with this have be are my your not from am please office",
    "de": "der die das und ist nicht ich sie fur mit auf im bin ihre werde bis vom zum am wieder",
    "fr": "le la les et est je vous pour avec de du je suis votre mon nous au en ne pas retour",
    "es": "el la los y es por para con de del en que su mi estoy no hasta usted gracias",
    "pt": "o a os e para com de do da em que seu minha estou nao ate voce obrigado pelo",
    "it": "il la gli e per con di del in che sono mio non fino grazie della alla ufficio",
    "nl": "de het en is van ik u voor met op niet uw ben tot mijn een deze weer",
    "pl": "i w na do z jest nie sie jestem prosze od dnia bede moja za o",
    "sv": "och att jag ar pa inte till med for det din mitt av den kontoret",
    "da": "og at jeg er pa ikke til med for det din mit af den fra",
    "no": "og a jeg er pa ikke til med for det din mitt av den fra",
    "fi": "ja on olen en ei etta olet asti sahkoposti kiitos takaisin viesti",
    "cs": "a je na v do se jsem od dne mi za pro dekuji nebo",
    "hu": "a az es hogy nem vagyok van ig koszonom level kerem",
    "ro": "si de la in cu nu sunt pana va pentru din multumesc",
    "tr": "ve bir bu icin ile kadar tarihine tesekkurler lutfen sonra",
}
_WORDS: dict[str, set[str]] = {word: set() for words in COMMON.values() for word in words.split()}
for _language, _words in COMMON.items():
    for _word in _words.split():
        _WORDS[_word].add(_language)
SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7a3]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("uk", re.compile("[іїєґ]")),
    ("ru", re.compile("[а-я]")),
    ("el", re.compile("[α-ω]")),
    ("he", re.compile("[\u05d0-\u05ea]")),
    ("ar", re.compile("[\u0620-\u064a]")),
)


def language_of(text: str) -> str:
    """The two letters of the language that the words speak for; empty where they do not."""
    sample = plain(text[:3000])
    letters = max(1, sum(each.isalpha() for each in sample))
    for language, script in SCRIPTS:
        if len(script.findall(sample)) * 5 > letters:
            return language
    counts: dict[str, float] = {}
    for word in re.findall(r"[a-z]+", sample):
        for language in _WORDS.get(word, ()):
            counts[language] = counts.get(language, 0) + 1 / len(_WORDS[word])
    best = max(counts, key=lambda language: (counts[language], language), default="")
    return best if counts.get(best, 0) >= 1 else ""
