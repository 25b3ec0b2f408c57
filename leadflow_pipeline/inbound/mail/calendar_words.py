"""Months, weekdays and nearby days in the languages that people announce their absence in.

What belongs here: words, in any spelling that `plain` makes the same. What does not: reading dates with them.
"""

from __future__ import annotations

import re
import unicodedata

MONTHS = (
    "january jan januar jänner januari janvier janv enero ene gennaio gen janeiro styczeń stycznia sty januára leden ledna"
    " január ianuarie ian ocak oca января январь янв січня січень ιανουαρίου ιανουάριος tammikuuta tammikuu gener janúar"
    " jaanuar sausio janvāris janvārī janvārim siječnja januarja януари يناير ינואר gennaio januára",
    "february feb februar feber februari fevrier fevr fev febrero febbraio fevereiro luty lutego únor února február"
    " februára februarie şubat şub февраля февраль фев лютого лютий φεβρουαρίου φεβρουάριος helmikuuta helmikuu febrer febrúar"
    " veebruar vasario februāris februārī februārim veljače februarja февруари فبراير פברואר",
    "march mar märz mrz maerz maart mrt mars marzo março marzec marca březen března marec márc március martie mart марта"
    " март мар березня березень μαρτίου μάρτιος maaliskuuta maaliskuu març"
    " märts marts martam martā kovo ožujka marca maret مارس מרץ",
    "april apr avril avr abril abr aprile kwiecień kwietnia kwi duben dubna apríl apríla április ápr aprilie nisan nis"
    " апреля апрель апр квітня квітень απριλίου απρίλιος huhtikuuta huhtikuu"
    " aprill balandžio aprīlis aprīlī aprīlim travnja aprila април أبريل אפריל",
    "may mai mei mayo maggio mag maio maj maja květen května máj mája május mayıs мая май травня травень μαΐου μαΐος"
    " toukokuuta toukokuu maig maí"
    " gegužės maijs maijā maijam svibnja maj مايو מאי",
    "june jun juni juin junio giugno giu junho czerwiec czerwca cze červen června jún júna június iunie haziran haz июня"
    " июнь июн червня червень ιουνίου ιούνιος kesäkuuta kesäkuu juny júní"
    " juuni birželio jūnijs jūnijā jūnijam lipnja junija юни يونيو יוני",
    "july jul juli juillet juil julio luglio lug julho lipiec lipca lip červenec července júl júla július iulie temmuz tem"
    " июля июль июл липня липень ιουλίου ιούλιος heinäkuuta heinäkuu juliol júlí"
    " juuli liepos jūlijs jūlijā jūlijam srpnja julija юли يوليو יולי",
    "august aug août agosto ago augustus sierpień sierpnia sie srpen srpna augusta augusztus ağustos ağu августа август авг"
    " серпня серпень αυγούστου αύγουστος elokuuta elokuu agost augusti ágúst"
    " rugpjūčio augusts augustā augustam kolovoza avgusta agustus أغسطس אוגוסט",
    "september sep sept septembre septiembre setiembre settembre set setembro wrzesień września wrz září septembra szeptember"
    " septembrie eylül eyl сентября сентябрь сен вересня вересень σεπτεμβρίου σεπτέμβριος syyskuuta syyskuu setembre"
    " rugsėjo septembris septembrī septembrim rujna septembra септември سبتمبر ספטמבר",
    "october oct oktober okt octobre octubre ottobre ott outubro out październik października paź říjen října október októbra"
    " octombrie ekim eki октября октябрь окт жовтня жовтень οκτωβρίου οκτώβριος lokakuuta lokakuu"
    " oktoober spalio oktobris oktobrī oktobrim oktobra октомври أكتوبر אוקטובר",
    "november nov novembre noviembre novembro listopad listopada lis novembra noiembrie kasım kas ноября ноябрь ноя"
    " νοεμβρίου νοέμβριος marraskuuta marraskuu nóvember"
    " lapkričio novembris novembrī novembrim studenoga studenog ноември نوفمبر נובמבר",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro grudzień grudnia gru prosinec prosince decembra"
    " decembrie aralık ara декабря декабрь дек грудня грудень δεκεμβρίου δεκέμβριος joulukuuta joulukuu desember des"
    " desembre"
    " detsember gruodžio decembris decembrī decembrim prosinca декември ديسمبر דצמבר",
)

WEEKDAYS = (
    "monday mon montag lundi lunes lunedi segunda-feira segunda maandag poniedziałek poniedziałku poniedziałku måndag mandag"
    " maanantai maanantaina maanantaihin pondělí pondělka pondelok pondelka hétfő hétfőn hétfőig luni pazartesi понедельник понедельника"
    " понеділок понеділка δευτέρα dilluns 月曜日 月曜 星期一 周一 週一 월요일",
    "tuesday tue tues dienstag mardi martes martedi terça-feira terça dinsdag wtorek wtorku tisdag tirsdag tiistai"
    " tiistaina tiistaihin úterý utorok utorka kedd kedden keddig marți salı вторник вторника вівторок вівторка τρίτη dimarts 火曜日 火曜 星期二"
    " 周二 週二 화요일",
    "wednesday wed mittwoch mercredi miércoles mercoledi quarta-feira quarta woensdag środa środę środy onsdag keskiviikko"
    " keskiviikkona keskiviikkoon středa středu středy streda stredu stredy szerda szerdán szerdáig miercuri çarşamba среда среду среды середа"
    " середу середи τετάρτη dimecres 水曜日 水曜 星期三 周三 週三 수요일",
    "thursday thu thur thurs donnerstag jeudi jueves giovedi quinta-feira quinta donderdag czwartek czwartku torsdag torstai"
    " torstaina torstaihin čtvrtek čtvrtka štvrtok štvrtka csütörtök csütörtökön csütörtökig joi perşembe четверг четверга четвер πέμπτη dijous"
    " 木曜日 木曜 星期四 周四 週四 목요일",
    "friday fri freitag vendredi viernes venerdi sexta-feira sexta vrijdag piątek piątku fredag perjantai perjantaina"
    " perjantaihin pátek pátku piatok piatku péntek pénteken péntekig vineri cuma пятница пятницу пятницы п'ятниця п'ятницю παρασκευή"
    " divendres 金曜日 金曜 星期五 周五 週五 금요일",
    "saturday samstag sonnabend samedi sábado sabato zaterdag sobota sobotę soboty lördag lørdag lauantai lauantaina sobotu"
    " szombat szombaton szombatig sâmbătă cumartesi суббота субботу субботы субота σάββατο dissabte 土曜日 土曜 星期六 周六 週六 토요일",
    "sunday sonntag dimanche domingo domenica zondag niedziela niedzielę niedzieli söndag søndag sunnuntai sunnuntaina neděle"
    " neděli nedeľa nedeľu nedele vasárnap vasárnapig duminică pazar воскресенье воскресенья неділя неділю κυριακή diumenge 日曜日 日曜"
    " 星期日 星期天 周日 週日 일요일",
)

TOMORROW = (
    "tomorrow morgen demain mañana domani amanhã jutro imorgon huomenna zítra zajtra holnap mâine yarın"
    " завтра αύριο demà 明日 明天 내일"
)  # "mañana" and "morgen" are also a morning: they count beside a word of return only
TODAY = (
    "today heute aujourd'hui hoy oggi hoje vandaag dziś dzisiaj idag tänään dnes bugün сегодня сьогодні σήμερα avui"
    " 本日 今日 今天 오늘"
)
NEXT_WEEK = (
    r"next week|naechste woche|nachste(?:r|n)? woche|kommende(?:r|n)? woche|la semaine prochaine|(?:la )?(?:proxima semana|semana que viene)"
    r"|(?:la )?(?:prossima settimana|settimana prossima)|(?:na )?proxima semana|volgende week|(?:w )?(?:przyszlym|nastepnym) tygodniu|nasta vecka"
    r"|naeste uge|neste uke|ensi viikolla|pristi tyden|jovo heten|saptamana viitoare|gelecek hafta|haftaya|на следующеи неделе"
    r"|来週|下周|下週|다음 주"
)
END_OF = (
    r"the end of|end of|end|ende|fin|fin de|finales de|la fine di|fine|fim de|final de|o final de|eind|einde|het einde van|konca|koniec"
    r"|koncem|slutet av|slutningen af|slutten av|конца|конец"
)
MIDDLE_OF = r"mid|mid-|middle of|the middle of|mitte|mi-|mediados de|meta|meados de|half|midden|polowy|mitten av|midten af|середины"

_numbers = (
    ("one", "a", "einer", "einem", "une", "un", "una", "een", "uma", "jeden", "en"),
    ("two", "zwei", "deux", "dos", "due", "twee", "duas", "dois", "dwa", "tva", "to"),
    ("three", "drei", "trois", "tres", "tre", "drie", "trzy"),
    ("four", "vier", "quatre", "cuatro", "quattro", "quatro", "cztery", "fyra", "fire"),
    ("five", "funf", "cinq", "cinco", "cinque", "vijf", "piec", "fem"),
    ("six", "sechs", "seis", "sei", "zes", "szesc", "sex", "seks"),
)
NUMBERS = {word: number for number, words in enumerate(_numbers, 1) for word in words}
DAYS = r"days?|tage?n?|jours?|dias?|giorni|giorno|dagen|dag|dni|dagar|dage|dager"
WEEKS = r"weeks?|wochen?|semaines?|semanas?|settiman[ae]|weken|week|tygodni\w*|veckor|vecka|uger?|uker?"

_CHANGED = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "’": "'", "ʼ": "'", "`": "'", "´": "'"})  # fmt: skip


def plain(text: str) -> str:
    """Lower case, without accents, each run of blanks but line ends one blank: what dates and phrases are looked for in."""
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text.lower()))
    bare = unicodedata.normalize("NFC", bare).translate(_CHANGED)
    return re.sub(r"[^\S\n]+", " ", bare)


def _numbered(names: tuple[str, ...], first: int) -> dict[str, int]:
    return {plain(word): number for number, words in enumerate(names, first) for word in words.split()}


MONTH_NUMBERS = _numbered(MONTHS, 1)
WEEKDAY_NUMBERS = _numbered(WEEKDAYS, 0)
"""Monday is 0."""


def any_of(words: dict[str, int] | str) -> str:
    """A pattern of any of the words, the longest first."""
    every = [plain(word) for word in words.split()] if isinstance(words, str) else list(words)
    return "|".join(re.escape(word) for word in sorted(every, key=len, reverse=True))
