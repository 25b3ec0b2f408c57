"""How automatic answers word their subjects and texts, in many languages. Patterns over `calendar_words.plain` text.

What belongs here: wording. What does not: how much each weighs (`absence`).
"""

from __future__ import annotations

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


AUTOMATIC_SUBJECT = _any(
    r"^\W{0,3}(?:re: |aw: |fwd?: )?\W{0,3}(?:auto(?:matic|mated)?[ -]?(?:re(?:ply|sponse|sponder)|antwort|reply)|auto[ -]?(?:re|resp|response|svar|respuesta|risposta|resposta|reponse))\b",
    r"\bautomat(?:ic|ed) (?:e-?mail )?(?:reply|response|message|answer|acknowledge?ment)|\bauto-?(?:reply|responder|response|generated)\b",
    r"\bthis is an automat",
    r"\bautomatische? (?:antwort|rückantwort|ruckantwort|abwesenheit\w*|nachricht|eingangsbestatigung|e-?mail)|\babwesenheits\w+|\bautomatisch antwoord|\bautomatisch(?:e|er)? (?:bericht|beantwoord\w*|gegenereerd\w*)",
    r"\breponse automatique|\bmessage automatique|\bmessage d'absence|\breponse d'absence|\bavis d'absence|\babsence du bureau",
    r"\brespuesta automatica|\bmensaje automatico|\bcontestacion automatica|\brisposta automatica|\bmessaggio automatico|\brisponditore automatico",
    r"\bresposta automatica|\bmensagem automatica|\bresposta de ausencia|\baviso de ausencia|\bmensaje de ausencia|\brespuesta de ausencia",
    r"\bautosvar|\bautomatiskt? (?:svar|meddelande|besked|frånvaromeddelande|franvaromeddelande)|\bfranvaromeddelande|\bfravaersmeddelelse|\bfravaersbesked|\bikke til ?stede",
    r"\bodpowiedz automatyczna|\bautomatyczna odpowiedz|\bautoodpowiedz|\bautoresponder|\bautomaattinen (?:vastaus|poissaolo\w*)|\bpoissaoloilmoitus|\bpoissaoloviesti",
    r"\bautomaticka odpoved|\bautomatikus (?:valasz|uzenet)|\braspuns automat|\botomatik (?:yanit|cevap)|\bavtomatski odgovor|\bautomatski odgovor|\bautomatine atsakymas|\bautomatinis atsakymas",
    r"автоматическии ответ|автоответ\w*|автоматична відповідь|автоматичнa|автовідповідь|автоматичен отговор|αυτοματη απαντηση",
    r"自動(?:応答|返信|回复|回覆|送信)|自动(?:答复|回复|回覆)|자동 ?(?:회신|응답|답장)|מענה אוטומטי|תשובה אוטומטית|رد تلقائي|trả lời tự động|tra loi tu dong|balasan otomatis|jawapan automatik|automaatvastus|automaatne vastus|automatiska atbilde|resposta automatica",
)
"""In a subject: a program answers."""

ABSENT_SUBJECT = _any(
    r"\b(?:i am |i'm )?out[ -]of[ -](?:the[ -])?office|\booo\b|\bo\.o\.o|\bout of town|\bon (?:annual |sick |parental |maternity |paternity )?(?:leave|vacation|holidays?|pto)\b|\bvacation (?:reply|message|notice|response)",
    r"\baway from (?:my |the )?(?:office|desk|mail|e-?mail)|\bholiday (?:notice|notification|closure)|\bmaternity leave|\bparental leave|\bnot in (?:the )?office|\bno longer (?:with|at|working)|\bhas left\b",
    r"\babwesenheit|\babwesend\b|\bnicht (?:im (?:buro|haus)|erreichbar)|\bauss?er haus|\burlaub(?:s\w*)?\b|\bim urlaub|\bbetriebsferien|\belternzeit|\bmutterschutz",
    r"\babsen(?:t|te|ce)\b|\ben conges?\b|\bconges? (?:annuels?|payes|maternite|parental)|\bhors du bureau|\bfermeture",
    r"\bfuera de (?:la )?oficina|\bde vacaciones|\bausente\b|\bausencia|\bfuori (?:ufficio|sede)|\bin ferie|\bassen(?:te|za)\b|\bferie\b|\bfora do escritorio|\bde ferias|\bausente|\bausencia",
    r"\bafwezig(?:heid\w*)?|\bniet aanwezig|\bop vakantie|\bmet vakantie|\bmet verlof|\bzwangerschapsverlof|\bnieobecnosc\w*|\bpoza biurem|\burlop\w*\b",
    r"\bsemester\b|\bfranvaro\w*|\binte pa kontoret|\bpa semester|\bforaldraledig\w*|\bfravaer\w*|\bferie\b|\bpa ferie|\bikke pa kontoret|\bpoissa(?:olo\w*)?\b|\bvuosiloma\w*|\blomalla\b",
    r"\bmimo kancelar\w*|\bnepritomnost|\bneprítomnost|\bdovolen\w+|\bhazon kivul|\bszabadsag\w*|\birodan kivul|\bin concediu|\bconcediu\b|\bofis disi\w*|\bizin(?:li|de)\w*|\bodsutnost|\bgodisnji odmor|\bdopust\b",
    r"вне офиса|\bв отпуске|отсутству\w*|\bотпуск\b|поза офісом|відпустк\w*|εκτος γραφειου|απουσι\w*|不在|休暇|外出|休假|外出|부재중|휴가|מחוץ למשרד|بعيد عن المكتب|خارج المكتب|di luar kantor|vang mat",
)
"""In a subject: somebody is not there. Less sure: a person may write it."""

ABSENT_NOW = _any(
    # English
    r"\b(?:i am|i'm|im|i will be|i'll be|we are|we're|(?:he|she) is|currently|presently|now|is|are|am) (?:also |currently |presently |now |temporarily |still |be |being |going to be |travell?ing and )*(?:out of (?:the |my )?(?:office|country|town|studio)|out on|out-of-office|ooo\b|out (?:sick|until|till|through|from|today|this week|all)|away (?:from|on|until|till|this|and)|on (?:an? )?(?:\w+ ){0,3}(?:leave|vacation|holidays?|pto|sabbatical|parental|business trip|honeymoon|break)\b|off (?:work|until|from|today|sick)|not (?:in (?:the )?office|at my desk|available (?:until|from|by e-?mail|at the moment|at present|right now|this)|working|checking)|unavailable|attending (?:a|an) (?:\w+ ){0,3}(?:conference|offsite|trade show|event)|travell?ing)",
    r"\bout of (?:the )?office (?:from|until|till|on|through|starting|today|this|for|and|with|between|\d)|\bi(?: a|')m out of (?:the )?office\b|\bon (?:annual|maternity|paternity|parental|sick|medical|family|bereavement) leave\b|\bi will not be (?:checking|reading|available|in the office)|\b(?:our )?(?:office|offices|company) (?:is|are|will be) closed\b|\bi have (?:now )?(?:gone on|started) (?:\w+ )?leave",
    r"\b(?:limited|no|intermittent|sporadic|infrequent|reduced|little|restricted) (?:or no )?access to (?:my )?(?:e-?mails?|the internet|phone|messages)|\b(?:won't|will not|cannot|can't|unable to) (?:have access|be (?:able to )?(?:check|read|reply|respond|answer|access)|respond to|reply to|check (?:my )?e-?mail)",
    r"\b(?:i have|i've|i am|i'm|i will be|i'll be) (?:taken|taking|enjoying) (?:\w+ ){0,3}(?:time off|days? off|leave|break|holidays?|vacation)|\bi(?:'m| am|'ll be| will be) (?:out|away|off|gone) (?:\w+ ){1,6}(?:until|till|through)\b|\b(?:do|does|did) not work on (?:mon|tues|wednes|thurs|fri)|\bnot working (?:at the moment|at present|currently|today|until|on)|\bmy (?:working|office) (?:days|hours) are|\b(?:slow|delay(?:ed)?) (?:to respond|in responding|response)|\bdue to (?:illness|sickness|holidays?|leave|an? (?:illness|emergency))",
    # German
    r"\b(?:bin|sind|ist|befinde mich|derzeit|zurzeit|zur zeit|momentan|aktuell|leider) .{0,60}?\b(?:nicht (?:im (?:buro|haus|dienst|hause|office)|erreichbar|da|am (?:platz|arbeitsplatz)|anwesend|an meinem|personlich|verfugbar|in der firma)|abwesend|ausser haus|ausser hause|im (?:\w+)?urlaub|in (?:urlaub|elternzeit|mutterschutz|den ferien)|auf (?:dienstreise|geschaftsreise|reisen)|unterwegs|krank\w*|ortsabwesend|im homeoffice nicht|auf (?:fortbildung|schulung|einer \w+|seminar|messe|lehrgang|tagung|montage)|in einer (?:schulung|besprechung\w*)|auf der messe|dienstlich unterwegs|in (?:kur|reha|teilzeit))",
    r"\b(?:buro|unternehmen|praxis|firma|betrieb) .{0,50}geschlossen|\bbetriebsferien|\b(?:geniesse|mache|habe|nehme|in) (?:\w+ )?(?:meinen |unseren |gerade |derzeit )?urlaub\b|\b(?:wegen|aufgrund|auf grund) (?:von |einer |eines |meines |meiner )?(?:\w+ )?(?:krankheit|erkrankung|urlaub\w*|betriebsferien|fortbildung|abwesenheit|feiertag\w*)|\b(?:kann|werde|konnen|werden) (?:ich|wir) .{0,60}(?:nicht|erst) .{0,40}(?:beantworten|lesen|bearbeiten|antworten|abrufen)|\bihre (?:e-?mail|nachricht|mail) wird (?:nicht|nicht automatisch|weder|in dieser zeit) .{0,30}(?:weitergeleitet|gelesen|bearbeitet)|\be-?mails werden (?:nicht|weder) .{0,40}(?:weitergeleitet|gelesen)|\b(?:keinen|nur (?:eingeschrankt|bedingt)\w*|eingeschrankten) zugriff auf meine",
    # French
    r"\b(?:je suis|suis|sera[is]?|serons|nous sommes|actuellement|en ce moment) .{0,50}?\b(?:absente?s?|en (?:\w+ )?(?:conges?|vacances|deplacement|arret|formation|rtt|repos)|hors (?:du |de mon )?bureau|indisponible|injoignable|pas (?:disponible|joignable|au bureau|present\w*))|\babsente? (?:du|jusqu|de mon|pour|et)|\b(?:bureaux?|societe|etablissement|entreprise) .{0,30}(?:ferme|fermes|fermee)\b|\bje n'ai (?:pas|qu'un) .{0,20}acces|\bpas acces a (?:ma|mes|mon)|\b(?:en (?:formation|deplacement|conges?|vacances|reunion|arret maladie|seminaire)) (?:du|jusqu|ce|cette|toute|aujourd)|\bne (?:pourrai|pourrais|peux) (?:pas|donc pas) .{0,40}(?:repondre|lire|traiter|consulter|prendre connaissance)|\bne (?:suis|serai) pas au bureau|\bne (?:serai|suis) pas (?:en mesure|disponible|joignable|au bureau)",
    # Spanish, Portuguese, Italian
    r"\b(?:estoy|estare|me encuentro|me encontrare|estamos|estaremos|actualmente|permanecere|nos encontramos) .{0,50}?\b(?:fuera de(?:l| la| mi)? ?(?:oficina|despacho|trabajo|pais)?|ausente\w*|de (?:vacaciones|viaje|baja|permiso|licencia)|en (?:vacaciones|un viaje|periodo)|disfrutando|sin acceso|cerrad\w*)|\b(?:no (?:estare|estoy) (?:disponible|en la oficina|operativ\w*)|acceso limitado|no tendre acceso|permanecera cerrad\w*|fuera de la oficina)",
    r"\b(?:estou|estarei|encontro-me|estamos|estaremos|me encontro|encontrar-me-ei|atualmente|actualmente) .{0,50}?\b(?:fora d[oe]|ausente\w*|de (?:ferias|licenca|folga|baixa|viagem)|em (?:ferias|licenca|viagem|gozo)|sem acesso|indisponivel|encerrad\w*|fechad\w*)|\bausente do (?:escritorio|trabalho)|\bacesso limitado|\bnao (?:estarei|estou) (?:disponivel|no escritorio)",
    r"\b(?:sono|saro|siamo|saremo|mi trovo|attualmente|al momento) .{0,50}?\b(?:fuori (?:ufficio|sede|dall'ufficio)|assent[ei]|in (?:ferie|vacanza|viaggio|trasferta|malattia|maternita|congedo|permesso)|non (?:in ufficio|disponibil\w+|raggiungibil\w+)|chius\w+)|\b(?:non saro|non sono) (?:in ufficio|disponibile|raggiungibile|reperibile)|\b(?:ufficio|uffici|azienda) .{0,30}chius[oiae]\b|\baccesso limitato",
    # Dutch
    r"\b(?:ben|is|zijn|momenteel|op dit moment|wegens|vanwege) .{0,50}?\b(?:afwezig|niet (?:aanwezig|op kantoor|bereikbaar|beschikbaar|in de gelegenheid)|(?:op|met) (?:vakantie|verlof|zwangerschapsverlof|reis)|uit kantoor|buiten kantoor|vrij|gesloten|ziek)|\bafwezig (?:van|tot|wegens|op)|\bbeperkt(?:e)? (?:toegang|bereikbaar)|\bgeen toegang tot mijn",
    # Scandinavian, Finnish
    r"\b(?:ar|er|befinner mig|befinder mig|har|holder|kommer att vara|vil vaere) .{0,50}?\b(?:inte (?:pa (?:kontoret|plats)|anträffbar|antraffbar|tillganglig|i tjanst)|(?:pa|har|tar) (?:semester|ferie|tjansteresa|tjenesterejse|tjenestereise|reise|rejse)|semester|bortrest|franvarande|foraldraledig|foraeldreorlov|ledig|pa ferie|pa barsel\w*|ikke (?:pa (?:kontoret|kontor|jobb|arbejde)|til ?stede|tilgjengelig|tilgaengelig|at traeffe)|ute av kontoret|ute fra kontoret|ude af kontoret|fravaerende|fri\b|ude af huset|sjukskriven|sykmeldt|sygemeldt|permisjon|orlov|barsel)|\bbegransad tillgang|\bbegraenset adgang|\bbegrenset tilgang|\b(?:har|holder|tar|tager) (?:ferie|fri|lukket|semester|lov|ledigt)\b|\bar sjuk\b|\ber syg\b|\ber syk\b",
    r"\b(?:olen|en ole|emme ole|olemme|toimisto on) .{0,40}?\b(?:lomalla|vuosilomalla|poissa|toimistolla|tavoitettavissa|virkamatkalla|tyomatkalla|vapaalla|vapaapaiv\w+|perhevapaalla|aitiyslomalla|vanhempainvapaalla|hoitovapaalla|sairauslomalla|opintovapaalla|suljettu|paikalla)\b",
    # Polish, Czech, Slovak, Hungarian, Romanian, Croatian, Slovenian, Turkish
    r"\b(?:jestem|przebywam|jestesmy|obecnie|bede|aktualnie) .{0,50}?\b(?:nieobecn\w+|(?:na|w trakcie) (?:\w+ )?(?:urlopie|zwolnieniu|delegacji|wyjezdzie)|poza (?:biurem|firma)|niedostepn\w+|w podrozy)|\bnie ma mnie w (?:biurze|pracy)|\b(?:mam|z powodu) (?:\w+ )?urlop\w*|\bograniczony dostep|\bbiuro .{0,30}(?:nieczynne|zamkniete)",
    r"\b(?:jsem|nejsem|budu|jsme|som|nie som|budem|momentalne|v soucasne dobe|v sucasnosti|v sucasnej dobe|cerpam) .{0,50}?\b(?:na (?:\w+ )?(?:dovolen\w+|sluzebni ceste|sluzobnej ceste|materske|materskej)|dovolen\w+|mimo (?:kancelar\w*|kanceláriu|provoz)|nepritom\w+|v kancelar\w+|k dispozic\w+|k zastizeni)",
    r"\b(?:szabadsagon|hazon kivul|irodan kivul|nem vagyok (?:elerheto|az irodaban)|nem leszek|tavol vagyok|szabadsagomat|betegszabadsag\w*|tavollet\w*|keptelen)\b|\b(?:sunt|ma aflu|voi fi|suntem|in prezent) .{0,40}?\b(?:in concediu\w*|plecat\w*|in afara biroului|absent\w*|indisponibil\w*|in delegatie)|\bconcediu(?:l)? (?:de odihna|medical)",
    r"\b(?:nisam|na|trenutno|odsutan|odsutna|odsoten|odsotna) .{0,40}?\b(?:godisnj\w+ odmor\w*|dopustu|u uredu|odsut\w+|v pisarni|bolovanju|sluzbenom putu)|\b(?:izindeyim|izinliyim|izinde|izinli|yillik izin\w*|ofis(?:te)? (?:disinda\w*|degilim|olmayacagim)|ofis disinda\w*|tatildeyim|raporluyum|dogum iznin\w*|seyahatteyim|ofiste bulunm\w+)\b",
    # Cyrillic, Greek
    r"(?:нахожусь|нахожус|буду|я|сеичас|в данныи момент|временно) .{0,40}?(?:в (?:ежегодном |очередном |декретном )?отпуске|в командировке|отсутству\w+|на больничном|вне офиса|не (?:в офисе|на месте|доступ\w+))|отсутствую|(?:перебуваю|буду|зараз|я) .{0,40}?(?:у відпустці|відсутн\w+|у відрядженні|поза офісом|на лікарняному)|в отпуск съм|отсъствам|извън офиса",
    r"(?:βρισκομαι|ειμαι|θα (?:ειμαι|απουσιαζω|λειπω)|απουσιαζω|λειπω) .{0,50}?(?:αδεια|εκτος|γραφειου|απουσι\w+)?",
    # Baltic, Catalan, Indonesian, Vietnamese
    r"\b(?:esu|siuo metu) .{0,30}?(?:atostog\w+|nedarbe|komandiruot\w+)|\besmu .{0,30}?(?:atvalinajum\w+|prombutne|komandejum\w+)|\b(?:olen|viibin) .{0,30}?(?:puhkusel|kontorist eemal|lahetuses|haiguslehel)|\b(?:soc|estic|estare) .{0,30}?(?:fora de|de vacances|absent)|\bsedang (?:cuti|di luar kantor|dinas)|\b(?:toi|minh|em) .{0,30}?(?:nghi phep|vang mat|di cong tac)",
    # East Asian, Hebrew, Arabic
    r"(?:不在|休暇|休業|夏季休|年末年始休|外出|出張|お休み|産休|育休)(?:中|に(?:し|て|より|つき)|で(?:す|ござい)|を(?:いただ|頂|取)|し(?:て|ており|ます)|のため|とさせて|となり|させて)|メールを確認できません|(?:休假|度假|外出|出差|不在办公室|不在辦公室|请假|請假|年假|产假)(?:中|期间|期間|，|,|。|至|到|，)?|不在(?:座位|公司)|无法(?:及时|立即)(?:回复|查看)|無法(?:及時|立即)(?:回覆|查看)",
    r"(?:휴가|부재|출장|외근|육아휴직|병가)\s?(?:중|로|이|입니다|기간)|자리를 비|(?:נמצא\w*|אהיה|אני) .{0,20}?(?:בחופש\w*|מחוץ למשרד|בחופשת|במילואים)|(?:أنا|سأكون|حالي[ااً]+) .{0,30}?(?:إجازة|اجازة|خارج المكتب)",
)
"""In a text: the writer is not there at present. People write it too, of themselves, so it does not suffice alone."""

RETURNING = _any(
    r"\b(?:i(?:'ll| will)? (?:be )?(?:back|return)|i(?:'m| am) back|we (?:will )?(?:re-?open|return)|returning) (?:\w+ ){0,3}(?:on|from|in|at|to|tomorrow|next)\b|\bwhen i (?:return|get back|am back|'m back)|\bwhen i'm back|\b(?:ab|am|erst) .{0,30}wieder (?:da|erreichbar|im (?:buro|haus|dienst)|fur sie|zuruck|anwesend|personlich)|\bbin ich (?:wieder|zuruck|erst)|\berreichen sie (?:mich|meine|meinen) |\b(?:serai|suis) de (?:retour|nouveau)|\b(?:reviendrai|rentre|reprends|rentrerai) (?:le|au|a partir)|\b(?:estare de (?:vuelta|regreso)|volvere|regreso|regresare|me reincorpor\w+|regressarei|regresso|voltarei|retorno|retornarei|estarei de volta|rientro|rientrero|tornero|saro di nuovo)\b",
    r"\b(?:ben ik (?:weer|terug)|weer (?:bereikbaar|aanwezig|op kantoor|beschikbaar)|terug op kantoor)|\b(?:wracam|wroce|bede (?:ponownie|z powrotem|dostepn\w+) )|\b(?:ar|er) (?:jag |jeg )?(?:ater|tillbaka|tilbage|tilbake)\b|\bpalaan\b|\b(?:vratim se|budu zpet|vratim sa|budem spat|visszater\w+|revin (?:in|la)|donecegim|donus)\b|вернусь|буду (?:снова|на связи) с|повернусь|επιστρεφω|θα επιστρεψω|復帰|出社(?:いたし|し|予定)|以降に.{0,6}(?:返信|連絡)|返回(?:办公室|工作)|恢复(?:办公|工作)|복귀",
)
"""In a text: somebody says when they return. People write it as well."""

OTHERS_TO_ASK = _any(
    r"\b(?:please |kindly )?(?:contact|call|e-?mail|reach out to|get in touch with|write to|direct|address|speak (?:to|with)|ask for|forward)\b.{0,80}(?:in my absence|urgent|immediate|emergenc\w+|assistance|meantime|instead|@|\+?\d{3})|\b(?:in|during) my absence|\bfor (?:any )?(?:urgent|immediate|emergenc)|\bif (?:it is|it's|this is|your (?:matter|request|enquiry|inquiry|message|e-?mail) (?:is|requires)|you (?:need|require)) .{0,40}(?:urgent|immediate|assistance|help)|\bas soon as (?:possible|i (?:can|return|get back|am back))|\bupon my return|\bwhen i (?:return|get back|am back)|\bon my return",
    r"\b(?:in (?:dringenden|eiligen|wichtigen) (?:fallen|angelegenheiten|notfallen)|bei (?:dringenden|eiligen)|wahrend meiner abwesenheit|in meiner abwesenheit|wenden sie sich|kontaktieren sie|meine (?:vertretung|kollegin|kollegen)|mein kollege|vertreten durch|vertritt mich|nach meiner ruckkehr|sobald (?:ich|wie moglich)|nicht (?:automatisch )?weitergeleitet)",
    r"\b(?:en cas d'urgence|pour toute (?:urgence|demande|question)|en mon absence|durant mon absence|pendant mon absence|vous pouvez (?:contacter|joindre|vous adresser)|merci de (?:contacter|vous adresser|prendre contact)|veuillez (?:contacter|vous adresser|prendre)|des mon retour|a mon retour|n'hesitez pas a contacter)",
    r"\b(?:en caso de urgencia|para (?:cualquier )?(?:asuntos? )?urgen\w+|si es urgente|durante mi ausencia|en mi ausencia|(?:puede|pueden|por favor|favor de) (?:contact\w+|dirig\w+|comunic\w+|escrib\w+)|a mi (?:regreso|vuelta)|em caso de urgencia|assuntos urgentes|na minha ausencia|durante a minha ausencia|por favor,? (?:contact\w+|contat\w+)|quando (?:regressar|voltar|retornar)|no meu regresso)",
    r"\b(?:per (?:urgenze|comunicazioni urgenti|questioni urgenti|qualsiasi urgenza|necessita urgenti)|in caso di urgenza|in mia assenza|durante la mia assenza|(?:potete|puo|si prega di|vi prego di|vi invito a) (?:contattare|rivolger\w+|scrivere)|al mio (?:rientro|ritorno)|voor (?:dringende|spoed\w*|urgente)|bij (?:dringende|spoed\w*)|tijdens mijn afwezigheid|kunt u (?:contact|terecht|zich wenden|bellen|mailen)|neem (?:dan )?contact op met|bij terugkomst|na mijn (?:terugkeer|vakantie))",
    r"\b(?:w (?:pilnych|naglych|sprawach pilnych)|w sprawach pilnych|prosze o kontakt|prosze (?:sie )?kontaktowac|podczas mojej nieobecnosci|po powrocie|zastepuje mnie|vid bradskande|kontakta garna|vanligen kontakta|ved (?:hastesager|haster|akutte)|haster det|kontakt (?:venligst|gjerne|min kollega)|venligst kontakt|i mit fravaer|i mitt fravaer|under min franvaro|kiireellis\w+|kiireisiss\w+|kiireasioissa|poissaoloni aikana)",
    r"\b(?:v (?:nalehav\w+|naliehav\w+|urgentn\w+)|v pripade (?:potreby|nutnosti|nalehav\w+)|obratte se na|obratte sa|kontaktujte|surgos (?:esetben|ugyben)|keresse|kollegam\w*|pentru (?:urgente|situatii urgente|probleme urgente)|va rog sa (?:contactati|va adresati)|acil (?:durum\w*|konu\w*)|irtibata gec\w+|iletisime gec\w+|u hitnim|za hitne)",
    r"(?:по (?:всем )?(?:срочным|вопросам|неотложным)|в (?:срочных|экстренных) случаях|обращаитесь|свяжитесь|связаться|на время моего отсутствия|з термінових|звертаитесь|επειγον\w*|παρακαλω επικοινωνηστε|緊急|お急ぎ|後ほど(?:ご返信|ご連絡)|戻り次第|改めて(?:ご連絡|ご返信)|紧急|緊急|请联系|請聯絡|급한|긴급|문의)",
)
"""In a text: what absence notices go on with."""

THANKS = _any(
    r"\bthank(?:s| you)(?: very much)? for (?:your |the |contacting |getting |reaching |e-?mailing |writing |taking )|\b(?:vielen |besten |herzlichen )?dank fur (?:ihre|deine|eure|die)|\bmerci (?:de|pour) votre|\bvotre (?:message|mail|e-?mail|courriel) a (?:bien )?ete|\bj'ai bien recu|\bgracias por (?:su|tu|contactar|ponerse|el)|\bobrigad[oa] pel[oa]|\bagrade[cç]\w+ (?:o seu|a sua|su|el)|\bgrazie per (?:la|il|avermi|averci|aver)|\bbedankt voor (?:uw|je|het)|\bdank (?:u |je )?(?:wel )?voor (?:uw|je)|\bdziekuj\w+ za (?:wiadomosc|kontakt|maila|mail|e-?mail|panstwa|przeslan)|\btack for ditt|\btak for din|\btakk for (?:din|e-?post)|\bkiitos (?:viestista\w*|sahkoposti\w*|yhteyden\w*)|\bdekuj\w+ za|\bdakuj\w+ za|\bkoszon\w+ (?:az |a )?(?:e-?mail|level|megkeres|uzenet)|\bva multumesc|\bmultumesc pentru|\be-?postaniz\w*|\bmesajiniz",
    r"спасибо за (?:ваше|письмо|обращение|сообщение)|благодарю за|дякую за|ευχαριστω για|メール(?:を)?(?:いただき|頂き|ありがとう)|ご連絡(?:いただき|ありがとう|頂き)|感谢您的|謝謝您的|您好|메일.{0,6}감사|תודה על|شكرا ل",
)
"""In a text: the courteous opening of a notice. People write it as well."""

ACKNOWLEDGED = _any(
    r"\b(?:we(?: have|'ve)?|i(?: have|'ve)) (?:successfully )?received your (?:e-?mail|message|request|enquiry|inquiry|query|ticket|submission|application|mail)|\byour (?:e-?mail|message|request|enquiry|inquiry|ticket|case|query) (?:has been|was|is being) (?:successfully )?(?:received|logged|registered|created|assigned|forwarded|submitted)|\b(?:a )?(?:support )?(?:ticket|case|request) (?:has been|was) (?:created|opened|logged|received)|\b(?:ticket|case|request|reference) (?:number|id|no\.?|#)",
    r"\bthis (?:is an|message (?:is|was)|e-?mail (?:is|was)|reply (?:is|was)|response (?:is|was)) (?:an )?(?:auto(?:mat(?:ed|ic(?:ally)?))?[ -]?(?:generated|sent|reply|response|message|e-?mail|responder|acknowledg\w+|created|notification))|\bautomatically generated|\bauto-?generated|\bautomat(?:ed|ic) (?:reply|response|message|acknowledg\w+|e-?mail)",
    r"\b(?:ihre (?:anfrage|nachricht|e-?mail|mail) (?:ist|wurde|haben wir|ist bei uns)|wir haben ihre (?:anfrage|nachricht|e-?mail|mail) (?:erhalten|bekommen)|automatisch (?:generiert|erstellt|erzeugt|versendet|versandt)\w*|automatische (?:antwort|nachricht|eingangsbestatigung|e-?mail)|eingangsbestatigung|ticket-?nummer|vorgangsnummer|werden uns (?:schnellstmoglich|umgehend|in kurze) )",
    r"\b(?:nous avons bien recu|votre (?:demande|message|mail|courriel) a (?:bien )?ete (?:recu|enregistre|pris)e?|ceci est (?:un message|une reponse) automatique|message (?:genere )?automatique\w*|reponse automatique|hemos recibido su|su (?:solicitud|mensaje|consulta) ha sido|este es un (?:mensaje|correo) (?:generado )?automatic\w+|generado automaticamente|recebemos (?:a sua|o seu|sua|seu)|esta e uma (?:mensagem|resposta) automatica|abbiamo ricevuto (?:la sua|la tua|il suo|la vostra)|questo e un messaggio automatico|generat[oa] automaticamente)",
    r"\b(?:wij hebben uw|we hebben (?:je|uw) (?:bericht|e-?mail|aanvraag|mail)|dit is een automatisch|automatisch gegenereerd|wiadomosc (?:zostala )?wygenerowana automatycznie|otrzymalismy (?:panstwa|twoja|pana|pani)|to jest automatyczna|vi har (?:mottagit|modtaget|mottatt) (?:din|ditt)|detta ar ett automatiskt|dette er (?:en|et) auto\w*|automatisk (?:generert|genereret|svar)|tama on automaattinen|olemme vastaanottaneet|toto je automaticka|ez egy automatikus|acesta este un (?:mesaj|raspuns) automat|bu (?:bir )?otomatik|otomatik olarak)",
    r"это автоматическ\w+|ваше (?:письмо|обращение|сообщение) (?:получено|принято|зарегистрировано)|ваш запрос|автоматично|自動(?:送信|返信|応答|配信)|受け付け(?:いたし|まし)|お問い合わせ(?:いただき|を受け)|自动(?:回复|发送)|系统自动|自動(?:回覆|發送)|자동(?:으로)? (?:발송|회신|응답)|접수되었습니다",
)
"""In a text: a mail is acknowledged. People do it as well."""

AUTOMATED = _any(
    r"\b(?:this|the|our) (?:e-?mail )?(?:mailbox|inbox|address|e-?mail address|account) (?:is|was) (?:not|no longer|un) ?(?:being )?(?:monitored|read|attended|in use|checked|active)|\b(?:unmonitored|unattended) (?:mailbox|inbox|address|account)|\b(?:please )?do not (?:reply|respond) to this|\bthis is an? (?:auto|system)|\bauto(?:matically)?[ -]generated|\bautomat(?:ed|ic) (?:reply|response|message|acknowledg\w+|e-?mail|notification)|\bautomatically (?:sent|created)",
    r"\bautomatisch (?:generiert|erstellt|erzeugt|versendet|versandt)\w*|\bautomatische (?:antwort|nachricht|eingangsbestatigung|e-?mail)|\b(?:message|reponse|courriel|mail) (?:genere\w* )?automatique|\bne pas (?:y )?repondre|\b(?:mensaje|correo|respuesta) (?:generad[oa] )?automatic[oa]|\bgenerad[oa] automaticamente|\bno responda a este|\b(?:mensagem|resposta|e-?mail) automatic[oa]|\bnao responda a est|\b(?:messaggio|risposta|e-?mail) automatic[oa]|\bgenerat[oa] automaticamente|\bnon rispondere a quest|\bautomatisch (?:gegenereerd|bericht|antwoord)|\bniet op dit bericht|\bwygenerowan\w+ automatycznie|\bautomatyczna (?:odpowiedz|wiadomosc)|\bprosimy (?:na nia )?nie odpowiadac",
    r"\bautomatiskt? (?:svar|meddelande|besked|genererat|genereret|generert|utskick)|\bautosvar|\bautomaattinen (?:vastaus|viesti)|\bautomatick\w+ (?:odpoved|zprava|sprava|generovan\w+)|\bautomatikus (?:valasz|uzenet|ertesites)|\b(?:mesaj|raspuns) (?:generat )?automat|\botomatik (?:olarak|yanit|cevap|mesaj)|автоматическ\w+ (?:ответ|сообщение|уведомление)|(?:письмо|сообщение) (?:сформировано|отправлено|создано) автоматически|автоматичн\w+ (?:відповідь|повідомлення)|αυτοματ\w+ (?:απαντηση|μηνυμα)|自動(?:送信|返信|応答|配信)|自动(?:回复|发送)|系统自动|自動(?:回覆|發送)|자동(?:으로)? (?:발송|회신|응답)|הודעה אוטומטית|رسالة تلقائية",
)
"""In a text: it says itself that a program wrote it."""

WILL_ANSWER = _any(
    r"\bwill (?:get back to|respond to|reply to|be in touch with|answer) (?:you|your) .{0,40}(?:as soon as possible|within|shortly|soon|in due course|at the earliest|when|upon|once)|\bwithin (?:the next )?(?:\d+|one|two|three|twenty-?four|forty-?eight)(?: to \d+|-\d+)? (?:business |working )?(?:hours|days)\b",
    r"\b(?:melde mich|melden uns|antworte|beantworte) .{0,60}(?:schnellst\w+|umgehend|in kurze|nach meiner|sobald)|\b(?:dans les (?:plus brefs|meilleurs) delais|a la brevedad|lo antes posible|o mais (?:breve|rapido) possivel|appena possibile|il prima possibile|zo (?:snel|spoedig) mogelijk|tak szybko|najszybciej|sa snart|snarest|hurtigst mulig|mahdollisimman pian|co nejdrive|co najskor|amint lehet|cat mai curand|en kisa surede)|в ближаишее время|найближчим часом|折り返し|尽快|盡快|빠른 시일",
)
"""In a text: an answer is promised. People write it as well."""

LEFT = _any(
    r"\b(?:am|is|are|was|i'm|has been) no longer (?:with|at|employed|working|part of|an employee|a member|in the employ|associated|affiliated|reachable|available at|in this (?:role|position))|\bno longer works? (?:at|for|with|here)|\bno longer works here|\b(?:has|have) (?:now |recently |since )?left (?:the )?(?:company|organi[sz]ation|firm|business|our|us|employment|\w+ (?:gmbh|ltd|inc))|\bleft the company|\b(?:my )?last (?:working )?day (?:at|with|was)|\bhas (?:retired|moved on|departed|resigned)|\bhave (?:retired|moved on to|changed jobs)|\b(?:e-?mail )?address (?:is|has been) (?:no longer (?:in use|valid|active)|deactivated|discontinued)|\bthis (?:account|mailbox) (?:is|has been) (?:closed|deactivated|no longer)",
    r"\b(?:nicht mehr (?:fur|bei|im|in unserem|in der|beschaftigt|tatig|in diesem)|aus (?:dem|unserem) (?:unternehmen|haus|hause|betrieb) (?:ausgeschieden|ausscheid)|hat (?:das|unser) unternehmen verlassen|habe (?:das|die) (?:unternehmen|firma) verlassen|im ruhestand|nicht mehr (?:gultig|aktiv|erreichbar unter))|\b(?:ne (?:fait|fais|travaille) plus (?:partie|chez|pour|au sein)|a quitte (?:la societe|l'entreprise|notre|ses fonctions)|j'ai quitte|n'est plus (?:en poste|utilisee?|active|valide)|ya no (?:trabaj\w+|form\w+ parte|pertenec\w+|labor\w+|esta en)|ha dejado (?:la empresa|de trabajar)|nao (?:trabalh\w+|faz|faco) mais|ja nao (?:trabalh\w+|faz|faco)|deixou (?:a empresa|de)|non (?:lavor\w+|fa|e|sono) piu (?:presso|per|parte|in|con|attiv\w+|dipendente)|ha lasciato l'azienda|(?:niet (?:meer|langer)) (?:werkzaam|in dienst|actief)|werk\w* (?:niet (?:meer|langer)) (?:bij|voor)|heeft .{0,30}verlaten|uit dienst)",
    r"\b(?:nie pracuj\w+ juz|juz nie pracuj\w+|nie jest juz pracownik\w+|arbetar inte langre|jobbar inte (?:langre|kvar)|har slutat|har sluttet|arbejder ikke laengere|er fratradt|er stoppet|jobber ikke lenger|en ole enaa|en tyoskentele enaa|ei ole enaa|jiz (?:ne)?pracuj\w*|uz nepracuj\w+|mar nem dolgoz\w+|nu mai lucrez\w*|artik .{0,20}calism\w+)|больше не работа\w+|уволил\w+|більше не працю\w+|退職|已离职|已離職|퇴사|퇴직",
)
"""In a text: its owner has left for good."""

CHALLENGE = _any(
    r"\b(?:click|follow|use) (?:on )?(?:the |this )?(?:link|button|url|here) .{0,60}(?:deliver|verify|confirm|release|approve|prove|whitelist)|\bverify (?:that )?you(?:'re| are) (?:a )?(?:human|real|not)|\bconfirm(?:ation)? .{0,40}(?:sender|your (?:message|e-?mail) (?:will|to be) deliver)|\b(?:spam ?arrest|boxbe|knujon|bluebottle|mailinblack|sanebox challenge|tmda|choicemail)\b|\bwhitelist\b.{0,40}\b(?:sender|address)|\bapproved senders? list",
)
"""In a text: a filter asks whether a person wrote."""

QUESTION = re.compile(r"\?|？")
INTERESTED = _any(
    r"\b(?:let's|lets|let us|happy to|glad to|would love|i'd love|interested|sounds (?:good|great|interesting)|works for (?:me|us)|(?:could|can|would|shall) (?:you|we)|call me|give me a call|send me|book|schedule|pricing|quote|demo|not interested|no thanks|no thank you|pass on this|not a fit|talk (?:then|after|when)|happy to (?:chat|talk|speak)|look(?:ing)? at (?:it|this)|check with)\b",
    r"\b(?:gerne|interessiert|interesse|konnen sie|konnten sie|lassen sie uns|passt (?:mir|uns|gut)|rufen sie|schicken sie|kein interesse|kein bedarf|angebot|termin)\b",
    r"\b(?:interesse\w*|pourriez-vous|pouvez-vous|rappelez|envoyez|volontiers|avec plaisir|pas interesse\w*|interesad[oa]|podria\w*|podemos|llame\w*|envie\w*|interessat[oi]|potrebbe|possiamo sentirci|mi chiami|interessad[oa]|poderia\w*|podemos|geinteresseerd|kunt u (?:mij|ons|me)|stuur|bel me|zainteresowan\w+|moglby|prosze (?:o oferte|zadzwonic)|intresserad|interesseret|interessert|kiinnostu\w+)\b",
)
"""In a text: its writer answers what was written to them."""
