"""What the page of preferences says, in the languages that it knows. Pure.

What belongs here: sentences, and which language a browser prefers. What does not: when which is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The sentences of a language. `{campaign}` and `{sender}` are names, put in as text."""

    title: str
    ask: str
    done: str
    stop_all: str
    stop_campaign: str
    again: str
    none_from_anyone: str
    none_from_campaign: str
    subscribed: str
    not_written_to: str
    nothing_changes: str
    not_ours_title: str
    not_ours: str
    moment_title: str
    moment: str


LANGUAGES: Mapping[str, Words] = {
    "en": Words(
        title="Your emails from us",
        ask="You get the emails of “{campaign}” from {sender}. What would you like?",
        done="Done.",
        stop_all="Stop all emails from us",
        stop_campaign="Stop only “{campaign}”",
        again="Get emails again",
        none_from_anyone="You get no more emails from us.",
        none_from_campaign="You get no more emails of “{campaign}”.",
        subscribed="You get emails of “{campaign}” again.",
        not_written_to="We do not write to this address any more.",
        nothing_changes="Nothing changes until you press a button.",
        not_ours_title="This link is not complete",
        not_ours="It is not one of ours as it stands. Copy it whole from the email, "
        "or answer the email with the word “unsubscribe”.",
        moment_title="One moment, please",
        moment="Your choice could not be kept just now. Please try again in a minute.",
    ),
    "de": Words(
        title="Ihre E-Mails von uns",
        ask="Sie erhalten von {sender} die E-Mails zu „{campaign}“. Was wünschen Sie?",
        done="Erledigt.",
        stop_all="Keine E-Mails mehr von uns",
        stop_campaign="Nur „{campaign}“ abbestellen",
        again="Wieder E-Mails erhalten",
        none_from_anyone="Sie erhalten keine E-Mails mehr von uns.",
        none_from_campaign="Sie erhalten keine E-Mails mehr zu „{campaign}“.",
        subscribed="Sie erhalten wieder E-Mails zu „{campaign}“.",
        not_written_to="An diese Adresse schreiben wir nicht mehr.",
        nothing_changes="Es ändert sich nichts, bis Sie einen Knopf drücken.",
        not_ours_title="Dieser Link ist nicht vollständig",
        not_ours="So stammt er nicht von uns. Kopieren Sie ihn ganz aus der E-Mail, "
        "oder antworten Sie auf die E-Mail mit dem Wort „abmelden“.",
        moment_title="Einen Moment, bitte",
        moment="Ihre Wahl konnte gerade nicht gespeichert werden. Bitte versuchen Sie es in einer Minute noch einmal.",
    ),
    "fr": Words(
        title="Vos e-mails de notre part",
        ask="Vous recevez les e-mails « {campaign} » de {sender}. Que souhaitez-vous ?",
        done="C’est fait.",
        stop_all="Ne plus recevoir aucun e-mail",
        stop_campaign="Arrêter seulement « {campaign} »",
        again="Recevoir à nouveau des e-mails",
        none_from_anyone="Vous ne recevrez plus d’e-mails de notre part.",
        none_from_campaign="Vous ne recevrez plus d’e-mails « {campaign} ».",
        subscribed="Vous recevrez à nouveau les e-mails « {campaign} ».",
        not_written_to="Nous n’écrivons plus à cette adresse.",
        nothing_changes="Rien ne change tant que vous n’appuyez pas sur un bouton.",
        not_ours_title="Ce lien n’est pas complet",
        not_ours="Tel quel, il ne vient pas de nous. Copiez-le en entier depuis l’e-mail, "
        "ou répondez à l’e-mail avec le mot « désabonner ».",
        moment_title="Un instant, s’il vous plaît",
        moment="Votre choix n’a pas pu être enregistré. Veuillez réessayer dans une minute.",
    ),
    "es": Words(
        title="Sus correos de nuestra parte",
        ask="Recibe los correos de «{campaign}» de {sender}. ¿Qué desea?",
        done="Hecho.",
        stop_all="No recibir más correos nuestros",
        stop_campaign="Dejar solo «{campaign}»",
        again="Volver a recibir correos",
        none_from_anyone="No recibirá más correos nuestros.",
        none_from_campaign="No recibirá más correos de «{campaign}».",
        subscribed="Volverá a recibir los correos de «{campaign}».",
        not_written_to="Ya no escribimos a esta dirección.",
        nothing_changes="Nada cambia hasta que pulse un botón.",
        not_ours_title="Este enlace no está completo",
        not_ours="Tal como está no es nuestro. Cópielo entero del correo, "
        "o responda al correo con la palabra «baja».",
        moment_title="Un momento, por favor",
        moment="Su elección no se pudo guardar ahora. Inténtelo de nuevo en un minuto.",
    ),
}


def language_for(accepted: str) -> str:
    """The language to speak to a browser that says `Accept-Language: ...` (RFC 9110); English where none fits."""
    wanted: list[tuple[float, int, str]] = []
    for place, each in enumerate(accepted[:500].split(",")):
        tag, _, quality = each.partition(";")
        weight = quality.strip().removeprefix("q=")
        try:
            wanted.append((-float(weight or 1), place, tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(wanted) if weight < 0 and tag in LANGUAGES), "en")
