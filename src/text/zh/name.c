/* name: figures that are names rather than amounts, read one by one: numbers of orders, rooms, trains, plates and
 * models, hot lines, and the few that everybody knows (985, 618, 12306).
 *
 * They are known by a word before them (also for a whole list: 拨打110、119或120), a word behind them, letters before
 * them, or because they are listed. What is counted or measured behind them is an amount all the same.
 */
#include <string.h>

#include "text/zh/zh.h"

/* ---- amounts ---- */

/* Whatever stands before: "110个", "3000元", "50%". */
static bool is_counted(const zh_view *v, size_t end) {
    if (zh_in(zh_at(v, end), "个元块件条名人次年月天岁米里斤克吨倍秒万亿千百多余几%辆套台张只位篇升户家斤字页步亩"))
        return true;
    if (zh_at(v, end) == 0x672C && !zh_follows_any(v, end, "本科|本硕")) return true; /* 985本书 */
    return zh_follows_any(
        v, end,
        "公里|公斤|公顷|平方|立方|分钟|小时|美元|欧元|英镑|港元|日元|毫|厘|元|度电|多|余|左右|以上|以下|以内");
}

/* "3.5", "1,234"; a wide comma divides clauses. */
static bool goes_on(const zh_view *v, size_t end) {
    return zh_in(zh_at(v, end), ".,") && v->chars[end].bytes == 1 && zh_digit(v, end + 1);
}

static bool is_measured(const zh_view *v, size_t end) {
    zh_measure unit;
    const char *name;
    return zh_unit(v, end, &unit) || zh_currency_after(v, end, &name);
}

/* 约, 达 ... before a number: it says how much. */
static bool is_amount_before(const zh_view *v, size_t i) {
    return i > 0 && (zh_in(zh_at(v, i - 1), "第约达超近共满足至到仅花价") ||
                     zh_precedes_any(v, i, "大概|大约|超过|总共|一共|只有|售价"));
}

/* ---- a word before ---- */

static const char numbered[] = "号码|编号|单号|群号|群|卡号|账号|帐号|账户|学号|工号|证号|尾号|房号|房间号|房间|代码|"
                               "编码|邮编|邮政编码|密码|验证码|"
                               "取件码|提取码|邀请码|兑换码|优惠码|激活码|识别码|校验码|动态码|安全码|条形码|条码|"
                               "口令|序列号|流水号|订单|订单号|身份证|"
                               "身份证号|护照|护照号|考号|准考证|准考证号|门牌|门牌号|车牌|车牌号|车次|航班|航班号|"
                               "批号|型号|代号|档案号|病历号|会员号|"
                               "座|楼|楼层|单号为|流水|案号|票号|座机号|机号|卡密|学籍号|工牌|区号|端口|错误码|"
                               "状态码|错误代码|股票代码|后四位|末四位|后三位|前六位|单元|栋|"
                               "幢|号楼|层|弄|信箱|频道|用户名|用户|"
                               "ID|id|UID|QQ|qq|PIN|IMEI|ISBN|No.|NO.|No|NO";
static const char called[] = "电话|手机|座机|固话|传真|热线|客服|拨打|致电|来电|呼叫|拨|分机|转|微信|短信|短号|发送|"
                             "回复|联系|电联|tel|Tel|TEL";
static const char emergency_calls[] = "火警|急救|匪警|报警|报警电话|急救电话|火警电话|打|打了|打过|叫|叫了|呼|喊|报|"
                                      "打给|给|先打|拨通|拨了|快打|求助|请打|找";

/* Back over what may stand between the word and the figures: letters of the number itself, 是, a colon, quotes. */
static size_t before_glue(const zh_view *v, size_t i) {
    size_t letters = 0;
    while (letters < 6 && i > 0 && (zh_letter(zh_at(v, i - 1)) || (zh_at(v, i - 1) == '-' && letters == 0)))
        i--, letters++;
    if (letters && zh_precedes(v, i + letters, "QQ")) return i + letters;
    for (int k = 0; k < 5 && i > 0 && zh_in(zh_at(v, i - 1), ": 是为号码叫(“”\"'‘「#"); k++) i--;
    return i;
}

/* Back over "110、119或" to before 110; i itself: no list. */
static size_t before_list(const zh_view *v, size_t i) {
    size_t at = i;
    while (at > 0 && zh_at(v, at - 1) == ' ') at--;
    if (zh_precedes_any(v, at, "或者|还是|以及"))
        at -= 2;
    else if (at > 0 && zh_in(zh_at(v, at - 1), "、,/;或和及与跟"))
        at--;
    else
        return i;
    while (at > 0 && zh_at(v, at - 1) == ' ') at--;
    size_t end = at;
    while (at > 0 && end - at < 20 && (zh_digit(v, at - 1) || zh_at(v, at - 1) == '-')) at--;
    return at < end ? at : i;
}

static bool has_word_before(const zh_view *v, size_t i, const char *words) {
    for (int k = 0; k < 6; k++) {
        size_t at = before_glue(v, i), list;
        for (size_t p = at; p <= i && p <= at + 2; p++) /* the glue's 号 and 码 may be the word's own */
            if (zh_precedes_any(v, p, words)) return true;
        if ((list = before_list(v, i)) == i) return false;
        i = list;
    }
    return false;
}

static bool is_numbered(const zh_view *v, size_t i, size_t digits) {
    size_t end = i + digits;
    if (digits < 3 && !(digits == 2 && zh_precedes_any(v, before_glue(v, i), "尾号|后两位|末两位"))) return false;
    if (has_word_before(v, i, numbered)) return true;
    if (digits == 3 && zh_precedes_any(v, i, "国道|省道|县道|乡道")) return true; /* 国道318线 */
    return !zh_letter(zh_at(v, end)) && !is_measured(v, end) && has_word_before(v, i, called);
}

/* ---- a word behind ---- */

static bool has_word_behind(const zh_view *v, size_t i, size_t digits) {
    size_t end = i + digits;
    if (digits < 3 || is_amount_before(v, i)) return false;
    if (digits == 3 && zh_follows_any(v, end, "路|医院|厂|所|研究所|公交|客机|号专线|工程|计划|高地|专案"))
        return true;
    return zh_follows_any(v, end,
                          "室|端口|号端口|房|号房|教室|病房|会议室|寝室|宿舍|包厢|包间|办公室|实验室|国道|省道|县道|"
                          "航班|路公交|路车|信箱|"
                          "热线|部队|邮箱|客服|平台投诉|客机");
}

/* ---- hot lines ---- */

static bool is_hotline(const zh_view *v, size_t i, size_t digits) {
    static const char lines[] =
        "|12306|12345|12315|12318|12320|12328|12333|12338|12348|12355|12358|12365|12366|12369|12377|"
        "12378|12380|12381|12388|12389|12393|10086|10010|10060|11185|11183|95338|";
    char text[8] = {'|'};
    if (digits != 5 || is_amount_before(v, i)) return false;
    if (zh_follows(v, i, "955")) return true;
    for (size_t k = 0; k < 5; k++) text[1 + k] = (char)zh_at(v, i + k);
    text[6] = '|';
    return strstr(lines, text) != NULL;
}

static bool is_line(const zh_view *v, size_t i) {
    return zh_count_digits(v, i) == 3 && !zh_digit(v, i - 1) && zh_follows_any(v, i, "110|119|120|122|114");
}

/* "119、120、110都是": two and more of them in a row are no amounts. */
static bool is_one_of_several(const zh_view *v, size_t i) {
    if (is_counted(v, i + 3)) return false;
    size_t list = before_list(v, i);
    if (list != i && list > 0 && is_line(v, list)) return true;
    size_t next = i + 3 + (zh_in(zh_at(v, i + 3), "、,/和或及与") ? 1 : 0);
    return next > i + 3 && is_line(v, next) && !is_counted(v, next + 3);
}

static bool is_emergency(const zh_view *v, size_t i, size_t digits) {
    if (digits != 3 || !zh_follows_any(v, i, "110|119|120|122|114|911|999")) return false;
    if (zh_follows_any(v, i + 3, "报警|是报警|电话|急救|火警|救护|民警|指挥|接警|出警|热线|消防|查号|来了|救援|警"))
        return true;
    if (has_word_before(v, i, emergency_calls) || is_one_of_several(v, i)) return true;
    return i == 0 && v->n == 3 && zh_follows(v, i, "110");
}

/* ---- listed ---- */

/* before, behind: words beside it, NULL: none will do; both NULL: always. */
static const struct {
    const char *figures, *before, *behind;
} listed[] = {
    {"985", NULL, NULL},
    {"996", NULL, NULL},
    {"9527", NULL, NULL},
    {"5201314", NULL, NULL},
    {"1314", "520|一生|爱你", "一生|永远"},
    {"211", "985/|985、|985和|985与|985或|985及|985,|双一流",
     "高校|院校|大学|工程|学校|毕业|名校|硕士|博士|本科|学生|院|和985|、985|/985"},
    {"618", "京东|天猫|淘宝|年中|今年|去年|明年|年|双十一和|双11和|双十一、|双11、|的",
     "大促|购物|活动|狂欢|年中|促销|期间|当天|预售|电商|优惠|战报|来|快|前|后|抢|红包|直播|好物|预热|返场|必|到"},
    {"520", "今天|今年|明天|昨天|过",
     "快乐|表白|情人|礼物|红包|当天|那天|活动|限定|我爱|告白|约会|求婚|领证|朋友圈|送|到|前|来"},
    {"521", "今天|今年|明天|昨天|过", "快乐|表白|情人|礼物|红包|当天|那天|告白"},
    {"1024", NULL, "程序员|节|快乐"},
    {"315", NULL, "晚会|消费者|打假|维权|曝光|投诉|国际|活动"},
    {"512", NULL, "地震|大地震|汶川|护士"},
    {"911", "保时捷", "事件|恐怖|恐袭|袭击|是报警"},
    {"918", NULL, "事变|国耻|纪念"},
    {"731", NULL, "部队|细菌"},
    {"863", NULL, "计划|项目"},
    {"973", NULL, "计划|项目"},
    {"360", NULL, "浏览器|安全|杀毒|公司|手机|搜索|卫士|软件|集团|儿童|创始"},
    {"163", "网易", "邮箱|邮件|免费|网"},
    {"126", "网易", "邮箱|邮件|免费"},
    {"1688", "阿里", "网|平台|采购|上|批发|商|店"},
    {"4399", NULL, "小游戏|游戏|网|上"},
    {"798", "北京", "艺术|园区|文创"},
    {"101", "台北", "大楼|大厦|中学"},
    {"502", NULL, "胶|强力|错误"},
    {"404", NULL, NULL},
    {"403", NULL, "错误|页面|报错"},
    {"500", NULL, "错误|报错"},
    {"233", NULL, NULL},
    {"888", NULL, "啊|呀|哦|了|啦"},
    {"777", NULL, "啊|呀|哦|了|啦"},
    {"555", NULL, "啊|呀|哦|了|啦|好|我|太|,|~|…"},
    {"886", "说|下了|先", "啊|了|啦|,|~|就|咯|拜"},
    {"999", NULL, "感冒|牌|胃泰"},
    {"88", NULL, "啦|咯|~|,明天|,晚安|,拜|,回见|,下次"},
    {"9494", NULL, NULL},
    {"99", NULL, "新"},
    {"58", NULL, "同城|到家"},
    {"51", NULL, "社保|信用卡"},
};

static bool equals(const zh_view *v, size_t i, size_t digits, const char *figures) {
    return strlen(figures) == digits && zh_follows(v, i, figures) == digits;
}

static bool is_listed(const zh_view *v, size_t i, size_t digits) {
    size_t end = i + digits, k = 0;
    if (digits < 2 || digits > 7 || is_amount_before(v, i)) return false;
    for (; k < EV_ARRAY_COUNT(listed); k++) {
        if (!equals(v, i, digits, listed[k].figures)) continue;
        if (!listed[k].before && !listed[k].behind) return !is_counted(v, end) || zh_follows(v, end, "页面");
        if (listed[k].before && zh_precedes_any(v, i, listed[k].before)) return true;
        return listed[k].behind && zh_follows_any(v, end, listed[k].behind);
    }
    for (k = 0; k < digits && zh_at(v, i + k) == '6';) k++;
    if (digits >= 3 && is_counted(v, end)) return false;
    if (k == digits) return digits >= 3; /* 666 */
    for (k = 1; k < digits && zh_at(v, i + k) == '3';) k++;
    return k == digits && digits >= 4 && zh_at(v, i) == '2'; /* 2333 */
}

/* ---- letters before ---- */

/* The letters right before i, past a hyphen or point: how many; *at: the first of them. */
static size_t letters_before(const zh_view *v, size_t i, size_t *at) {
    if (i > 1 && zh_in(zh_at(v, i - 1), "-.")) i--;
    size_t n = 0;
    while (n < 12 && n < i && zh_letter(zh_at(v, i - n - 1))) n++;
    *at = i - n;
    return n;
}

static bool is_round(const zh_view *v, size_t i, size_t digits) {
    size_t noughts = 0;
    while (noughts < digits && zh_at(v, i + digits - 1 - noughts) == '0') noughts++;
    return noughts >= digits - 1;
}

/* 京A12345, 皖C9B34E, 粤B·D1234: all that is left of a plate's figures. */
static bool is_plate(const zh_view *v, size_t i, size_t digits) {
    size_t at = i, after = 0, end = i + digits;
    while (at > 0 && i - at < 8 &&
           (zh_digit(v, at - 1) || zh_letter(zh_at(v, at - 1)) || zh_in(zh_at(v, at - 1), "·- ")))
        at--;
    if (at == i || at == 0 || !zh_letter(zh_at(v, at)) ||
        !zh_in(zh_at(v, at - 1), "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"))
        return false;
    while (end - i < 16 && (zh_digit(v, end) || zh_letter(zh_at(v, end)))) end++;
    for (size_t k = at + 1; k < end; k++) after += zh_digit(v, k) || zh_letter(zh_at(v, k));
    return after == 5 || after == 6 || (after == 4 && zh_in(zh_at(v, end), "学警挂港澳领使"));
}

/* G1234次, 坐D301 */
static bool is_train(const zh_view *v, size_t i, size_t digits) {
    if (digits > 4 || i == 0 || !zh_in(zh_at(v, i - 1) & ~0x20, "GDCZTKSYL")) return false;
    if (i > 1 && (zh_letter(zh_at(v, i - 2)) || zh_digit(v, i - 2))) return false;
    if (zh_follows_any(v, i + digits, "次|列车|高铁|动车|火车|号列车|车次")) return true;
    return zh_precedes_any(v, i - 1, "乘坐|坐|乘|高铁|动车|列车|车次|火车|搭乘|改签|次列车") && digits > 1;
}

/* RTX 4090, Windows 2003: a name in capitals, a space, three figures or four. */
static bool follows_name(const zh_view *v, size_t i, size_t digits) {
    if (digits < 3 || digits > 4 || i < 3 || zh_at(v, i - 1) != ' ') return false;
    size_t at = i - 1;
    if (zh_precedes_any(v, at, "AQI|TOEFL|GRE|GMAT|SAT|IELTS|BMI|IQ|PMI|CPI|GPA|EQ|HP|MP|SPF|ISO|OTC"))
        return false; /* how much of it */
    while (at > 0 && i - at < 14 && zh_letter(zh_at(v, at - 1))) at--;
    return at < i - 2 && zh_at(v, at) <= 'Z' && !is_measured(v, i + digits);
}

static bool is_model(const zh_view *v, size_t i, size_t digits) {
    size_t at;
    if (is_plate(v, i, digits) || is_train(v, i, digits)) return true;
    bool flight = zh_follows(v, i + digits, "次") && letters_before(v, i, &at) == 2;
    if (digits < 3 || (is_counted(v, i + digits) && !flight)) return false;
    if (digits == 4 && zh_follows(v, i + digits, "年")) return false;
    bool brand =
        zh_precedes_any(v, i - (i > 0 && zh_at(v, i - 1) == ' '),
                        "波音|空客|骁龙|麒麟|天玑|酷睿|锐龙|宝马|奔驰|奥迪|标致|保时捷|雷克萨斯|诺基亚|荣威|雪铁龙|"
                        "英伟达|法拉利|迈凯伦|佳能|尼康|沃尔沃|显卡");
    if (is_round(v, i, digits)) return false;
    if (brand) return !is_measured(v, i + digits);
    if (letters_before(v, i, &at)) {
        const char *name;
        return !zh_currency_before(v, at, &name);
    }
    return follows_name(v, i, digits);
}

/* i7-12700, B2-301, 9C8888: figures behind a letter's figure. */
static size_t second_part(const zh_view *v, size_t i) {
    size_t first = zh_count_digits(v, i), second = zh_at(v, i + first) == '-' ? zh_count_digits(v, i + first + 1) : 0;
    bool code = i > 0 && zh_letter(zh_at(v, i - 1)) && first <= 2 && second >= 3 && second <= 5;
    return code && !is_counted(v, i + first + 1 + second) ? second : 0;
}

/* ---- standards ---- */

/* The letters and slashes before i name a maker of standards: GB/T, ISO/IEC. */
static bool standard_before(const zh_view *v, size_t i) {
    size_t end = i - (i > 0 && zh_in(zh_at(v, i - 1), " -")), begin = end;
    while (begin > 0 && end - begin < 8 && (zh_letter(zh_at(v, begin - 1)) || zh_at(v, begin - 1) == '/')) begin--;
    if (end - begin < 2) return false;
    if (end - begin == 2 && begin > 3 && zh_digit(v, begin - 1)) return zh_follows(v, begin - 4, "DB"); /* DB11/T */
    return zh_follows_any(
               v, begin,
               "GB/T|GB/Z|GBZ|GBJ|GB|GJB|ISO/IEC|ISO|IEC|IEEE|ANSI|ASTM|DIN|EN|JIS|YY/T|YY|HG/T|JB/T|QB/T|NB/T|"
               "JGJ|JTG|DB/T|SH/T|SL|T/CECS|HJ|WS/T|WS") == end - begin;
}

/* GB/T 7714-2015, GB 5009.3-2016, ISO 9001:2015: figure by figure, the year too. */
size_t zh_standard(const zh_view *v, size_t i, zh_out *out) {
    if (i < 2 || !(zh_letter(zh_at(v, i - 1)) || zh_in(zh_at(v, i - 1), " -"))) return 0;
    size_t digits = zh_count_digits(v, i), end = i + digits;
    if (digits < 1 || digits > 6 || !standard_before(v, i)) return 0;
    while (zh_at(v, end) == '.' && zh_digit(v, end + 1)) end += 1 + zh_count_digits(v, end + 1);
    int32_t sign = zh_at(v, end);
    bool year = (sign == ':' || zh_is_range_mark(sign)) && zh_count_digits(v, end + 1) == 4 &&
                zh_follows_any(v, end + 1, "19|20");
    if (!year && (digits < 4 || (is_counted(v, end) && !zh_follows(v, end, "字符")))) return 0;
    zh_put_name(v, i, digits, out, false);
    for (size_t at = i + digits; at < end; at += 1 + zh_count_digits(v, at + 1)) {
        zh_range(out, v, at, at + 1);
        zh_put(out, "点", ZH_START);
        zh_put_name(v, at + 1, zh_count_digits(v, at + 1), out, false);
    }
    if (!year) return end - i;
    if (sign != ':') {
        zh_range(out, v, end, end + 1);
        zh_put(out, "杠", ZH_START);
    }
    zh_put_name(v, end + 1, 4, out, false);
    return end + 5 - i;
}

/* ---- here ---- */

/* （2023）京01民初123号, 国发〔2023〕5号: the year by itself in brackets. */
static bool is_bracketed_year(const zh_view *v, size_t i, size_t digits) {
    return digits == 4 && i > 0 && zh_in(zh_at(v, i - 1), "(〔[［【") && zh_in(zh_at(v, i + 4), ")〕]］】") &&
           zh_follows_any(v, i, "19|20");
}

/* 贵州茅台(600519), 600519跌停: codes of shares. */
static bool is_share(const zh_view *v, size_t i, size_t digits) {
    if (digits != 6 || !zh_follows_any(v, i, "60|68|00|30|83|87|43|51|15|16|50")) return false;
    bool bracketed = i > 1 && zh_at(v, i - 1) == '(' && ev_zh_is_han(zh_at(v, i - 2)) && zh_in(zh_at(v, i + 6), ").");
    return bracketed || zh_follows_any(v, i + 6, "跌停|涨停|停牌|复牌|开盘|收盘|股价|.SH|.SZ|.BJ");
}

/* 返回404, 报502: what servers answer. */
static bool is_status(const zh_view *v, size_t i, size_t digits) {
    size_t glue = i - (i > 0 && zh_in(zh_at(v, i - 1), ": 了"));
    return digits == 3 &&
           zh_follows_any(v, i, "200|201|204|301|302|304|400|401|403|404|405|408|413|429|500|501|502|503|504") &&
           (zh_follows_any(
                v, i + 3,
                " Bad| Not| Internal| Service| Gateway| Forbidden| Unauthorized| OK| Moved| Found| Too| Created") ||
            zh_precedes_any(v, glue, "返回|报|报错|状态|响应|响应码|返回码|抛|抛出|提示|错误|HTTP|http"));
}

static bool is_resolution(const zh_view *v, size_t i, size_t digits) {
    size_t end = i + digits;
    return zh_follows_any(v, i, "480|720|1080|1440|2160") == digits && zh_in(zh_at(v, end), "Ppi") &&
           !zh_letter(zh_at(v, end + 1));
}

size_t zh_name(const zh_view *v, size_t i, zh_out *out) {
    size_t digits = zh_count_digits(v, i), end = i + digits, second = second_part(v, i);
    if (zh_in(zh_at(v, end), "°′")) return 0; /* E116°23′ */
    if (second) {
        char first[3] = {(char)zh_at(v, i), digits > 1 ? (char)zh_at(v, i + 1) : 0, 0};
        zh_range(out, v, i, end);
        zh_put_cardinal(out, first, false, ZH_FIXED);
        zh_put_name(v, end + 1, second, out, true);
        return digits + 1 + second;
    }
    if (goes_on(v, end)) return 0;
    if (i > 0 && zh_in(zh_at(v, i - 1), ".") && i > 1 && zh_digit(v, i - 2)) return 0;
    bool model = is_model(v, i, digits);
    bool amount = digits < 2 || is_counted(v, end);
    bool dated = is_bracketed_year(v, i, digits);
    bool named =
        !amount && (dated || is_share(v, i, digits) || is_status(v, i, digits) || is_numbered(v, i, digits) ||
                    is_emergency(v, i, digits) || is_hotline(v, i, digits) || has_word_behind(v, i, digits));
    if (!model && !named && !is_listed(v, i, digits) && !is_resolution(v, i, digits)) return 0;
    bool year = model && !named && digits == 4 && zh_follows_any(v, i, "19|20") && !is_train(v, i, digits);
    bool date = !model && !named && zh_follows_any(v, i, "918|911|512|315|521|1314|5201314|1024|731|51"); /* 九一八 */
    zh_put_name(v, i, digits, out, !year && !date && !dated && digits > 1);
    while (named && zh_at(v, end) == '-' && zh_digit(v, end + 1) && end - i < ZH_DIGITS_MAX) { /* 8888-1234 */
        digits = zh_count_digits(v, end + 1);
        zh_put_name(v, end + 1, digits, out, true);
        end += 1 + digits;
    }
    return end - i;
}
