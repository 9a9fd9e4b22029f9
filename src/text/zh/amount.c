/* amount: a number and what it counts: percent, units, money, 万 and k.
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

static bool is_minus(int32_t cp) { return cp == '-' || cp == 0x2212 || cp == 0xFF0D; }

/* ---- parsing ---- */

/* Nobody says the noughts of 4,999.00 and 12.50 when it is money. */
static void drop_noughts(zh_number *n) {
    for (size_t k = strlen(n->decimals); k-- > 0 && n->decimals[k] == '0';) n->decimals[k] = '\0';
}

/* Times 10^places. */
static void shift(zh_number *n, size_t places) {
    size_t digits = strlen(n->digits), decimals = strlen(n->decimals);
    if (digits + places >= ZH_DIGITS_MAX) return;
    for (size_t k = 0; k < places; k++) n->digits[digits + k] = k < decimals ? n->decimals[k] : '0';
    n->digits[digits + places] = '\0';
    size_t moved = decimals < places ? decimals : places;
    memmove(n->decimals, n->decimals + moved, decimals - moved + 1);
    drop_noughts(n);
}

/* 67w快充 is power, 300w张 is 万. */
static bool is_power(const zh_view *v, size_t i, size_t end) {
    if (zh_follows_any(v, end, "快充|充电|功率|的灯|灯|电源|闪充|无线充|有线|电机|音响")) return true;
    return zh_mentioned(v, i, "功率") || zh_mentioned(v, i, "充电") || zh_mentioned(v, i, "瓦") ||
           zh_mentioned(v, i, "电源");
}

static bool speaks_of_many(const zh_view *v, size_t i, size_t end) {
    static const char *const words[] = {"粉丝", "播放", "阅读", "薪",   "工资", "收入", "赚",   "卖",
                                        "售",   "浏览", "赞",   "关注", "销量", "独得", "奖金", "存款",
                                        "订阅", "点击", "曝光", "花",   "价",   "预算", "到手", "销售"};
    if (zh_at(v, end) == '+' || zh_in(zh_at(v, end), "元块人张次粉赞条个单户台件")) return true;
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++)
        if (zh_mentioned(v, i, words[k])) return true;
    return false;
}

/* 300w, 15k, and with a currency $2M, $5B. A capital is 万 or 千 only where the sentence speaks of many. */
static size_t take_scale(const zh_view *v, zh_amount *a) {
    size_t i = a->end, end = i + 1;
    int32_t c = zh_at(v, i), letter = c | 0x20;
    if (!zh_letter(c) || zh_letter(zh_at(v, end)) || zh_digit(v, end)) return 0;
    if (a->currency && (c == 'M' || c == 'B' || letter == 'k')) {
        shift(&a->number, c == 'M' ? 6 : c == 'B' ? 9 : 3);
        return 1;
    }
    bool many = speaks_of_many(v, a->begin, end);
    if (letter == 'w' && !is_power(v, a->begin, end) && (c == 'w' || many)) {
        a->scale = "万";
        return 1;
    }
    if (letter != 'k' ||
        zh_follows_any(v, end, "金|屏|分辨率|画质|显示|视频|高清|电视|线|蓝光|壁纸|超清|帧|录|投影|电影|直播|修复"))
        return 0;
    if (c == 'K' && !many) return 0;
    shift(&a->number, 3);
    return 1;
}

/* The 6 of A6L and the 300 of E300L: no litres. 5min30s is none. */
static bool is_model(const zh_view *v, size_t i) {
    size_t letters = 0;
    while (letters < i && letters < 4 && zh_letter(zh_at(v, i - letters - 1))) letters++;
    return letters && !(letters < i && zh_digit(v, i - letters - 1));
}

static void take_suffix(const zh_view *v, zh_amount *a) {
    int32_t next = zh_at(v, a->end);
    size_t length;
    if (next == '%' || next == 0x2030) {
        a->prefix = next == '%' ? "百分之" : "千分之";
        a->end++;
        return;
    }
    a->end += take_scale(v, a);
    if (a->currency) {
        while (a->han < 3 && zh_in(zh_at(v, a->end + a->han), "百千万亿")) a->han++;
        a->end += a->han;
        return;
    }
    bool model = is_model(v, a->begin);
    if ((length = zh_currency_after(v, a->end, &a->currency)) || (length = zh_unit(v, a->end, &a->unit)) > model)
        a->end += length;
    else if (length)
        a->unit = (zh_measure){0};
    else if (zh_follows_any(v, a->end, "ppm|PPM") && !zh_letter(zh_at(v, a->end + 3))) {
        a->prefix = "百万分之";
        a->end += 3;
    }
}

bool zh_amount_take(const zh_view *v, size_t i, zh_amount *a) {
    *a = (zh_amount){.begin = i};
    if (is_minus(zh_at(v, i)) || zh_at(v, i) == '+') {
        a->plus = zh_at(v, i) == '+';
        a->negative = !a->plus;
        i++;
    }
    i += zh_currency_before(v, i, &a->currency);
    if (a->currency && is_minus(zh_at(v, i))) { /* $-5 */
        a->negative = true;
        i++;
    }
    if (!zh_number_parse(v, i, &a->number)) return false;
    a->end = a->number.end;
    take_suffix(v, a);
    assert(a->begin < a->number.end && a->number.end <= a->end && a->end <= v->n);
    if (a->currency || zh_in(zh_at(v, a->end), "元块")) drop_noughts(&a->number);
    return true;
}

bool zh_amount_plain(const zh_amount *a) {
    return !a->unit.name && !a->currency && !a->prefix && !a->scale && !a->number.decimals[0];
}

/* ---- 两 or 二, years ---- */

/* What a lone 2 counts is 两; what it numbers (月, 日, 号, 楼, 级) is 二. */
static bool counts_two(const zh_view *v, size_t end) {
    if (zh_follows_any(v, end,
                       "年级|分之|星级|季度|次元|次方|次函数|次曲线|次世界|段线|本院校|手|胎|维|代目|人转|人称|倍体|"
                       "元论|元次|元一次|元二次|天王|股东|点击|点开|点选|点赞|点进|点按|处于|处理|处方|处境"))
        return false;
    if (zh_in(zh_at(v, end), "到至") && zh_digit(v, end + 1)) end += 1 + zh_count_digits(v, end + 1); /* 2到3个 */
    if (zh_at(v, end) == ' ') end++;
    if (zh_follows_any(v, end,
                       "大勺|大碗|大杯|大口|大块|大片|大把|大盘|大包|大箱|大类|大步|大瓶|大袋|大桶|室一|室1|室两|室2|"
                       "厅|卫|房一|房1|房两|房2|情相悦|袖清风|相情愿|肋插刀|鬓|代人"))
        return true;
    return zh_in(zh_at(v, end), "个只本张件台把条辆份位名次天年周岁分秒元块斤公千百万亿米里升吨克毫小度瓶杯碗盘包盒箱"
                                "袋双对套间层座家所棵株朵根支枝枚颗粒片滴股门"
                                "种样类项场部篇首句段页册幅封笔批排群国者侧端边头匹口艘架栋幢扇面道届点角毛倍成平厘寸"
                                "尺丈亩顷美欧英港人礼星刻集拨节圈趟遍顿番回"
                                "下声步桌顶户辈勺夜匙丸贴处");
}

/* 2008北京奥运会, 2023款, 2022届 */
static bool year_behind(const zh_view *v, size_t end) {
    return zh_follows_any(
        v, end,
        "赛季|学年|财年|年度|届|级|款|北京|上海|东京|巴黎|伦敦|里约|世界杯|欧洲杯|亚洲杯|奥运|冬奥|亚运|春晚|春节|"
        "新年|"
        "新春|元旦|春季|夏季|秋季|冬季|上半年|下半年|第一季|第二季|第三季|第四季|中国|全国|国际|毕业|版|跨年|财报|"
        "年报|高考|考研|国考|双十一|双11|秋招|春招|校招|期间|Q1|Q2|Q3|Q4|H1|H2");
}

bool zh_calls_a_year(const zh_view *v, const zh_number *n) {
    size_t digits = strlen(n->digits), end = n->end;
    if (n->commas || n->decimals[0]) return false;
    if (digits == 2 && (zh_at(v, end) == 0x540E || zh_follows(v, end, "、90后") || zh_follows(v, end, "/90后")) &&
        n->digits[1] == '0')
        return strchr("056789", n->digits[0]); /* 80后 */
    if (digits == 2 && zh_at(v, end) == 0x540E && n->digits[1] == '5') return strchr("0789", n->digits[0]);
    bool modern = digits == 4 && (strncmp(n->digits, "19", 2) == 0 || strncmp(n->digits, "20", 2) == 0);
    if (modern && year_behind(v, end)) return true;
    if (modern && zh_in(zh_at(v, end), "到至、和与及或-~") && zh_count_digits(v, end + 1) == 4 &&
        zh_in(zh_at(v, end + 1), "12"))
        if (zh_in(zh_at(v, end + 5), "年") || year_behind(v, end + 5)) return true; /* 2019到2023年 */
    if (zh_at(v, end) == ' ' && digits == 4) end++;
    bool year = zh_at(v, end) == 0x5E74; /* 年 */
    if (!year) return false;
    int32_t after = zh_at(v, end + 1);
    bool span = zh_in(after, "前后来间多以历") || zh_follows_any(v, end + 1, "的历史|时间");
    if (digits == 4 && strcmp(n->digits + 2, "00") == 0 &&
        zh_precedes_any(v, n->begin, "距今|历时|长达|超过|已有|约"))
        return false;
    if (digits == 4)
        return !(span && strcmp(n->digits + 2, "00") == 0) && strcmp(n->digits, "1000") != 0 &&
               !(n->digits[0] > '2' && strcmp(n->digits + 1, "000") == 0) && n->digits[0] != '0';
    if (digits != 2 || span || zh_at(v, end + 1) == 0x4EE3) return false; /* 90年代: 九十 */
    return n->digits[0] == '0' || n->digits[0] >= '7';
}

/* ---- writing ---- */

/* 98折, the 75 of 1米75 and 3块25: figure by figure. */
static bool is_spelled(const zh_view *v, const zh_amount *a) {
    const zh_number *n = &a->number;
    if (strlen(n->digits) != 2 || !zh_amount_plain(a) || n->commas) return false;
    if (zh_at(v, n->end) == 0x6298) return n->digits[1] != '0'; /* 折 */
    size_t i = a->begin;
    bool behind = i > 1 && zh_in(zh_at(v, i - 1), "米m块") && zh_digit(v, i - 2);
    return behind && !zh_in(zh_at(v, n->end), "厘毫分公米角毛个克") && !zh_letter(zh_at(v, n->end));
}

static void put_plain(const zh_view *v, zh_out *out, const zh_amount *a, size_t context) {
    const zh_number *n = &a->number;
    size_t digits = strlen(n->digits);
    char saying[8];
    bool ordinal = a->begin > 0 && zh_in(zh_at(v, a->begin - 1), "第初周老");
    bool whole = !n->decimals[0];
    int32_t next = zh_at(v, n->end);
    if (whole && digits > 1 && n->digits[0] == '0') {
        if (digits == 2 && (zh_in(next, "月日号时点") || a->unit.name))
            zh_put_cardinal(out, n->digits, zh_in(next, "时点"), ZH_FIXED);
        else
            zh_put_digits(out, n->digits, 4, false);
        return;
    }
    if (is_spelled(v, a) || (!a->scale && !a->unit.name && zh_calls_a_year(v, n))) {
        zh_put_digits(out, n->digits, 4, false);
        return;
    }
    if (zh_amount_plain(a) && zh_idiom(v, n->begin, digits, saying)) {
        zh_put(out, saying, 0); /* one word with its neighbours */
        return;
    }
    if (a->prefix && whole && strcmp(n->digits, "100") == 0) {
        zh_put(out, "百", ZH_START); /* 百分之百 */
        return;
    }
    bool letter = a->begin > 0 && zh_letter(zh_at(v, a->begin - 1)) && !a->unit.name; /* CO2 */
    bool names = ordinal || letter || zh_in(next, "月日号楼") ||
                 (next == 0x5206 && a->begin > 0 && zh_at(v, a->begin - 1) == 0x70B9); /* 点2分 */
    bool two = !names && (a->unit.name || a->scale || a->currency || counts_two(v, context));
    zh_put_number(out, n, two && !a->prefix, names ? ZH_FIXED : 0);
}

void zh_amount_put(const zh_view *v, zh_out *out, const zh_amount *a, size_t context) {
    const char *unit = a->unit.name;
    bool degrees = unit && (strcmp(unit, "摄氏度") == 0 || strcmp(unit, "华氏度") == 0);
    zh_range(out, v, a->begin, a->end);
    if (a->negative) zh_put(out, degrees ? "零下" : "负", ZH_START | ZH_JOIN);
    if (a->plus) zh_put(out, "正", ZH_START);
    if (a->prefix) zh_put(out, a->prefix, ZH_START | ZH_JOIN);
    put_plain(v, out, a, context);
    if (a->scale) zh_put(out, a->scale, 0);
    for (size_t k = 0; k < a->han; k++) {
        char scale[5] = {0};
        ev_utf8_put(zh_at(v, a->end - a->han + k), scale);
        zh_put(out, scale, 0);
    }
    bool said = a->currency && (zh_follows(v, a->end, a->currency) || zh_precedes(v, a->begin, a->currency));
    if (a->currency && !said) zh_put(out, a->currency, ZH_START); /* not in ¥100元 */
    if (unit) zh_put(out, unit, ZH_START);
    if (unit && a->unit.per) {
        zh_put(out, "每", ZH_START);
        zh_put(out, a->unit.per, 0);
    }
}
