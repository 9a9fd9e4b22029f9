"""English sentences made from templates: numbers in words, dates, times, money, dialogue, questions, service talk, exclamations."""
from __future__ import annotations

import random

NAMES = ("Anna David Emma George Helen James Julia Kevin Laura Martin Nora Oliver Peter Rachel Simon Thomas Victor Alice Brian "
         "Catherine Diana Edward Frank Grace Henry Isabel").split()
PLACES = ("London Paris Boston Chicago Tokyo Beijing Shanghai Berlin Madrid Sydney Toronto Dublin Vienna Oxford Denver "
          "Seattle Houston Geneva Singapore Moscow").split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
            "sixteenth seventeenth eighteenth nineteenth twentieth").split()
NOUNS = ("table letter window garden orange jacket kitchen engine camera bottle ticket suitcase keyboard mirror basket "
         "ladder blanket pencil sandwich umbrella hammer guitar pillow bridge village castle forest river island mountain "
         "teacher doctor lawyer farmer artist driver neighbour cousin sister brother measure treasure vision theatre "
         "mouth feather leather beach judge church thumb shelf wolf knife youth choice voice coin cloud towel flower").split()
ADJECTIVES = ("quiet heavy bright narrow yellow gentle empty frozen famous hungry lonely modern ancient wooden silver "
              "careful broken sudden pleasant curious smooth rough huge tiny fresh strange usual genuine joyful noisy").split()
VERBS = ("open close carry repair paint measure follow answer borrow choose deliver forget imagine join push watch "
         "finish change catch throw enjoy allow remember describe").split()
SHORT = ("Yes.|No.|Thank you.|Good morning.|Good night.|See you soon.|Of course!|Never mind.|Wait a moment.|Are you sure?|"
         "Why not?|How are you?|What time is it?|Come in.|Sit down, please.|Excuse me.|I am sorry.|Well done!|Watch out!|"
         "Congratulations!|Happy birthday!|Be quiet.|Let me see.|Not at all.|Good luck!|Help!|Stop!|Really?|Maybe.|Hello.|"
         "Goodbye.|Welcome back!|What a surprise!|I am not sure.|That is right.|Try again later.|Oh, no!|Wow!|Hurry up!|"
         "Take care.|Who is there?|Where are you?|Not today.|As you wish.|No problem.|Just a second.|Great idea!").split("|")
FIXED = (
    "The quick brown fox jumps over the lazy dog.|She sells sea shells by the sea shore.|Thank you for calling, how may I help you?|"
    "Your call is important to us, please stay on the line.|I am afraid that room is no longer available.|Could you repeat that, please?|"
    "Your order has been shipped and will arrive tomorrow.|Please enter your password and press the hash key.|"
    "I understand your concern, and I will look into it right away.|The meeting has been moved to the main hall.|"
    "Would you like anything else with that?|Please hold while I transfer your call.|Have a wonderful day!|"
    "Is there a pharmacy near the station?|I can't believe it, we won the game!|Get out of my house right now!|"
    "I miss you more than words can say.|Did you hear that noise behind the door?|Don't leave me alone in the dark!|"
    "Everything will be fine, just breathe slowly.|How dare you speak to me like that?|This is the best news I have heard all year!|"
    "Turn left at the traffic lights, then go straight on.|The weather will be cloudy with some light rain.|"
    "The treasure was a pleasure to measure.|Joy and noise filled the royal court.|The azure garage had an unusual vision.").split("|")
TEMPLATES = (
    "There are {n} {noun}s in the {noun}.|{name} was born on {month} {ord}, nineteen {tens}.|The train to {place} leaves at {time}.|"
    "It costs {n} dollars and {n} cents.|My number is {d} {d} {d}, {d} {d} {d} {d}.|{name} asked, where is the {noun}?|"
    "Can you {verb} the {adj} {noun}, {name}?|I would like to {verb} {n} {noun}s, please.|We flew from {place} to {place} on {day}.|"
    "What a {adj} {noun}!|Please {verb} the {noun} before {time}.|The {adj} {noun} is next to the {adj} {noun}.|"
    "Your appointment is on {day}, {month} {ord}, at {time}.|About {n} percent of the {noun}s are {adj}.|"
    "Hello {name}, this is {name} from {place}.|I told {name} not to {verb} the {noun}!|Why did you {verb} my {noun}?|"
    "Flight {d} {d} {d} to {place} is now boarding at gate {n}.|The temperature in {place} is {n} degrees.|"
    "No, {name}, the {noun} is {adj}, not {adj}.|How many {noun}s did {name} {verb}?|It happened {n} years ago in {place}.|"
    "Good evening, my name is {name}, what can I do for you?|The answer is {n} point {d} {d}.|Is the {noun} {adj} or {adj}?|"
    "Turn to page {big} and read the {ord} line.|They walked {n} miles through the {adj} {noun}.|Don't {verb} it, {name}, it's {adj}!|"
    "I'm sure they'll {verb} your {noun} by {day}.|{name} and {name} couldn't {verb} the {noun}.|The {ord} {noun} belongs to {name}.").split("|")


def number(rng: random.Random, below: int = 100) -> str:
    value = rng.randrange(1, below)
    if value < 20:
        return ONES[value]
    if value < 100:
        return TENS[value // 10] + ("" if value % 10 == 0 else " " + ONES[value % 10])
    rest = value % 100
    tail = "" if rest == 0 else " and " + (ONES[rest] if rest < 20 else TENS[rest // 10] + ("" if rest % 10 == 0 else " " + ONES[rest % 10]))
    return ONES[value // 100] + " hundred" + tail


def clock(rng: random.Random) -> str:
    hour = ONES[rng.randrange(1, 13)]
    return rng.choice((f"{hour} o'clock", f"half past {hour}", f"a quarter to {hour}", f"{hour} fifteen", f"{hour} forty five"))


def fill(template: str, rng: random.Random) -> str:
    """Replaces each {slot} by a fresh random choice."""
    makers = {
        "n": lambda: number(rng), "big": lambda: number(rng, 1000), "d": lambda: ONES[rng.randrange(10)],
        "time": lambda: clock(rng), "tens": lambda: TENS[rng.randrange(2, 10)] + " " + ONES[rng.randrange(1, 10)],
        "ord": lambda: rng.choice(ORDINALS), "month": lambda: rng.choice(MONTHS), "day": lambda: rng.choice(DAYS),
        "name": lambda: rng.choice(NAMES), "place": lambda: rng.choice(PLACES), "noun": lambda: rng.choice(NOUNS),
        "adj": lambda: rng.choice(ADJECTIVES), "verb": lambda: rng.choice(VERBS),
    }
    pieces = template.split("{")
    text = pieces[0]
    for piece in pieces[1:]:
        slot, rest = piece.split("}", 1)
        text += makers[slot]() + rest
    return text[0].upper() + text[1:]


def sentences(seed: int, rounds: int = 30) -> list[str]:
    rng = random.Random(seed)
    return list(FIXED) + [fill(template, rng) for _ in range(rounds) for template in TEMPLATES]


def phrases(seed: int, amount: int = 500) -> list[str]:
    """Utterances of one to four words."""
    rng = random.Random(seed)
    shapes = ("{noun}.", "{adj} {noun}.", "The {adj} {noun}.", "{n}.", "{big}.", "{day}.", "{month} {ord}.", "{name}!", "{name}?",
              "{verb} the {noun}.", "{time}.", "In {place}.", "{place}.", "My {adj} {noun}!", "{verb} it?", "{d}, {d}, {d}, {d}.")
    return list(SHORT) + [fill(rng.choice(shapes), rng) for _ in range(amount)]


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SPELLED = ("{l}, {l}, {l}.|The code is {l} {d} {l} {d}.|Gate {l} {n}.|It is spelled {l}, {l}, {l}, {l}.|Press {d} for {noun}s, or {d} to {verb}.|"
           "{d} {d} {d} {d} {d} {d}.|Room {d} {d} {l}.|Vitamin {l} is in the {noun}.|Plan {l} or plan {l}?|Is it {l} or {l}?").split("|")


def spelled(seed: int, amount: int = 400) -> list[str]:
    """Letters and digits, as codes, gates and menus have them."""
    rng = random.Random(seed)
    texts = []
    for _ in range(amount):
        template = rng.choice(SPELLED)
        while "{l}" in template:
            template = template.replace("{l}", rng.choice(LETTERS), 1)
        texts.append(fill(template, rng))
    return texts + [f"{letter}." for letter in LETTERS]


def single_words(texts: list[str], seed: int, amount: int = 1500) -> list[str]:
    """One to three words of the given texts by themselves, each as a sentence."""
    rng = random.Random(seed)
    words = sorted({word.strip(",;:.?!'").lower() for text in texts for word in text.split()})
    words = [word for word in words if word.isalpha() and 2 < len(word) < 13]
    return [", ".join(rng.sample(words, rng.choice((1, 1, 2, 3)))).capitalize() + rng.choice("...!?") for _ in range(amount)]


def joined(texts: list[str], seed: int, amount: int = 600) -> list[str]:
    """Long sentences: two short ones with a comma or a word between."""
    rng = random.Random(seed)
    short = [text for text in texts if text.endswith(".") and len(text) < 70]
    return [f"{(a := rng.choice(short))[:-1]}{rng.choice((', and ', ', but ', ', so ', ', '))}{(b := rng.choice(short))[0].lower()}{b[1:]}"
            for _ in range(amount)] if short else []
