"""What listeners are asked to write down: everyday sentences written for this, in no training text. Corpus keeps them out of the others."""
import itertools

MANDARIN = """
昨天晚上我和同事一起去看了一场电影。|请问附近有没有地铁站？|这件衣服有点大，能换小一号的吗？|他每天早上六点半起床跑步。|我们下个月打算去云南旅游。
你吃过早饭了吗？|孩子们正在院子里踢足球。|会议推迟到下周三下午两点。|这家餐厅的服务非常好，下次还来。|别忘了把作业交给老师。
天气预报说明天会下大雨，记得带伞。|我的手机没电了，可以借一下充电器吗？|她唱歌唱得特别好听。|这个问题我需要再考虑一下。|火车晚点了大约二十分钟。
你什么时候有空，我们一起喝杯咖啡吧。|医生让我多喝水，好好休息。|他的中文说得很流利。|冰箱里还有牛奶和鸡蛋。|祝你考试顺利！
我刚到公司，一会儿给你打电话。|门口的快递是你的吗？|今年冬天比去年冷多了。|请把音乐的声音关小一点。|她一边听音乐一边写信。
你觉得哪种颜色更好看？|这条路正在修，我们得绕过去。|我已经等了他一个多小时。|爷爷喜欢在公园里下棋。|真不好意思，让你久等了。
周末我想在家里看书。|那座桥是去年建成的。|请在这里签上您的名字。|他买了三斤苹果和两个西瓜。|老师表扬了认真学习的同学。
你的建议对我帮助很大。|电梯坏了，我们走楼梯吧。|飞机马上就要起飞了，请系好安全带。|我们家的小猫特别爱睡觉。|太晚了，早点休息吧。
"""
ENGLISH = """
We had dinner with our neighbors last Friday.|Is there a bus stop near the library?|My brother fixes old bicycles in the garage.|The children were playing in the snow all afternoon.
Could you please turn the music down a little?|She forgot her umbrella on the train this morning.|Our flight was delayed because of heavy fog.|I would rather stay home and read a good book.
The doctor told him to drink more water.|How long have you been waiting here?|They painted the kitchen walls bright yellow.|Please leave your shoes by the front door.
The museum opens at ten and closes at six.|Nobody knew where the noise was coming from.|He speaks three languages and plays the violin.|What would you like to drink with your meal?
It took us almost two hours to find a parking space.|The old bridge was closed for repairs last spring.|Thank you so much for helping me move.|I think we should ask for directions.
Her new job starts on the first of March.|The soup is too hot, so let it cool down first.|Did you remember to lock the back door?|A gentle breeze moved the leaves outside the window.
We can meet in front of the station at noon.|My phone battery is almost empty.|The teacher explained the problem twice.|Turn right after the second traffic light.
He laughed so hard that he dropped his sandwich.|Let me know when you get home safely.|The river is deeper than it looks.|I have never seen such a beautiful sunset!
Would you mind opening the window?|The package should arrive before the weekend.|She bought fresh bread and a jar of honey.|Everyone enjoyed the concert in the park.
You can pay by card or in cash.|The dog barked at the stranger across the street.|Why did you change your mind?|Good luck with your exam tomorrow!
"""

# Of each two nothing but a tone tells which is meant: the words between the braces.
TONE_PAIRS = """
他想{买/卖}那辆车。|我要{水饺/睡觉}。|她的{眼睛/眼镜}很漂亮。|他每天看{故事/股市}。|请给我{杯子/被子}。|他想{问/吻}你。|我要喝{汤/糖}水。
请给我一点{盐/烟}。|他是一位{大使/大师}。|这是{香蕉/橡胶}。|{北京/背景}很漂亮。|我是{山西/陕西}人。|这个{时间/事件}很重要。|他很有{实力/势力}。
我们明天{联系/练习}。|今年的{花费/化肥}很多。|这种{语言/预言}很难懂。|我喜欢{手机/收集}。|这里有很多{鲜花/闲话}。|{上海/伤害}很大。|他在学{汉语/韩语}。
这是他的{土地/徒弟}。|他找到了{妻子/旗子}。|这里有{鞋子/蝎子}。|我在找{教师/教室}。|那是{画家/花架}。|这个说法很{可观/客观}。|这里的{地址/地质}很特别。
"""


def lines_of(texts: str) -> list[str]:
    return [text.strip() for text in texts.replace("\n", "|").split("|") if text.strip()]


def tone_pairs() -> list[tuple[str, str, str]]:
    """(sentence, the word in it, the word that it is not), both of each pair."""
    found = []
    for line in lines_of(TONE_PAIRS):
        head, rest = line.split("{")
        pair, tail = rest.split("}")
        for word, other in itertools.permutations(pair.split("/")):
            found.append((head + word + tail, word, other))
    return found


def sentences(language: str) -> list[str]:
    """"en" or "zh", always in the same order."""
    return lines_of({"zh": MANDARIN, "en": ENGLISH}[language])
