"""Our tokens as the teacher's symbols: each of the 502 names is none, one or a few characters of Kokoro's alphabet.

The alphabet is Kokoro's own (114 characters, numbered 0..177). English is misaki's American notation, Mandarin IPA with an arrow
for the tone behind the vowel that carries it (misaki, Apache-2.0; its table comes from pinyin-to-ipa, MIT). A voice file carries
this table, so that the engine needs no Python: models are taught symbols, the front-end speaks tokens.
"""
from __future__ import annotations

import functools
import re

from training import tokens

SYMBOLS = 178  # numbers in use, and gaps
EDGE = 0       # begins and ends every sentence
ALPHABET = {";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15, " ": 16,
            "̃": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23, "A": 24, "I": 25, "O": 31, "Q": 33, "S": 35, "T": 36,
            "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53,
            "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "x": 66,
            "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82,
            "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111,
            "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128,
            "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143,
            "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177}

CONSONANTS = dict(B="b", CH="ʧ", DH="ð", D="d", F="f", G="ɡ", HH="h", JH="ʤ", K="k", L="l", M="m", NG="ŋ", N="n", P="p", R="ɹ", SH="ʃ",
                  S="s", TH="θ", T="t", V="v", W="w", Y="j", ZH="ʒ", Z="z")
VOWELS = dict(AA="ɑ", AE="æ", AH="ʌ", AO="ɔ", AW="W", AY="I", EH="ɛ", ER="ɜɹ", EY="A", IH="ɪ", IY="i", OW="O", OY="Y", UH="ʊ", UW="u")
UNSTRESSED = dict(AH="ə", ER="əɹ")
STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}

INITIALS = dict(b="p", p="pʰ", m="m", f="f", d="t", t="tʰ", n="n", l="l", g="k", k="kʰ", h="x", j="ʨ", q="ʨʰ", x="ɕ", zh="ꭧ", ch="ꭧʰ", sh="ʂ",
                r="ɻ", z="ʦ", c="ʦʰ", s="s", y="", w="")
# before the tone, behind it
FINALS = dict(a=("a", ""), ai=("ai", ""), an=("a", "n"), ang=("a", "ŋ"), ao=("au", ""), e=("ɤ", ""), ei=("ei", ""), en=("ə", "n"),
              eng=("ə", "ŋ"), er=("ɚ", ""), i=("i", ""), ia=("ja", ""), ian=("jɛ", "n"), iang=("ja", "ŋ"), iao=("jau", ""), ie=("je", ""),
              ii=("ɨ", ""), iii=("ɨ", ""), iong=("jʊ", "ŋ"), iou=("jou", ""), o=("wo", ""), ong=("ʊ", "ŋ"), ou=("ou", ""), u=("u", ""),
              ua=("wa", ""), uai=("wai", ""), uan=("wa", "n"), uang=("wa", "ŋ"), uei=("wei", ""), uen=("wə", "n"), ueng=("wə", "ŋ"),
              ue=("ɥe", ""), uo=("wo", ""), v=("y", ""), van=("ɥɛ", "n"), ve=("ɥe", ""), vn=("y", "n"), **{"in": ("i", "n"), "ing": ("i", "ŋ")})
TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
MARKS = {".": ".", "?": "?", "!": "!", "sp0": "", "sp1": " ", "sp2": " ", "sp3": ", ", "sp4": ", ", "engsp0": "", "engsp1": " ", "engsp2": " ",
         "engsp4": ", ", "cn_eng_sp": " ", "eng_cn_sp": " ", "rr": "ɻ"}


def spelling(name: str) -> str | None:
    """A token's characters; None for a token that stands for no sound of either language."""
    if name in MARKS:
        return MARKS[name]
    if name in INITIALS:
        return INITIALS[name]
    if name.startswith("["):
        return _english(name.strip("[]"))
    if match := re.fullmatch(r"([a-z]+)([1-5])", name):
        return _mandarin(match[1], match[2])
    return None


def _english(phone: str) -> str | None:
    if phone in CONSONANTS:
        return CONSONANTS[phone]
    vowel, stress = phone[:-1], phone[-1:]
    if vowel not in VOWELS:
        return None
    return UNSTRESSED.get(vowel, VOWELS[vowel]) if stress == "0" else STRESS[stress] + VOWELS[vowel]


def _mandarin(final: str, tone: str) -> str | None:
    if final in FINALS:
        before, after = FINALS[final]
        return before + TONES[tone] + after
    if final.endswith("r") and (plain := final.rstrip("r")) in FINALS:  # er-hua: the vowel, the tone, and no coda but the r
        vowel = FINALS[plain][0]
        vowel = vowel[:-1] if len(vowel) > 1 and vowel[-1] in "i" and vowel[-2] in "ae" else vowel
        return vowel + TONES[tone] + "ɻ"
    return None


@functools.lru_cache(maxsize=None)
def table() -> tuple[tuple[int, ...], ...]:
    """Symbol numbers of each token, by token id. A token without a spelling is silent: it has none."""
    edge = (EDGE,)
    return tuple(edge if name == tokens.BOUNDARY else tuple(ALPHABET[c] for c in spelling(name) or "") for name in tokens.names())


def expand(token_ids) -> tuple[list[int], list[int]]:
    """Symbols of a sentence, and for each symbol the index of its token."""
    symbols, owners = [], []
    for index, token in enumerate(token_ids):
        for symbol in table()[int(token)]:
            symbols.append(symbol)
            owners.append(index)
    return symbols, owners
