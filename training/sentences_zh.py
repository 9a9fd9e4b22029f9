"""Mandarin sentences made from templates, and random sequences of common words for coverage of all toned syllables."""
from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import jieba
from pypinyin import Style, lazy_pinyin

DIGITS = "零一二三四五六七八九"
NAMES = "小明 小红 王先生 李女士 张老师 刘医生 陈经理 赵师傅 妈妈 爸爸 爷爷 奶奶 哥哥 妹妹 朋友 同学 邻居 周律师".split()
PLACES = "北京 上海 广州 深圳 杭州 南京 成都 重庆 武汉 西安 长沙 昆明 哈尔滨 乌鲁木齐 香港 台北 东京 伦敦 巴黎 纽约".split()
NOUNS = ("苹果 香蕉 西瓜 米饭 面条 茶杯 书包 铅笔 雨伞 电脑 手机 桌子 椅子 窗户 房间 花园 公园 学校 医院 银行 超市 火车 飞机 汽车 "
         "自行车 衣服 裤子 鞋子 帽子 眼镜 手表 照片 信件 钥匙 报纸 音乐 电影 故事 问题 办法 计划 机会 消息 生日 礼物 月亮 太阳 "
         "云彩 草原 森林 河流 山谷 海洋 熊猫 老虎 兔子 鸟 鱼 猫 狗 嘴唇 耳朵 女儿 儿子 规律 战略 旅行 绿茶 军队 群众 雪花").split()
ADJECTIVES = "漂亮 安静 干净 便宜 昂贵 新鲜 热闹 奇怪 简单 复杂 温暖 寒冷 明亮 宽敞 舒服 有趣 危险 安全 普通 重要 聪明 勇敢".split()
VERBS = "打开 关上 修理 寻找 准备 购买 检查 整理 忘记 记住 喜欢 讨厌 选择 欣赏 收拾 借用 归还 取消 确认 预订".split()
CLASSIFIERS = "个 只 本 张 件 台 把 条 辆 份".split()
DAYS = "星期一 星期二 星期三 星期四 星期五 星期六 星期天 今天 明天 后天 昨天".split()
SHORT = ("你好！|谢谢。|再见！|对不起。|没关系。|早上好！|晚安。|请进。|请坐。|是的。|不是。|好吧。|真的吗？|为什么？|太好了！|救命！|快跑！|"
         "小心！|加油！|恭喜你！|生日快乐！|请稍等。|怎么了？|不客气。|当然可以。|我不知道。|你是谁？|去哪里？|别害怕。|够了！|天啊！|"
         "不行！|明白了。|没问题。|辛苦了。|欢迎光临！|好久不见。|祝你好运！|一路平安。|多少钱？|几点了？|是吗？|对！|嗯，好。|可惜了。").split("|")
FIXED = (
    "你好，今天我非常开心！|欢迎使用语音合成系统。|请问有什么可以帮您？|您的订单已经发货，预计明天送达。|非常抱歉给您带来不便。|"
    "请您稍等一下，我马上为您查询。|您的密码输入错误，请重新输入。|感谢您的来电，祝您生活愉快！|今天天气真好，我们去公园玩吧。|"
    "我真没想到会是这样的结果！|你怎么能这样对我说话？|别走，我一个人害怕。|没关系，慢慢来，一切都会好的。|我们终于赢了，太棒了！|"
    "他离开以后，我每天都很想念他。|请问去火车站怎么走？|前面路口左转，然后一直走。|这道菜又香又辣，味道好极了。|外面下雪了，快来看！|"
    "你听见门后面的声音了吗？|一个人不能同时做两件事。|一年之计在于春，一日之计在于晨。|我想买五把雨伞，可以便宜点吗？|这是不是你的手机？|"
    "他说话的声音很小，我听不清楚。|银行几点开门，几点关门？|请把窗户打开，屋里太热了。|老师，我有一个问题想请教您。").split("|")
TEMPLATES = (
    "{name}，你能{verb}那{c}{noun}吗？|我昨天在{place}买了{n}{c}{noun}。|{day}的会议改到{time}。|这{c}{noun}一共{big}块钱。|"
    "我的电话号码是{d}{d}{d}，{d}{d}{d}{d}，{d}{d}{d}{d}。|现在是{time}。|他生于{year}年{month}月{dom}日。|从{place}到{place}要坐{n}个小时的火车。|"
    "百分之{n}的人不{verb}{noun}。|{name}说，{noun}不见了！|请您{verb}一下{noun}，好吗？|{place}今天的气温是{n}度。|"
    "这{c}{noun}又{adj}又{adj}。|多么{adj}的{noun}啊！|您预订的房间在{n}楼，房号是{d}{d}{d}。|你为什么不{verb}{noun}？|"
    "{name}不但{verb}了{noun}，而且{verb}了{noun}。|第{n}次去{place}的时候，我遇见了{name}。|圆周率大约是三点{d}{d}{d}{d}。|"
    "您好，我是{place}的客服，工号{d}{d}{d}{d}。|{day}{time}，我们在{place}见面。|把{noun}放在{noun}旁边。|{noun}和{noun}都很{adj}。|"
    "{name}，快来{verb}你的{noun}！|比赛结果是{n}比{n}。|{noun}比{noun}{adj}得多。|如果明天下雨，我们就不去{place}了。|"
    "是谁{verb}了我的{noun}？|{name}觉得这个{noun}一点也不{adj}。|请问{place}的{noun}在哪里？|别{verb}了，{name}还在等我们呢。|"
    "我有{n}{c}{adj}的{noun}，你有几{c}？|航班{d}{d}{d}{d}将于{time}飞往{place}。").split("|")
RARE = {"哟", "嗨", "嗳", "嘿"}


def numeral(value: int) -> str:
    """Chinese reading of 0..99999 as said aloud."""
    if value < 10:
        return DIGITS[value]
    text, pending_zero = "", False
    for unit, power in (("万", 4), ("千", 3), ("百", 2), ("十", 1), ("", 0)):
        digit = value // 10**power % 10
        if digit == 0:
            pending_zero = bool(text)
            continue
        text += ("零" if pending_zero else "") + DIGITS[digit] + unit
        pending_zero = False
    return text[1:] if text.startswith("一十") else text


def clock(rng: random.Random) -> str:
    hour = "两" if (value := rng.randrange(1, 13)) == 2 else numeral(value)
    return rng.choice(("上午", "下午", "晚上", "")) + hour + rng.choice(("点", "点半", "点一刻", "点" + numeral(rng.randrange(11, 60)) + "分"))


def fill(template: str, rng: random.Random) -> str:
    makers = {
        "n": lambda: numeral(rng.randrange(2, 100)), "big": lambda: numeral(rng.randrange(100, 20000)),
        "d": lambda: DIGITS[rng.randrange(10)], "time": lambda: clock(rng), "month": lambda: numeral(rng.randrange(1, 13)),
        "dom": lambda: numeral(rng.randrange(1, 31)), "year": lambda: "".join(DIGITS[int(c)] for c in str(rng.randrange(1900, 2030))),
        "name": lambda: rng.choice(NAMES), "place": lambda: rng.choice(PLACES), "noun": lambda: rng.choice(NOUNS),
        "adj": lambda: rng.choice(ADJECTIVES), "verb": lambda: rng.choice(VERBS), "c": lambda: rng.choice(CLASSIFIERS),
        "day": lambda: rng.choice(DAYS),
    }
    return re.sub(r"\{(\w+)\}", lambda match: makers[match.group(1)](), template)


def sentences(seed: int, rounds: int = 45) -> list[str]:
    rng = random.Random(seed)
    return list(FIXED) + [fill(template, rng) for _ in range(rounds) for template in TEMPLATES]


def phrases(seed: int, amount: int = 600) -> list[str]:
    """Utterances of one to six characters."""
    rng = random.Random(seed)
    shapes = ("{noun}。", "{adj}的{noun}。", "{n}。", "{big}。", "{day}。", "{name}！", "{name}？", "{verb}{noun}。", "{time}。", "在{place}。",
              "{adj}吗？", "{adj}！", "{month}月{dom}日。", "很{adj}。", "不{adj}！", "{d}{d}{d}{d}。")
    return list(SHORT) + [fill(rng.choice(shapes), rng) for _ in range(amount)]


def common_words(limit: int = 30000) -> list[tuple[str, int]]:
    """The most frequent words of jieba's dictionary that GB 2312 can write, with their counts."""
    path = Path(jieba.__file__).parent / "dict.txt"
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        word, count, _ = line.split(" ")
        if re.fullmatch("[一-龥]{1,4}", word) and word not in RARE and not word.endswith("儿"):
            try:
                word.encode("gb2312")
            except UnicodeEncodeError:
                continue
            rows.append((word, int(count)))
    return sorted(rows, key=lambda row: -row[1])[:limit]


def covering_words(words: list[tuple[str, int]], per_syllable: int = 1) -> list[str]:
    """Frequent words chosen so that each toned syllable among them occurs at least per_syllable times where it can."""
    counts: dict[str, int] = {}
    chosen = []
    readings = [lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True) for word, _ in words]
    for (word, _), syllables in zip(words, readings):
        if any(counts.get(syllable, 0) < per_syllable for syllable in syllables):
            chosen.append(word)
            for syllable in syllables:
                counts[syllable] = counts.get(syllable, 0) + 1
    return chosen


def word_sequences(seed: int, amount: int = 2500) -> list[str]:
    """Sequences of 3-6 common words: first those that cover the rare syllables, then by frequency."""
    rng = random.Random(seed)
    words = common_words()
    coverage = covering_words(words)
    rng.shuffle(coverage)
    names, weights = [word for word, _ in words], [count**0.5 for _, count in words]
    texts, queue = [], itertools.chain(coverage, iter(lambda: rng.choices(names, weights)[0], None))
    for _ in range(amount):
        parts = list(itertools.islice(queue, rng.randint(3, 6)))
        if len(parts) > 4:
            parts[2] += "，"
        texts.append("".join(parts) + rng.choice("。。。？！"))
    return texts


FOREIGN = ("Python Java email OK app WiFi iPhone Google Facebook Tom Lucy Jack CEO KTV DNA USB PPT AI VIP party model coffee online "
           "meeting deadline review project code bug team boss weekend fashion style hello world").split()
MIXED = ("我用{f}写代码。|这个{f}很好用。|请把文件发到我的{f}。|今天的{f}取消了。|{f}，你觉得怎么样？|我们的{f}是{name}。|他说了一句{f}就走了。|"
         "你有{f}账号吗？|下周一有个{f}，别忘了。|这家{f}的{noun}不错！|{name}在学{f}。|{f}和{f}有什么区别？|打开{f}，点击{noun}。").split("|")


def mixed(seed: int, amount: int = 500) -> list[str]:
    """Mandarin with an English word in it."""
    rng = random.Random(seed)
    texts = []
    for _ in range(amount):
        template = rng.choice(MIXED)
        while "{f}" in template:
            template = template.replace("{f}", rng.choice(FOREIGN), 1)
        texts.append(fill(template, rng))
    return texts


def joined(texts: list[str], seed: int, amount: int = 600) -> list[str]:
    """Long sentences: two or three short ones with commas between."""
    rng = random.Random(seed)
    short = [text for text in texts if text.endswith("。") and len(text) < 22]
    return ["，".join(text[:-1] for text in rng.sample(short, rng.choice((2, 2, 3)))) + "。" for _ in range(amount)]


# Words whose last syllable is neutral.
NEUTRAL = ("先生 姑娘 月亮 豆腐 认识 暖和 明白 朋友 关系 知道 热闹 便宜 窗户 衣裳 亮堂 凉快 痛快 奶奶 爷爷 姐姐 弟弟 叔叔 太太 姥姥 嫂嫂 "
           "舒服 眼睛 耳朵 头发 点心 东西 葡萄 石榴 玻璃 萝卜 钥匙 钱包 骆驼 大夫 师傅 丈夫 媳妇 亲家 客人 商量 打听 打扮 告诉 休息 收拾 "
           "喜欢 招呼 答应 时候 地方 意思 消息 脾气 力气 客气 福气 运气 精神 本事 故事 生意 学生 行李 困难 清楚 漂亮 聪明 糊涂 结实 厚道 "
           "规矩 高粱 棉花 笑话 状元 冤枉 云彩 包袱 记性 干净 家伙 活泼 爽快 软和 稳当 快活 勤快 琢磨 风筝 帐篷 灯笼 机灵 妥当 相声 事情 心思 "
           "怎么 什么 那么 我们 你们 桌子 椅子 孩子 里头 外头 木头 看看 听听 试试 谢谢 爸爸 妈妈 哥哥 妹妹 宝宝 星星 猩猩").split()
CARRIERS = ("{w}。", "说到{w}，大家都笑了。", "这就是{w}吗？", "他又提到{w}了！")


def supplement() -> list[str]:
    """Neutral tones, and characters of rare toned syllables on their own, where no sandhi can change their tone."""
    characters: dict[str, str] = {}
    common: dict[str, int] = {}
    for word, _ in common_words(20000):
        for character, reading in zip(word, lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)):
            common[reading] = common.get(reading, 0) + 1
            if lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True) == [reading]:
                characters.setdefault(reading, character)
    rare = [characters[reading] for reading in sorted(characters, key=lambda key: (common[key], key))
            if common[reading] < 12 or reading.endswith("3")]
    lines = [CARRIERS[index % len(CARRIERS)].format(w=word) for index, word in enumerate(NEUTRAL)]
    groups = [rare[index:index + 4] for index in range(0, len(rare), 4)]
    return lines + ["，".join(group) + "。" for group in groups if group]
