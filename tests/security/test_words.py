"""Listed words are refused in what will be heard, and plain sentences are not. Two lists: the rules were made with the first
in view, the second is held out; each has to reach the mark alone. A voice that nobody has tells the two answers apart without
any sound being made: 422 where a word was found, 404 where none was."""
import glob
import importlib.util
import json
import os
import random
import re
import sys
import tempfile
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "server"))
from service import COMMAND, FREE, Service  # noqa: E402

# word: other spellings of its sound
SEEN = {
    "炸弹": "榨弹 诈弹 乍弹", "自杀": "字杀 自沙 自鲨 紫杀", "反动派": "返动派 反洞派", "法轮功": "法伦功 发轮功 法轮攻", "赌博": "堵博 赌勃 睹博",
    "毒品": "独品 读品", "杀人": "沙人 鲨人", "海洛因": "海洛音 海落因", "kill you": "kil yu|kill u|killl you", "white power": "wite power|white pouer",
    "suicide": "suiside", "cocaine": "kokaine", "bitch": "bich|bytch", "fuck*": "phuck|fuk"}
HELD = {
    "枪支": "腔支 枪之", "绑架": "绑嫁 绑驾", "冰毒": "兵毒 冰独", "诈骗": "炸骗 榨骗", "人体炸弹": "人体榨弹 人体诈弹", "黑社会": "黑设会 嘿社会",
    "传销": "船销 传消", "迷幻药": "迷换药 谜幻药", "heil hitler": "hile hitler|heil hitlur", "shoot you": "shoot u|shute you", "murder": "merder|murdur",
    "terrorist": "terrorisst|terorist", "retard": "reetard|retarrd", "faggot": "faggut|phaggot"}
SIGNS = "*~_-·#=+^/\\|。，、…—😀★■あжא"
LEET = str.maketrans("oieast", "013457")
PLAIN, MARK, MOST = 1000, 0.97, 0.02


def gap(rng, blanks=True):
    kind = rng.randrange(6 if blanks else 3)
    if kind == 0:
        return rng.choice("*~_-·#=+^/") * rng.randrange(1, 40)
    if kind == 1:
        return rng.choice("😀★■🔥") * rng.randrange(1, 12)
    if kind == 2:
        return rng.choice(("\u200b", "\u00ad", "\u2060")) * rng.randrange(1, 9)
    if kind == 3:
        return " " * rng.randrange(1, 30)
    if kind == 4:
        return rng.choice("\n\r\t") * rng.randrange(1, 4)
    return "[pause:%dms]" % rng.randrange(1, 900)


def in_context(rng, word, han):
    if han:
        return rng.choice(("他说%s的事情。", "我们在谈%s", "%s，真的吗？", "今天的%s很多")) % word
    return rng.choice(("They said %s.", "well, %s now", "%s is what I heard", "Is it %s?")) % word


def evasions(words, seed):
    rng = random.Random(seed)
    for listed, spellings in words.items():
        word = listed.strip("*")
        han = word[0] > "\u3000"
        for _ in range(12):
            if han:
                yield in_context(rng, gap(rng).join(word), han)
                yield in_context(rng, word[0] + gap(rng) + word[1:], han)
                yield in_context(rng, "".join(c + rng.choice(("あ", "ж", "א")) for c in word[:-1]) + word[-1], han)
            else:
                yield in_context(rng, gap(rng).join(word.split()) if " " in word else gap(rng).join(word), han)
                yield in_context(rng, word.upper() if rng.random() < .5 else word.translate(LEET), han)
        if len(word) == 2 and han:
            yield word[0] + "。" + word[1]
        for spelling in spellings.split() if han else spellings.split("|"):
            yield in_context(rng, spelling, han)


def numbers():
    return ["8964", "八九六四", "8 9 6 4", "8-9-6-4", "8*****9*****6*****4", "八千九百六十四", "eight nine six four", "eighty-nine sixty-four",
            "说8964吧", "69", "sixty nine", "sixty-nine", "6*9"]


def templates(language):
    for name in ("jieba", "pypinyin"):  # of what is not used here
        module = types.ModuleType(name)
        module.Style = module.lazy_pinyin = None
        sys.modules.setdefault(name, module)
    path = os.path.join(HERE, "..", "..", "training", f"sentences_{language}.py")
    spec = importlib.util.spec_from_file_location("sentences_" + language, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sentences(7) + module.phrases(7)


def fortunes():
    """What people wrote, where the package is installed."""
    texts = []
    for path in sorted(glob.glob("/usr/share/games/fortunes/*")):
        if "." in os.path.basename(path) or "art" in path:
            continue
        with open(path, encoding="utf-8", errors="ignore") as file:
            text = re.sub(r"\x1b\[[0-9;]*m", "", file.read())
        texts += [" ".join(part.split()) for part in re.split(r"\n%\n|(?<=[.!?。！？])\s", text)]
    return [text for text in texts if 12 <= len(text) <= 300]


def plain(words, seed):
    rng = random.Random(seed)
    found, known = [], [word.strip("*").lower() for word in words]
    sources = [source for source in (fortunes(), templates("en"), templates("zh")) if source]
    for source in sources:
        clean = sorted({text for text in source if not any(word in text.lower() for word in known)})
        found += rng.sample(clean, min(len(clean), PLAIN // len(sources) + 1))
    return found


class Words(unittest.TestCase):
    def judge(self, service, texts):
        """Whether each is refused for a word."""
        connection, codes = service.connect(), []
        for text in texts:
            body = json.dumps({"input": text, "voice": "nobody"})
            connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.assertIn(answer.status, (404, 422), text)
            codes.append(answer.status == 422)
        connection.close()
        return codes

    def measure(self, words, seed, more=()):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write("\n".join([*words, "8964", "69"]) + "\n")
            file.flush()
            with Service(COMMAND, *FREE, "--words-file", file.name) as service:
                tried, sentences = [*evasions(words, seed), *more], plain([*words, "8964", "69"], seed)
                caught, wrong = self.judge(service, tried), self.judge(service, sentences)
        for text, hit in zip(tried, caught):
            if not hit:
                print(f"missed: {text!r}", file=sys.stderr)
        for text, hit in zip(sentences, wrong):
            if hit:
                print(f"wrong: {text!r}", file=sys.stderr)
        print(f"{sum(caught)} of {len(tried)} evasions caught, {sum(wrong)} of {len(sentences)} plain sentences refused", file=sys.stderr)
        self.assertGreaterEqual(len(tried), 300)
        self.assertGreaterEqual(sum(caught), MARK * len(tried))
        self.assertLessEqual(sum(wrong), MOST * len(sentences))

    def test_words_the_rules_were_made_with(self):
        self.measure(SEEN, 1, numbers())

    def test_words_held_out(self):
        self.measure(HELD, 2)

    def test_what_is_not_heard_is_not_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write("自杀\n六四\ndie\nweed\ncum\nheroin\nsixty nine\n8964\n赌博\n公式\n")
            file.flush()
            with Service(COMMAND, *FREE, "--words-file", file.name) as service:
                texts = ("这个字啥意思", "1964年", "dye your hair", "we'd go", "come here", "a heroine", "169 dollars", "186964",
                         "打赌？博物馆开门。", "发起攻势", "He did it. Then we'd left.")
                self.assertEqual([text for text, hit in zip(texts, self.judge(service, texts)) if hit], [])


if __name__ == "__main__":
    unittest.main()
