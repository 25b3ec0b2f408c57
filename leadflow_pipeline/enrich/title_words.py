"""The words in job titles that tell rank and department, in English and German.

What belongs here: words, in the order in which they decide. What does not: how a title is searched
(`title.py`).

A word or phrase is found as a whole. `*` stands for more letters at that end, which German compounds need
(`*leiter*` finds `Vertriebsleiterin`). Case and accents do not count, and `ä` may be written `ae`.
"""

from __future__ import annotations

NOT_A_RANK: tuple[str, ...] = (
    # `owner`, `lead` and the like of a thing, not of people or a firm
    "product owner*", "process owner*", "service owner*", "data owner*", "system owner*",
    "application owner*", "project owner*", "proxy product owner*", "lead generation", "lead gen",
    "lead management", "lead nurturing", "lead qualification", "inbound lead*", "outbound lead*",
    "head office", "head quarter*", "senior living", "senior care", "business partner*", "channel partner*",
    "partner manag*", "partner marketing", "partner sales", "partner develop*", "partner success",
    "partner account*", "partner alliance*", "partner channel*", "partner service*", "partner business*",
    "sales partner*", "partner program*", "management consult*", "management accountant*",
    "case management",
    # what leads water, light or visitors
    "*halbleiter*", "*wellenleiter*", "*rohrleitung*", "*freileitung*", "*fernleitung*", "*ableitung*",
    "*zuleitung*", "*anleit*", "*begleit*", "reiseleit*", "ubungsleit*", "kursleit*", "spielleit*",
)  # fmt: skip
"""Phrases in which a word of rank tells no rank. They are not read for rank; other words of the title still
are."""

TEAM_LEADERS: tuple[str, ...] = (
    "*teamleit*", "*gruppenleit*", "*projektleit*", "*schichtleit*", "*filialleit*", "*marktleit*",
    "*bauleit*", "stationsleit*", "chef de proj*", "cheffe de proj*", "chef de produit*",
)  # fmt: skip
"""Of a team or a project; whatever else has a `leiter` is a department. Read for rank as `team lead`."""

SENIORITY_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "intern",
        (
            "intern", "interns", "praktikant*", "praktikum*", "werkstudent*", "working student*",
            "student assistant*", "studentische*", "duale* student*", "dualer student", "phd student*",
            "apprentice*", "azubi*", "auszubildende*", "lehrling*", "volontar*", "schuler*", "^student",
            "^studentin", "stagiaire*",
        ),
    ),
    (
        "entry",
        (
            "junior", "jr", "trainee*", "graduate", "entry level", "berufseinsteiger*", "referendar*",
            "nachwuchs*", "aushilf*", "helper", "helfer*",
        ),
    ),
    (
        # Whoever assists, advises or stands near a leader is not one.
        "staff",
        (
            "assistant to", "assistants to", "assistant of", "assistant ceo", "assistant cfo",
            "assistant coo", "assistant cio", "assistant cmo", "assistant cso", "ceo assistant",
            "ceos assistant", "directors assistant", "presidents assistant", "assistant managing director",
            "executive assistant*", "personal assistant*", "management assistant*", "board assistant*",
            "assistentin", "assistent", "assistenz*", "*assistent", "*assistentin", "*assistenz",
            "assistante*", "secretary to", "sekretar*", "advisor to", "adviser to", "office of the",
            "referent* des", "referent* der", "reporting to", "right hand of", "ea to", "pa to",
            "vorstandsreferent*", "vorstandssekretar*",
        ),
    ),
    (
        "owner",
        (
            "owner", "owners", "co owner*", "coowner*", "founder*", "co founder*", "cofounder*",
            "founding partner*", "*inhaber", "*inhaberin", "eigentumer*", "grunder*", "mitgrunder*",
            "proprietor*", "sole trader*", "entrepreneur*", "unternehmer", "unternehmerin", "self employed",
            "selfemployed", "selbstandig*", "selbststandig*", "freelanc*", "freiberuf*",
            "managing partner*", "general partner*", "equity partner*", "senior partner*",
            "*gesellschafter*", "shareholder*", "fondateur*", "fondatrice*", "gerant*",
        ),
    ),
    (
        "c_suite",
        (
            "ceo", "cto", "cfo", "coo", "cio", "cmo", "cro", "cpo", "ciso", "cdo", "chro", "cso", "clo",
            "cco", "cxo", "cao", "c e o", "c t o", "c f o", "c o o", "chief * officer", "chief * * officer",
            "chief * * * officer", "chief executive*", "managing director*", "*geschaftsfuhr*",
            "geschaftsfuher*", "*geschaftsleit*", "geschaftsltg", "vorstand*", "*vorstand", "*vorstandin",
            "generaldirektor*", "verwaltungsrat*", "*burgermeister*", "board member*",
            "member of the board", "member of the executive board", "member of the management board",
            "mitglied des vorstand*", "chairman*", "chairwoman*", "chairperson*", "vorsitz*",
            "aufsichtsrat*", "unternehmensleit*", "firmenleit*", "gf", "gl", "md",
            "president directeur general", "pdg", "directeur general", "c level", "c suite",
        ),
    ),
    (
        "vp",
        (
            "vp", "svp", "evp", "avp", "rvp", "gvp", "v p", "vice president*", "vicepresident*",
            "vizeprasident*", "vice presidente",
        ),
    ),
    ("c_suite", ("president", "prasident*", "presidente")),
    (
        "head",
        (
            "head of", "heads of", "department head", "global head", "group head", "head", "chief*",
            "*leiter", "*leiterin", "*leitung", "leitend*", "country manager*", "general manager*", "chef",
            "chefin", "*chef", "*chefin", "chefredakt*", "principal investigator*", "dean", "rektor*",
            "headteacher*", "head teacher*", "chefarzt*",
        ),
    ),
    (
        "director",
        (
            "director*", "direktor*", "directeur*", "directrice*", "direttore", "*direktor", "*direktorin",
            "direktion", "*direktion", "dir", "prokurist*", "ppa", "associate partner*", "^partner",
            "bevollmachtigte*",
        ),
    ),
    (
        "manager",
        (
            "manager*", "*manager", "*managerin", "*managers", "mgr", "^management$", "top management",
            "senior management", "middle management", "management team", "member of management",
            "supervisor*", "team lead*", "teamlead*", "*teamlead*", "teamchef*", "group leader*",
            "project leader*", "project lead", "teamverantwort*", "ltg", "ltr", "foreman", "vorarbeiter*",
            "superintendent*", "*meister", "*meisterin", "polier*", "responsable*", "jefe*", "head nurse",
            "oberarzt*",
        ),
    ),
    (
        "senior",
        (
            "senior*", "sr", "snr", "lead", "principal*", "staff engineer*", "staff software*", "expert*",
            "experte*", "*expert", "*experte", "*expertin", "tech lead*", "techlead*", "dev lead*",
            "architect*", "architekt*", "*architekt", "*architektin", "fellow", "professor*", "prof",
        ),
    ),
)  # fmt: skip
"""Seniority and its words; the first entry with a word in the title decides."""

STAFF_WORDS: tuple[str, ...] = (
    "engineer*", "analyst*", "specialist*", "spezialist*", "consultant*", "berater*", "*berater",
    "*beraterin", "coordinator*", "koordinator*", "*koordinator*", "officer*", "administrator*",
    "assistant*", "associate*", "agent*", "representative*", "referent*", "*referent", "*referentin",
    "sachbearbeit*", "mitarbeit*", "*mitarbeit*", "fachkraft", "*kraft", "*arbeiter", "*arbeiterin",
    "*arbeitende", "executive*", "advisor*", "adviser*", "*entwickler*", "*techniker*", "*ingenieur*",
    "*kaufmann", "*kauffrau", "*kaufleute", "techniker*", "technician*", "worker*", "blue collar", "clerk*",
    "operator*", "services", "housemaid*", "beauftragt*", "*beauftragte*", "accountant*", "*designer*",
    "*editor*", "redakteur*", "*redakteur*", "scientist*", "researcher*", "driver*", "fahrer*", "*fahrer",
    "buyer*", "planner*", "*planer*", "trainer*", "writer*", "developer*", "programmer*", "programmier*",
    "employee*", "angestellt*", "staff", "*verkaufer", "*verkauferin", "*makler", "*maklerin", "broker*",
    "*verwalter", "*verwalterin", "*pruefer", "*prufer", "*pruferin", "*elektroniker*", "*mechaniker*",
    "*monteur*", "*disponent*", "ausbilder*", "*kassierer*", "coach*", "*analyst", "*analystin", "pilot*",
    "cook", "koch", "kochin", "kellner*",
)  # fmt: skip
"""Work without a rank. A title that names a department but no rank is staff as well."""

DEPARTMENT_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "procurement",
        (
            "procurement", "purchas*", "buyer*", "sourcing", "einkauf*", "*einkauf", "*einkaufer",
            "*einkauferin", "beschaffung*", "supply chain", "category manager*", "achat*", "acheteu*",
        ),
    ),
    (
        "legal",
        (
            "legal", "lawyer*", "attorney*", "counsel", "solicitor*", "barrister*", "paralegal*", "jurist*",
            "rechtsanw*", "syndikus*", "*jurist", "*juristin", "recht", "rechtsabteilung", "compliance",
            "notar*", "datenschutz*", "data protection", "privacy officer", "clo",
        ),
    ),
    (
        "hr",
        (
            "hr", "hrbp", "human resource*", "human relations", "human capital", "people operations",
            "people ops", "people and culture", "people partner", "chief people", "head of people",
            "vp people", "talent acquisition", "talent", "recruit*", "^personal$", "leit* personal",
            "*leit* personal", "abteilung personal", "bereich personal", "personal und", "und personal",
            "personal[^ isu]*", "chro", "payroll*",
        ),
    ),
    (
        "medical",
        (
            "doctor", "physician*", "nurse", "nurses", "nursing", "surgeon*", "medical doctor", "dentist*",
            "pharmacist*", "therapist*", "arzt", "arztin", "*arzt", "*arztin", "zahnarzt*", "apotheker*",
            "krankenpfleg*", "krankenschwester*", "pflege*", "*pfleger", "*pflegerin", "hebamme*",
            "physiotherap*", "*therapeut*", "clinical", "clinician*", "veterinar*", "tierarzt*",
            "medical director", "chief medical", "medical officer",
        ),
    ),
    (
        "education",
        (
            "teacher*", "headteacher*", "lehrer*", "*lehrer", "*lehrerin", "professor*", "prof",
            "lecturer*", "dozent*", "tutor*", "schulleit*", "erzieher*", "padagog*", "*padagog*", "dean",
            "rektor*", "faculty", "academic", "postdoc*", "school principal",
        ),
    ),
    (
        "marketing",
        (
            "marketing*", "*marketing", "*marketingmanag*", "mktg", "cmo", "brand", "branding", "advertis*",
            "seo", "sea", "ppc", "public relations", "werbung", "werbe*", "social media",
            "demand generation", "offentlichkeitsarbeit", "presse*", "copywriter*", "journalis*",
            "redakteur*", "redaktion*", "mediengestalt*", "lead generation", "unternehmenskommunikation",
            "corporate communication*", "head of communication*",
        ),
    ),
    (
        "sales",
        (
            "sales", "*sales", "sales[^ f]*", "presales", "vertrieb*", "*vertrieb", "*vertriebs*",
            "verkauf*", "*verkauf", "*verkaufer*", "account executive*", "account manag*", "accountmanag*",
            "account director*", "key account*", "keyaccount*", "business develop*", "businessdevelop*",
            "geschaftsentwicklung", "geschaftsfeldentwicklung", "new business", "cro", "chief revenue",
            "chief commercial", "commercial director*", "commercial manager*", "aussendienst*",
            "innendienst*", "inside sales", "sdr", "bdr", "bdm", "kam", "salesman", "saleswoman",
            "salesperson", "kundenberat*", "kundenmanag*", "channel manager*", "partner manager*",
            "alliances", "alliance manag*", "store manager*", "retail", "filialleit*", "biz dev", "bizdev",
            "absatz*", "handelsvertret*", "revenue", "revops", "commercial", "commercial*",
            "customer relationship*", "customer relations", "*makler*", "broker*", "real estate agent*",
            "business unit*", "business line*", "business manager*", "business director*",
        ),
    ),
    (
        # Fields in which others work, too: `Vertrieb Messen` sells.
        "marketing",
        (
            "pr", "communication*", "kommunikation*", "*kommunikation", "content", "growth", "media",
            "medien*", "messe*", "trade show*", "trade fair*", "fairs", "exhibition*", "event*", "*event",
            "*events", "*veranstaltung*", "e commerce", "ecommerce", "e business", "ebusiness",
            "community manag*", "chefredakt*",
        ),
    ),
    (
        "customer_success",
        (
            "customer success", "customer service*", "customer support", "customer care",
            "customer experience", "client success", "client service*", "help desk", "helpdesk",
            "service desk", "call center*", "call centre*", "contact center*", "kundenservice",
            "kundendienst*", "kundenbetreu*", "kundenerfolg*", "technical support", "support agent*",
            "support specialist*", "support manager*", "supporter*", "account support", "after sales",
            "aftersales", "kundencenter", "kundensupport", "support", "*support",
        ),
    ),
    (
        "finance",
        (
            "finance", "finances", "financial", "finanz*", "cfo", "controller*", "controlling",
            "*controlling", "accountant*", "accounting", "accounts payable", "accounts receivable",
            "buchhalt*", "*buchhalt*", "bookkeep*", "treasur*", "tax", "steuer", "steuern", "steuerberat*",
            "audit*", "revision*", "rechnungswesen", "investor relations", "kaufmannisch*", "bilanz*",
            "risk", "wirtschaftspruf*", "portfolio manag*", "fund manag*", "asset manag*", "actuar*",
            "banker*", "bankkauf*", "underwriter*", "investment*", "credit",
        ),
    ),
    (
        # The whole firm's, not a product's: `*entwicklung` develops products
        "executive",
        (
            "unternehmensentwickl*", "konzernentwickl*", "strategieentwickl*", "verwaltungsrat*",
            "aufsichtsrat*", "*burgermeister*",
        ),
    ),
    (
        "product",
        (
            "product manage*", "product owner*", "head of product", "product director*", "product lead*",
            "vp product", "vp of product", "vice president product", "vice president of product",
            "director of product", "director product", "chief product", "product", "products", "cpo",
            "produktmanag*", "*produktmanag*", "produktleit*", "produktverantwort*", "design*",
            "*designer*", "graphic*", "grafik*", "ux", "user experience", "ui",
        ),
    ),
    (
        "it",
        (
            "it", "security analyst*", "information technology", "information systems", "informatique*",
            "informatik*", "*informatik*", "edv", "cio", "ciso", "system administrator*",
            "systems administrator*", "sysadmin*", "systemadmin*", "netzwerk*", "network",
            "security engineer*", "it security", "information security", "cyber*", "database", "datenbank*",
            "sap", "erp", "crm*", "salesforce", "*crm", "itk*", "cloud", "infrastructure", "itsm", "dba",
            "digital*", "digitalisierung*", "technology officer", "systems analyst*", "business analyst*",
            "systemanaly*", "system administration", "systems administration", "administrat* sys*",
            "administrat* reseau*", "daten*", "systembetreu*", "anwendungsbetreu*", "web admin*",
            "service management", "data", "business intelligence", "bi", "telekommunikation*", "ict",
            "dynamics", "sharepoint",
        ),
    ),
    (
        "engineering",
        (
            "engineer*", "engineering", "eng", "dev", "ingenieur*", "*ingenieur*", "developer*",
            "*entwickler*", "*entwicklung", "entwicklung*", "software", "cto", "chief technology",
            "chief technical", "programmer*", "programmier*", "devops", "architect*", "architekt*",
            "*architekt*", "research and development", "r and d", "r d", "f und e", "forschung*", "tech",
            "technical", "technician*", "techniker*", "*techniker*", "technisch*", "technik", "konstrukt*",
            "*konstrukteur*", "scientist*", "machine learning", "ai", "qa", "tester*", "research*",
            "electrician*", "elektriker*", "mechanic*", "*mechatronik*", "*mechaniker*", "*elektroniker*",
            "*monteur*", "innovation*", "technolog*", "labor*", "chemist*", "chemiker*", "physiker*",
        ),
    ),
    (
        "operations",
        (
            "operation*", "operating", "ops", "coo", "logist*", "*logistik*", "warehouse*", "lager*",
            "produktion*", "production", "manufactur*", "fertigung*", "project manage*", "project lead*",
            "projektleit*", "projektmanag*", "projekt*", "project*", "program manage*", "programme manage*",
            "pmo", "quality", "qualitat*", "process*", "prozess*", "plant", "werk", "werkleit*",
            "werksleit*", "betriebsleit*", "facility", "facilities", "fleet", "transport*", "driver*",
            "fahrer*", "*fahrer", "scrum master", "agile", "lean", "blue collar", "worker*", "arbeiter*",
            "*arbeiter", "foreman", "cleaner*", "housemaid*", "maintenance", "instandhalt*", "montage*",
            "*bauleit*", "*werkstatt*", "*meister", "*meisterin", "hausverwalt*", "property manag*",
            "services", "store", "supply", "*disponent*", "disposition", "arbeitssicherheit*", "safety",
            "organisation*", "service manager*", "serviceleit*",
        ),
    ),
    (
        "hr",
        ("training*", "learning and development", "*ausbildung*", "ausbilder*", "weiterbildung*", "*schulung*"),
    ),
    (
        "administration",
        (
            "admin", "administrat*", "administration", "assistant to", "executive assistant*",
            "personal assistant*", "office manager*", "office", "office manag*", "assistent*", "assistenz*",
            "*assistent*", "*assistenz", "assistant*", "secretar*", "sekretar*", "*sekretar*",
            "receptionist*", "empfang*", "clerk*", "verwaltung*", "*verwaltung", "sachbearbeit*",
            "back office", "backoffice", "data entry", "verwaltungs*", "buro*",
        ),
    ),
    (
        "executive",
        (
            "ceo", "c e o", "chief executive*", "managing director*", "*geschaftsfuhr*", "*geschaftsleit*",
            "vorstand*", "direktion", "president*", "prasident*", "chairman*", "chairwoman*",
            "chairperson*", "board member*", "member of the board", "owner*", "co owner*", "founder*",
            "co founder*", "cofounder*", "*inhaber", "*inhaberin", "grunder*", "mitgrunder*", "eigentumer*",
            "entrepreneur*", "unternehmer", "unternehmerin", "self employed", "selbstandig*",
            "selbststandig*", "managing partner*", "partner", "*gesellschafter*", "general manager*",
            "country manager*", "executive director*", "chief of staff", "gf", "gl", "management",
            "director", "direktor", "directeur", "chief * officer", "unternehmensleit*", "prokurist*",
            "strategy", "strateg*",
        ),
    ),
)  # fmt: skip
"""Department and its words; the first entry with a word in the title decides, so the special ones come
first."""
