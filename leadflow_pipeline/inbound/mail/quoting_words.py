"""How mail programs say, in the languages they speak, that what follows was written by somebody else.

What belongs here: words. What does not: where they count (`quoting`). Compiled from what the programs write: Gmail,
Outlook, Apple Mail, Thunderbird, Yahoo, Lotus Notes, K-9, Zimbra, Roundcube and others.
"""

from __future__ import annotations

WROTE = (
    "wrote", "writes", "written", "said", "has written", "schrieb", "schrieben", "geschrieben", "hat geschrieben",
    "a écrit", "a ecrit", "écrit", "ont écrit", "escribió", "escribio", "escribiste", "ha escrito", "escribía",
    "ha scritto", "scrive", "scriveva", "scrisse", "escreveu", "escreveram", "schreef", "schreven", "heeft geschreven",
    "geschreven", "napisał", "napisała", "napisał(a)", "napisali", "pisze", "skrev", "skreiv", "skriver",
    "kirjoitti", "kirjoittaa", "napsal", "napsala", "napsal(a)", "napsal/a", "napísal", "napísala", "napísal(a)",
    "írta", "ezt írta", "írta a következőt", "a scris", "scris", "yazdı", "şunu yazdı", "şunları yazdı", "пишет",
    "писал", "писал(а)", "написал", "написала", "написал(а)", "написав", "написала(-в)", "пише", "έγραψε", "έγραψες",
    "va escriure", "ha escrit", "napisao", "napisala", "je napisao", "je napisala", "je napisal(a)", "napisao/la",
    "parašė", "rašė", "rakstīja", "kirjutas", "kirjutab", "написа", "đã viết", "viết", "menulis", "menulis:",
    "כתב", "כתבה", "כתב/ה", "كتب", "كتبت", "のメール", "さんは書きました", "書きました", "が書き込み", "wrote",
    "写道", "寫道", "写到", "님이 작성", "작성", "님이 쓴 글", "씀", "เขียน", "skrifaði", "idatzi du",
)  # fmt: skip
"""What stands before the colon of "On Monday Ann wrote:", or near it."""

FROM_LABELS = (
    "from", "von", "de", "da", "van", "od", "fra", "från", "fran", "lähettäjä", "feladó", "de la", "от", "від", "отправитель",
    "kimden", "gönderen", "από", "mittente", "remitente", "remetente", "expéditeur", "expediteur", "absender",
    "afzender", "nadawca", "差出人", "送信者", "发件人", "寄件者", "寄件人", "보낸 사람", "보낸사람", "מאת", "من",
    "saatja", "nuo", "no", "šalje", "ud", "dari", "từ", "odesílatel", "odosielateľ",
)  # fmt: skip
OTHER_LABELS = (
    "to", "cc", "bcc", "date", "sent", "subject", "reply-to", "reply to", "sent by", "sent at", "organization", "importance",
    "attachments", "an", "gesendet", "datum", "betreff", "betr", "kopie", "antwort an", "wichtigkeit", "am",
    "à", "a", "envoyé", "envoye", "date d'envoi", "objet", "copie", "copie à", "pour", "répondre à",
    "para", "enviado", "enviado el", "enviada em", "enviado em", "enviada", "enviadas", "fecha", "asunto", "assunto",
    "data", "inviato", "inviata", "oggetto", "per", "aan", "verzonden", "verstuurd", "onderwerp", "do", "dw", "wysłano",
    "wysłane", "temat", "kopia", "til", "sendt", "emne", "dato", "till", "skickat", "skickades", "ämne", "kopi",
    "vastaanottaja", "lähetetty", "päivämäärä", "päiväys", "aihe", "kopio", "komu", "odesláno", "odoslané", "předmět",
    "predmet", "dátum", "címzett", "elküldve", "küldve", "tárgy", "másolat", "către", "catre", "trimis", "subiect", "кому",
    "отправлено", "дата", "тема", "копия", "надіслано", "копія", "kime", "gönderildi", "gönderme tarihi", "tarih",
    "konu", "bilgi", "προς", "ημερομηνία", "θέμα", "στάλθηκε", "κοιν", "宛先", "日時", "送信日時", "件名",
    "收件人", "发送时间", "日期", "时间", "主题", "抄送", "收件者", "主旨", "寄件日期", "傳送時間", "副本", "받는 사람", "받는사람",
    "보낸 날짜", "날짜", "제목", "참조", "אל", "נשלח", "תאריך", "נושא", "إلى", "تاريخ", "الموضوع", "تم الإرسال", "kepada",
    "perihal", "tanggal", "đến", "ngày", "gửi", "chủ đề", "poslano", "prima", "saadetud", "teema", "kellele", "kam", "tēma",
    "kuupäev", "tema", "išsiųsta", "copia", "oprindelig", "adjuntos",
)  # fmt: skip

DEVICES = (
    r"(?:sent|written|typed|send|composed) (?:from|via|with|using|by|on) (?:my |a |the |mobile|outlook|mail|yahoo|gmail|iphone|ipad"
    r"|android|samsung|proton|blackberry|aol|windows|spark|airmail|superhuman|hey|mailbird|zoho|fastmail|tutanota|web)",
    r"sent on the go|get outlook for|download .{0,20}outlook for|get (?:bluemail|mailspring|nine|typeapp)"
    r"|send(?:t|ed)? from (?:mail|outlook) for",
    r"(?:von meinem|von mein(?:er|em)) .{2,40} (?:gesendet|verschickt)|gesendet (?:von|mit|über|aus)|diese nachricht wurde von mein",
    r"holen sie sich outlook|outlook für (?:android|ios)|versendet (?:mit|von)|von unterwegs gesendet",
    r"envoyé (?:de|depuis|à partir|avec|par)|envoye (?:de|depuis)|obtenez outlook|télécharger outlook",
    r"enviado (?:desde|do|de|a partir|através|con|com|via|por)|obtener outlook|obter o outlook|obtenha o outlook|descargar outlook",
    r"inviato (?:da|dal|tramite|con)|ottieni outlook|scarica outlook",
    r"(?:verzonden|verstuurd) (?:vanaf|vanuit|via|met|van)|outlook voor (?:android|ios)|(?:download|verkrijg) outlook",
    r"wysłane? (?:z|za pomocą|przez)|pobierz (?:aplikację )?outlook|(?:skickat|skickad|skickades) (?:från|med|via)|hämta outlook"
    r"|skaffa outlook",
    r"sendt (?:fra|med|via)|hent outlook|få outlook|lähetetty (?:\S+ ){0,2}(?:iphone|ipad|puhelime|laittee|outlook|sähköpost|android)"
    r"|hanki outlook|\w+ lähetetty$",
    r"odesláno z|odoslané z|(?:az én )?iphone-omról|küldve (?:az )?|trimis (?:de pe|din|cu)|\w+ ?(?:umdan|imden|ımdan) gönderildi"
    r"|.{2,30}(?:'den|'dan|'umdan|'imden) gönderildi",
    r"отправлено (?:с|из|от)|надіслано (?:з|із)|στάλθηκε από|iphoneから送信|.{0,20}から送信|发自我的|從我的|发送自|傳送自|寄自我的"
    r"|나의 .{2,20}에서 보냄|.{2,20}에서 보냄",
    r"נשלח מ|تم الإرسال من|أُرسلت من|enviat des de|poslano (?:s|z|iz)|gesendet mit der",
)  # fmt: skip
"""Lines that a telephone or a program adds below."""
