/* sentences: what is spoken when no text is given: everyday sentences of about three seconds. Each is spoken to
 * someone: 64 x 64 names make every request a different text, so that a cache of results has nothing to give, and
 * look-up of names is part of the load, as it is in real use. */
#include "loadtest.h"

#include <string.h>

const char *const load_sentences[] = {
    "The train to the coast leaves at a quarter past nine.",
    "今天下午的会议改到三点半开始。",
    "Please leave the keys on the kitchen table.",
    "请把窗户关上，外面开始下雨了。",
    "Your parcel will be delivered tomorrow before noon.",
    "您的包裹明天中午之前就能送到。",
    "I would like a cup of coffee without sugar.",
    "我想要一杯不加糖的热咖啡。",
    "The library closes early on Friday evening.",
    "图书馆星期五晚上会提前关门。",
    "We walked along the river until it got dark.",
    "我们沿着河边一直走到天黑。",
    "Turn left at the second traffic light.",
    "在第二个红绿灯路口向左转。",
    "The weather will be warm and dry this weekend.",
    "这个周末天气温暖，没有降雨。",
    "She plays the violin in a small orchestra.",
    "她在一个小乐团里拉小提琴。",
    "Do you remember where we parked the car?",
    "你还记得我们把车停在哪里吗？",
    "The museum has opened a new hall for children.",
    "博物馆为孩子们开了一个新展厅。",
    "He finished his homework before dinner.",
    "他在晚饭之前写完了所有作业。",
    "Your appointment is on Monday at half past ten.",
    "您的预约时间是星期一上午十点半。",
    "The soup needs a little more salt and pepper.",
    "这锅汤还需要再加一点盐。",
    "My sister moved to a house near the forest.",
    "我姐姐搬到了森林旁边的房子。",
    "The battery lasts for about two days.",
    "这块电池大约可以用两天时间。",
    "Nobody expected the team to win the final.",
    "谁也没想到这支队伍能赢得决赛。",
    "The bridge will be repaired during the summer.",
    "这座桥将在夏天进行维修。",
    "Thank you for your help with the garden.",
    "非常感谢你帮我整理花园。",
    "There are twelve chairs in the meeting room.",
    "会议室里一共有十二把椅子。",
    "The cat has been sleeping in the sun all day.",
    "那只猫在太阳底下睡了一整天。",
    "Please call me back when you have time.",
    "等你有时间的时候请给我回电话。",
    "The bakery sells fresh bread every morning.",
    "这家面包店每天早上卖新鲜面包。",
    "I have never seen so many stars at night.",
    "我从来没有在夜里见过这么多星星。",
    "The lift is out of order on the third floor.",
    "三楼的电梯今天暂时不能使用。",
    "Our flight was delayed by a heavy storm.",
    "我们的航班因为暴风雨晚点了。",
    "The children are building a castle of sand.",
    "孩子们正在海边堆一座沙子城堡。",
    "Could you read this page to me once more?",
    "你能不能把这一页再给我读一遍？",
    "The old clock in the hall strikes every hour.",
    "大厅里的老钟每个小时都会响。",
    "We are planting apple trees behind the school.",
    "我们正在学校后面种苹果树。",
    "The doctor says that he is getting better.",
    "医生说他的身体正在慢慢好起来。",
    "This road leads straight to the village.",
    "这条路一直通到前面的村子。",
    "The concert begins as soon as the lights go out.",
    "灯光一暗，音乐会就要开始了。",
    "He writes a letter to his mother every week.",
    "他每个星期都给母亲写一封信。",
    "The new phone is lighter than the old one.",
    "这部新手机比旧的那部轻得多。",
    "It is too cold to swim in the lake today.",
    "今天湖水太冷，不适合游泳。",
    "The shop around the corner sells umbrellas.",
    "街角的那家小店里有雨伞卖。",
    "I will meet you at the station at six.",
    "我六点钟在车站门口等你。",
};
const size_t load_sentence_count = EV_ARRAY_COUNT(load_sentences);

#define NAMES 64 /* of each kind */

static const char *const english_first[] = {
    "Anna",  "Ben",   "Clara",  "David", "Emma",   "Frank", "Grace",  "Henry", "Ivy",   "Jack",   "Kate",
    "Liam",  "Mary",  "Noah",   "Olive", "Peter",  "Rose",  "Sam",    "Tina",  "Adam",  "Alice",  "Brian",
    "Carol", "Carl",  "Daisy",  "Dylan", "Ellen",  "Eric",  "Fiona",  "Fred",  "Gina",  "George", "Helen",
    "Hugo",  "Irene", "Ian",    "Jane",  "James",  "Karen", "Kevin",  "Laura", "Lewis", "Molly",  "Mark",
    "Nora",  "Neil",  "Paula",  "Oscar", "Ruth",   "Paul",  "Sarah",  "Ralph", "Susan", "Simon",  "Vera",
    "Tom",   "Wendy", "Victor", "Amy",   "Walter", "Lucy",  "Robert", "Julia", "Martin"};
static const char *const english_last[] = {
    "Miller", "Stone",  "Baker",  "Carter", "Fisher", "Hill",   "Wood",   "Brook",  "Field",  "Lake",  "Marsh",
    "North",  "West",   "Young",  "King",   "Page",   "Reed",   "Shaw",   "Ward",   "Webb",   "Adams", "Allen",
    "Barnes", "Bell",   "Brown",  "Clark",  "Cole",   "Cook",   "Cooper", "Davis",  "Evans",  "Ford",  "Foster",
    "Grant",  "Gray",   "Green",  "Hall",   "Harris", "Hughes", "Hunt",   "Jones",  "Kelly",  "Lee",   "Lewis",
    "Mason",  "Moore",  "Morris", "Nelson", "Parker", "Perry",  "Price",  "Rice",   "Rogers", "Ross",  "Scott",
    "Smith",  "Taylor", "Turner", "Walker", "Watson", "White",  "Wilson", "Wright", "Cross"};
static const char *const mandarin_last[] = {
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
    "何", "高", "林", "罗", "郑", "梁", "谢", "宋", "唐", "许", "邓", "韩", "冯", "曹", "彭", "肖",
    "田", "董", "潘", "袁", "蔡", "蒋", "余", "于", "杜", "叶", "程", "魏", "苏", "吕", "丁", "任",
    "卢", "姚", "沈", "钟", "姜", "崔", "谭", "陆", "范", "汪", "廖", "石", "金", "韦", "贾", "夏"};
static const char *const mandarin_first[] = {
    "伟",   "芳",   "娜",   "敏",   "静",   "丽",   "强",   "磊",   "军",   "洋",   "勇",   "艳",   "杰",
    "涛",   "明",   "超",   "秀英", "霞",   "平",   "刚",   "桂英", "文",   "辉",   "玲",   "志强", "建国",
    "建华", "晓明", "小红", "海燕", "雪梅", "春生", "玉兰", "国庆", "思远", "子轩", "雨欣", "佳怡", "天宇",
    "浩然", "梦琪", "嘉豪", "诗涵", "俊杰", "美玲", "丽华", "永康", "德明", "文博", "立新", "晨曦", "若兰",
    "家明", "振东", "秋月", "冬梅", "一鸣", "安琪", "启航", "慧敏", "大伟", "小龙", "书文", "新民"};
_Static_assert(EV_ARRAY_COUNT(english_first) == NAMES && EV_ARRAY_COUNT(english_last) == NAMES,
               "64 names of each kind");
_Static_assert(EV_ARRAY_COUNT(mandarin_first) == NAMES && EV_ARRAY_COUNT(mandarin_last) == NAMES,
               "64 names of each kind");

static bool is_mandarin(const char *sentence) {
    for (const unsigned char *at = (const unsigned char *)sentence; *at != '\0'; at++) {
        if (*at >= 0xe4 && *at <= 0xe9) return true; /* lead bytes of U+4000..U+9FFF */
    }
    return false;
}

/* Where the sentence's closing mark begins; its end if there is none. */
static size_t closing_at(const char *sentence) {
    static const char *const marks[] = {".", "!", "?", "。", "！", "？"};
    size_t length = strlen(sentence);
    for (size_t i = 0; i < EV_ARRAY_COUNT(marks); i++) {
        size_t size = strlen(marks[i]);
        if (length >= size && memcmp(sentence + length - size, marks[i], size) == 0) return length - size;
    }
    return length;
}

void load_put_name(ev_buf *out, const char *sentence, uint64_t serial) {
    bool mandarin = is_mandarin(sentence);
    size_t end = closing_at(sentence);
    ev_buf_append(out, sentence, end);
    for (bool first = true; first || serial > 0; first = false, serial /= NAMES * NAMES) {
        size_t one = serial % NAMES, two = serial / NAMES % NAMES;
        load_put_text(out, mandarin ? (first ? "，" : "和") : (first ? ", " : " and "));
        load_put_text(out, mandarin ? mandarin_last[two] : english_first[one]);
        if (!mandarin) load_put_text(out, " ");
        load_put_text(out, mandarin ? mandarin_first[one] : english_last[two]);
    }
    load_put_text(out, sentence + end);
}
