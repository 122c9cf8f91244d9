"""Names, streets and words for the demo clinic in Goa: residents, and people who came from far away. All invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class NameGroup:
    """Names that go together. A family name "a|b" is a man's and a woman's form of one name."""

    weight: int
    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool = False
    phones: str = "IN"
    language: str = ""  # of messages; "": the clinic's

    def full(self, given: str, family: str, *, female: bool) -> str:
        """The whole name as it is written."""
        forms = family.split("|")
        own = forms[-1] if female else forms[0]
        return f"{own}{given}" if self.family_first else f"{given} {own}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


GROUPS: Final = (
    NameGroup(
        weight=34,
        female=_words(
            "Sunita Anjali Priya Deepa Kavita Meena Rekha Sneha Pooja Asha Lata Swati Nisha Shilpa Manisha Geeta Usha "
            "Vidya Neha Aarti Smita Pallavi Madhuri Sarita Jyoti Rashmi Tanvi Ishita Aditi Ananya Diya Saanvi"
        ),
        male=_words(
            "Prakash Ramesh Suresh Vijay Sanjay Anil Rajesh Mahesh Nitin Sachin Rahul Amit Ganesh Dattaram Vasudev "
            "Santosh Kiran Deepak Ashok Manoj Vishal Rohan Aditya Arjun Siddharth Omkar Yash Nikhil Tejas Aarav"
        ),
        family=_words(
            "Naik Gaonkar Kamat Prabhu Shet_Desai Sawant Parab Gawas Kerkar Salgaonkar Dhond Mayekar Bhandari Patil "
            "Kulkarni Joshi Rane Chari Bandekar Tari Nagvekar Velip Phadte Redkar Sinai_Kunkalienkar"
        ),
    ),
    NameGroup(
        weight=20,
        female=_words(
            "Maria Fátima Conceição Inês Rosária Lúcia Filomena Ana_Rita Philomena Esperança Graça Tereza Anita "
            "Sharon Melissa Joana Natália Alzira Eulália Zélia"
        ),
        male=_words(
            "João José António Francisco Sebastião Inácio Joaquim Caetano Agnelo Savio Xavier Domingos Tomé Elvis "
            "Ruí Luís Estêvão Brás Anacleto Cristóvão"
        ),
        family=_words(
            "Fernandes Rodrigues D’Souza Pereira Menezes Dias Gonçalves Araújo Carvalho Noronha Sequeira Braganza "
            "Colaço Falcão Simões Magalhães Távora Lobo Furtado Conceição_Dias"
        ),
    ),
    NameGroup(
        weight=15,
        female=_words("सुनीता अंजली वैशाली मीरा लक्ष्मी सविता रुक्मिणी शोभा कमला आरती पूजा गीता राधा स्नेहा ज्योती"),
        male=_words("प्रकाश रमेश गणेश महादेव संतोष विठ्ठल दत्ताराम सुरेश अनिल राजेंद्र किरण गोविंद शंकर मोहन आदित्य"),
        family=_words("नाईक गावकर कामत प्रभू सावंत परब गावस केरकर पाटील कुलकर्णी जोशी राणे चारी तारी वेळीप देसाई"),
        language="hi",
    ),
    NameGroup(
        weight=5,
        female=_words("லட்சுமி மீனாட்சி கவிதா பிரியா தமிழ்செல்வி ஜெயந்தி சுமதி அனிதா"),
        male=_words("முருகன் செந்தில் கார்த்திக் ராஜேஷ் குமரன் சரவணன் அருண் வேலு"),
        family=_words("சுப்பிரமணியன் ராமசாமி பழனிசாமி கிருஷ்ணன் நடராஜன் வெங்கடேசன்"),
    ),
    NameGroup(
        weight=5,
        female=_words("ಲಕ್ಷ್ಮಿ ಸವಿತಾ ಗೀತಾ ಪಾರ್ವತಿ ಶಾಂತಾ ರೇಖಾ"),
        male=_words("ಮಂಜುನಾಥ ಬಸವರಾಜ ರಮೇಶ ಶಿವಕುಮಾರ ನಾಗರಾಜ ವೆಂಕಟೇಶ"),
        family=_words("ಗೌಡ ಪಾಟೀಲ ಹೆಗಡೆ ಶೆಟ್ಟಿ ಕುಲಕರ್ಣಿ ನಾಯಕ"),
    ),
    NameGroup(
        weight=5,
        female=_words("فاطمة عائشة مریم زینب خدیجہ نور سلمیٰ حنا"),
        male=_words("محمد_علی عمران یوسف ابراہیم حسن خالد عبدالرحمن سلمان"),
        family=_words("شیخ خان سید بیگ انصاری ملا قریشی"),
    ),
    NameGroup(
        weight=6,
        female=_words("Анна Ольга Екатерина Мария Наталья Светлана Юлия Татьяна"),
        male=_words("Иван Сергей Дмитрий Алексей Михаил Николай Павел Артём"),
        family=_words(
            "Иванов|Иванова Петров|Петрова Соколов|Соколова Кузнецов|Кузнецова Шевченко Морозов|Морозова Черных"
        ),
        phones="RU",
        language="ru",
    ),
    NameGroup(
        weight=3,
        female=_words("秀英 丽娟 思涵 婉婷 雨桐 静怡"),
        male=_words("伟 志强 浩然 子轩 建国 明哲"),
        family=_words("王 李 张 刘 陈 林 欧阳"),
        family_first=True,
    ),
    NameGroup(
        weight=3,
        female=_words("Zoë Siobhán Chloé Małgorzata Åsa Çağla Jördis Nguyễn_Thị"),
        male=_words("Søren Łukasz Jürgen François Óscar Ştefan Þór Đức"),
        family=_words("Müller Nowák O’Connor Lefèvre Åkesson Yıldız Novotný Jørgensen Peñalver"),
        phones="GB",
    ),
    NameGroup(
        weight=2,
        female=_words("সুমিত্রা মধুমিতা অপর্ণা রিয়া তনুশ্রী"),
        male=_words("অমিত সুব্রত দেবাশিস অনির্বাণ সৌরভ"),
        family=_words("চট্টোপাধ্যায় মুখোপাধ্যায় ঘোষ বসু দাস সেন"),
    ),
    NameGroup(
        weight=2,
        female=_words("נועה תמר יעל שירה"),
        male=_words("יוסי איתן דניאל אורי"),
        family=_words("כהן לוי מזרחי פרץ"),
        phones="GB",
    ),
)

STREETS: Final = (
    "18th June Road, Panaji 403001",
    "Rua de Ourém, Fontainhas, Panaji 403001",
    "M. G. Road, Panaji 403001",
    "St Inez, Panaji 403001",
    "Dona Paula Road, Taleigao 403002",
    "Caranzalem, Panaji 403002",
    "Alto Porvorim, Bardez 403521",
    "Betim, Bardez 403101",
    "Ribandar Patto, Tiswadi 403006",
    "Santa Cruz, Tiswadi 403005",
    "Merces, Tiswadi 403005",
    "Old Goa Road, Velha Goa 403402",
    "Assagao, Bardez 403507",
    "Siolim Bazar, Bardez 403517",
    "Anjuna, Bardez 403509",
    "Bambolim, Tiswadi 403202",
)
ALLERGIES: Final = (
    "Penicillin",
    "Sulfa drugs",
    "Peanuts",
    "House dust",
    "Aspirin",
    "Shellfish",
    "Latex gloves",
    "Penicillin, ibuprofen",
    "Egg",
)
REASONS: Final = {
    "CONS": ("Fever and cough", "Headache", "Back pain", "Stomach pain", "Tiredness", "Blood pressure", "Sore throat"),
    "FOLL": ("Follow-up", "Results of tests", "Blood pressure check", "Repeat prescription"),
    "CHLD": ("Fever", "Cough and cold", "Not eating well", "Ear pain", "Growth check"),
    "VACC": ("Vaccination", "Booster"),
    "WOMN": ("Antenatal visit", "Irregular periods", "Pelvic pain", "Annual check"),
    "SCAN": ("Ultrasound scan", "Anomaly scan"),
    "SKIN": ("Rash", "Acne", "Itching", "Hair loss", "Mole to be looked at"),
    "PEEL": ("Chemical peel", "Second session of peel"),
    "ECGR": ("ECG", "Palpitations"),
    "DRES": ("Change of dressing", "Stitches out"),
    "ORTH": ("Knee pain", "Shoulder pain", "Sprained ankle", "Back pain"),
    "PHYS": ("Exercises after a fracture", "Neck and shoulder", "Knee after surgery"),
    "ENTC": ("Ear pain", "Blocked nose", "Hoarse voice", "Dizziness"),
    "EYES": ("Blurred vision", "New glasses", "Red eye", "Diabetic eye check"),
    "HART": ("Chest pain on stairs", "Palpitations", "Yearly check", "Swollen legs"),
    "DENT": ("Toothache", "Filling", "Cleaning", "Broken tooth"),
}
NOTES: Final = {
    "CONS": (
        (
            "Temperature 38.2 °C, throat red, chest clear.",
            "Viral infection of the upper airways.",
            "Paracetamol, fluids.",
        ),
        ("BP 148/92 mmHg, pulse 78/min regular.", "Raised blood pressure.", "Less salt, home readings for two weeks."),
        ("Tender over L4 to S1, straight leg raise negative.", "Mechanical back pain.", "Stay active, ibuprofen."),
        ("Abdomen soft, tender in the epigastrium.", "Gastritis.", "Pantoprazole 40 mg for two weeks."),
    ),
    "FOLL": (
        ("Feels well. BP 132/84 mmHg.", "Controlled.", "Continue, see again in three months."),
        ("HbA1c 6.9 %, weight steady.", "Diabetes well controlled.", "Same dose, eyes to be checked."),
    ),
    "CHLD": (
        ("Weight on the 50th centile, ears and chest clear.", "Common cold.", "Fluids, saline drops."),
        ("Right eardrum red and bulging.", "Acute otitis media.", "Amoxicillin for five days."),
    ),
    "VACC": (("Well, no fever. Given in the left thigh.", "Vaccination.", "Paracetamol if feverish; next dose due."),),
    "WOMN": (
        ("Fundal height as expected, heartbeat 144/min.", "Normal pregnancy.", "Iron and folic acid; scan booked."),
        ("Examination normal, sample taken.", "Annual check.", "Result by phone."),
    ),
    "SCAN": (("Single live fetus, normal liquor, placenta anterior.", "Normal scan.", "Next scan in four weeks."),),
    "SKIN": (
        ("Comedones and few papules on both cheeks.", "Acne vulgaris, mild.", "Adapalene at night, sunscreen."),
        ("Scaly ring on the forearm.", "Tinea corporis.", "Terbinafine cream for two weeks."),
    ),
    "PEEL": (("Glycolic acid 30 %, two minutes, neutralised.", "No complication.", "Sunscreen, next in three weeks."),),
    "ECGR": (("Sinus rhythm 72/min, no ST change.", "Normal ECG.", "No treatment needed."),),
    "DRES": (("Wound clean, edges together.", "Healing well.", "Keep dry, dressing in three days."),),
    "ORTH": (("Medial joint line tender, no effusion.", "Early osteoarthritis of the knee.", "Exercises, weight."),),
    "PHYS": (("Flexion 95°, less pain than last time.", "Recovering as expected.", "Daily exercises, next week."),),
    "ENTC": (("Both eardrums intact, mucosa swollen.", "Allergic rhinitis.", "Nasal spray for four weeks."),),
    "EYES": (("Vision 6/9 both eyes, pressure normal.", "Presbyopia.", "Reading glasses +1.5."),),
    "HART": (("BP 138/86 mmHg, heart sounds normal.", "Stable angina.", "Same treatment, stress test booked."),),
    "DENT": (("Caries 36, pulp vital.", "Caries.", "Filled; see again in six months."),),
}
CANCELLED_INVOICE: Final = ("Wrong service billed", "Billed twice", "Insurance pays directly")
REFUNDED: Final = ("Charged to the wrong card", "Paid twice by mistake", "Paid in the wrong way, taken again")
CREDITED: Final = ("Service was not given", "Agreed discount was forgotten", "Shorter visit than billed")
WRITTEN_OFF: Final = (
    "Nobody reached for six months",
    "Moved away, letters came back",
    "Cannot pay, agreed with the doctor",
)
GIVEN_BACK: Final = ("Asked for the money back", "No further visit planned")
COUNTED: Final = ("Change given wrongly", "Found under the tray", "Not explained, small")
