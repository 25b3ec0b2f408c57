"""First names: which are short for others, and which are names of their own.

What belongs here: the words, folded, and two questions about a pair of them. What does not: what an answer is worth.
`Paul` and `Paula`, `Tim` and `Tom` differ by a letter as a typing error would, and are two people; `Bob` and `Robert`
share next to nothing, and may be one. Common English, German, Dutch, Nordic, French, Italian, Spanish, Portuguese,
Polish and Turkish names; the lists were written for this project.
"""

from __future__ import annotations

from itertools import permutations

VARIANTS: tuple[str, ...] = (
    "alexander alex alec sandy sascha sasha xander", "alexandra alex sandra alexa sasha", "andrew andy drew",
    "andreas andi andy", "anthony antony tony", "antonio tonio tony toni", "barbara barb babs", "benjamin ben benny",
    "bernard bernie bernd", "bernhard bernd", "catherine katherine kathryn catharine cath cathy kate kathy katie kit",
    "caroline carolin karoline caro carrie", "charles charlie chuck chas", "charlotte charlie lotte lottie",
    "christian kristian cristian chris", "christina kristina cristina chris tina", "christine kristine chris tina",
    "christopher kristopher christoph chris kit topher", "daniel dan danny", "david dave davy",
    "deborah debora deb debbie", "dominic dominik dom nick", "donald don donnie", "dorothy dot dottie",
    "edward eduard ed eddie ted teddy ned", "elizabeth elisabeth liz lizzie beth betty eliza lisa elsie elli sissi",
    "emanuel manuel manu", "eric erik erich rick", "eugene gene", "florian flo", "francis frank fran",
    "francisco paco pancho", "franziska franzi", "frederick frederik fredrik fred freddie freddy", "friedrich fritz fred",
    "gabriel gabe", "gabriele gabi gaby", "geoffrey jeffrey jeff geoff", "gerald gerry jerry", "gerhard gerd",
    "giuseppe beppe pino", "giovanni gianni", "gregory greg", "guillermo memo", "hanna hannah hana", "harold harry hal",
    "heinrich heiner heinz", "helen helena helene nell nellie", "henry henri harry hank hal", "ignacio nacho",
    "isabella isabel isabelle isa bella izzy", "jacob jakob jake", "james jim jimmy jamie", "jacqueline jackie",
    "janet jan", "jennifer jen jenny", "jessica jess jessie", "joachim jochen achim", "johannes hannes hans johann",
    "john jack johnny jon", "jonathan jon jonny", "jose pepe", "joseph josef joe joey jo sepp", "josephine jo josie",
    "joshua josh", "judith judy", "katharina katarina catharina kathi katja kati", "kenneth ken kenny", "kimberly kim",
    "carl karl", "laurence lawrence larry laurie", "leonard leonhard leo len lenny", "louis luis lou louie", "lucas lukas",
    "luigi gigi", "magdalena lena magda", "marc mark markus marcus", "margaret margarete maggie meg peggy marge rita",
    "mathew matthew matt", "matthias mathias matias matthi hias", "maximilian max", "michael mike mick mickey micha",
    "michelle shelly", "mohammed muhammad mohamed mohammad mehmet", "nathaniel nathan nat",
    "nicholas nicolas nikolas nikolaus klaus nick nicky nico niko", "olivia liv livvy", "pamela pam",
    "patricia pat patty tricia trish", "patrick patrik pat paddy", "peter pete", "philip phillip philipp phil pip",
    "rafael raphael rafa", "raymond ray", "rebecca rebekka becky becca", "reginald reg reggie",
    "richard rick ricky rich dick", "robert rob robbie bob bobby bert", "roberto beto", "ronald ron ronnie",
    "rosemary rose rosie", "rudolf rudolph rudi", "salvatore toto salvo", "samantha sam sammy", "samuel sam sammy",
    "sara sarah", "sebastian seb basti bastian", "sofia sophia sophie sofie", "stephanie stefanie steph steffi",
    "stefan stephan stephen steven steve", "susan sue susie suzy", "susanne susanna susi sanne", "theodore theodor ted teddy theo",
    "theresa teresa tess tessa terry resi", "thomas tomas tom tommy", "timothy tim timmy", "tobias tobi",
    "ulrich uli", "valerie val", "victor viktor vic", "victoria viktoria vicky tori", "vincent vinzent vince vinnie",
    "virginia ginny", "walter walther walt", "wilhelm willi willy", "william will bill billy willy liam", "wolfgang wolf",
    "zachary zach zack",
)  # fmt: skip
"""Forms that may all stand for one person's name, the whole one first."""

OTHER_NAMES = (
    "aaron abigail ada adam adrian agnes ahmed aisha alan albert alberto alejandro alessandra alessandro alexis alfie alfred ali alice "
    "alicia alina alison allan alma amanda amber amelia amelie amir amy ana andre andrea andrzej angela angelika angelo anita "
    "anja anke ann anna annabel anne annette annika anton antoine antonia archie ariana arnold arthur arturo astrid aurora ava "
    "axel ayse bart bastien beatrice beatrix bella berta bianca birgit bjorn boris brad brandon brenda brian brigitte britta "
    "bruno bryan camila camilla camille carina carla carlo carlos carmen carol carola carolina caitlin cecilia celine cem chantal "
    "chiara chloe clara claire clare claude claudia claudio clemens colin connor corinna cornelia craig cristiano cynthia "
    "dagmar daisy damian dana daniela daniele danielle daria dario darren dean delia denis denise dennis derek diana diane "
    "diego dieter dilan dina dirk dmitri dolores domenico dora doris dorothea douglas duncan dylan edgar edith edmund edwin elena "
    "eleanor elias elif elisa ella ellen elliot elvira emil emilia emily emma emre enrico enrique erin ernst esther ethan eva "
    "evan eve evelyn evie fabian fabio fatima federico felicia felicitas felix fernanda fernando finn finley fiona florence frances "
    "francesca francesco franco francois frankie franz freya frida gabriela gary gavin gemma georg george georgia georgina "
    "gerard gianna gina giorgio giulia giulio gloria gordon grace graham greta gudrun guido gunter gustav guy hamza hannelore "
    "harriet harrison harvey hassan hazel heather heidi heike helmut hendrik henrietta henrik henrike herbert hermann hilda "
    "holger holly horst howard hubert hugo ian ibrahim ida igor ilse imogen ines inga inge ingo ingrid irene iris irma isaac "
    "isla ismail ivan ivana ivo jana jane janine janina jared jasmin jasmine jason javier jay jayden jean jeanette jens jerome "
    "jesus jill joan joana joanna joanne joao joel johanna jonas jordan jorg jorge jorgen jose josefine juan juana judit jude "
    "julia julian juliana juliane julie julien juliet julio julius jurgen justin justine kai kaitlyn karen karim karin karina "
    "karla karsten katrin kay kayla keith kelly kemal kerstin kevin kirsten klara konrad konstantin kurt kyle lara larissa lars "
    "laura lauren lea leah lee leila leon leona leonie leopold leslie lewis liane lilian liliana lilly lily lina linda linus lionel "
    "lisbeth logan lola lorena lorenzo lothar louisa louise luana luc luca lucia luciana luciano lucie lucy ludwig luisa luise luke lukasz "
    "lutz lydia lynn madeleine madison maja maike malte mandy manfred manuela mara marcel marcela marcello marcin marco marcos "
    "margit margot maria mariana marianne marie marina mario marion marisa marius marko marlene marta martha martin martina "
    "marvin mary mason mateo mathilda mats matteo maureen mauro maurice max maya megan melanie melissa meike mia miguel mikael "
    "mila milan miles millie mina miriam mirko mohamed moira molly mona monica monika monique moritz mustafa nadia nadine "
    "nancy naomi natalia natalie natasha neil nele nelson nicola nicole niels niklas nils nina noah noel noemi nora norbert "
    "norman olaf ole oleg olga oliver omar ornella oscar oskar osman otto owen pablo paola paolo pascal paul paula paulina pauline "
    "pawel pedro penelope per petra petros philippa phoebe pia pierre pilar piotr poppy quentin rachel rainer ralf ralph ramon "
    "ramona raquel raul ravi regina reiner rene renata renate ricardo riccardo rita roger roland rolf roman romina romy rosa "
    "rosalie ross roy ruben ruby russell ruth ryan sabina sabine sabrina sally salma samir samira sandro santiago saskia scarlett "
    "scott sean selina selma serena sergio seth shane shannon sharon sheila sibylle sienna sigrid silas silke silvia silvio simon "
    "simona simone sina sven svenja sylvia tamara tanja tania tara tatiana taylor teodor tessa thea theo thiago thore tilda till "
    "tilo timo tina todd torsten tracy trevor tristan ursula ute uwe valentin valentina vanessa vera verena veronica veronika "
    "vittorio vivian viviana vladimir volker wayne wendy werner wiebke willow xavier yannick yara yasmin yolanda yves yvette "
    "yvonne zoe zoltan"
)
"""Names of their own, beside those that have variants."""

VARIANT_PAIRS = frozenset(pair for names in VARIANTS for pair in permutations(names.split(), 2))
GIVEN_NAMES = frozenset(" ".join((*VARIANTS, OTHER_NAMES)).split())


def is_variant(one: str, other: str) -> bool:
    """Whether two first names may stand for one another."""
    return (one, other) in VARIANT_PAIRS


def are_two_names(one: str, other: str) -> bool:
    """Whether two first names that differ are both names of their own: no slip of the keys made one of the other."""
    return one in GIVEN_NAMES and other in GIVEN_NAMES and not is_variant(one, other)
