/* quantity: amounts in company: fractions, products, ranges ("3-5个", "-5~3℃"), what follows each other
 * ("2h30min", "30°15′"), what money is for.
 */
#include <string.h>

#include "text/zh/zh.h"

static void put_between(const zh_view *v, zh_out *out, size_t at, size_t end, const char *word) {
    zh_range(out, v, at, end);
    zh_put(out, word, ZH_START);
}

/* ---- fractions and products ---- */

/* 血压120/80, and 135/85 in the clause behind: what is said between them is 比. */
static bool is_pressure(const zh_view *v, const zh_amount *a, const zh_number *below) {
    uint64_t high = zh_value(v, a->number.begin, strlen(a->number.digits)),
             low = zh_value(v, below->begin, strlen(below->digits));
    if (a->number.decimals[0] || high < 60 || high > 300 || low < 30 || low >= high) return false;
    bool spoken_of = zh_follows(v, below->end, "mmHg") || zh_follows(v, below->end, "毫米汞柱");
    for (size_t back = 2; !spoken_of && back <= 24 && back <= a->begin; back++)
        spoken_of = zh_follows_any(v, a->begin - back, "血压|BP");
    return spoken_of;
}

/* 24/7 is two numbers. */
static bool is_pair(const zh_amount *a, const zh_number *below) {
    return strcmp(a->number.digits, "24") == 0 && strcmp(below->digits, "7") == 0;
}

/* 160/80A, 175/96A: the height and girth that clothes are made for. */
static bool is_size(const zh_view *v, const zh_amount *a, const zh_number *below) {
    const uint64_t height = zh_value(v, a->number.begin, strlen(a->number.digits)),
                   girth = zh_value(v, below->begin, strlen(below->digits));
    return height >= 80 && height <= 200 && girth >= 45 && girth <= 130 && zh_in(zh_at(v, below->end), "ABCY") &&
           !zh_letter(zh_at(v, below->end + 1)) && !zh_digit(v, below->end + 1);
}

/* 第1/3页: the first of three, and no third of a page. */
static size_t one_of(const zh_view *v, const zh_amount *a, const zh_number *below, zh_out *out) {
    static const char *const units[] = {"页", "章", "集", "步", "题", "关", "节", "课", "张",
                                        "回", "季", "卷", "册", "部", "轮", "局", "天"};
    if (a->begin == 0 || !zh_follows(v, a->begin - 1, "第")) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(units); k++) {
        if (!zh_follows(v, below->end, units[k])) continue;
        zh_range(out, v, a->begin, a->number.end);
        zh_put_number(out, &a->number, false, 0);
        zh_put(out, units[k], 0);
        put_between(v, out, a->number.end, a->number.end + 1, "共");
        return a->number.end + 1 - a->begin; /* the second comes by itself, with its unit */
    }
    return 0;
}

/* 3/4 and 1 / 2, but not 3/4/5. */
static size_t fraction(const zh_view *v, const zh_amount *a, zh_out *out) {
    zh_number below;
    size_t slash = a->number.end;
    if (!zh_amount_plain(a)) return 0;
    bool spaced = zh_at(v, slash) == ' ' && zh_at(v, slash + 1) == '/' && zh_at(v, slash + 2) == ' ';
    slash += spaced;
    if (a->begin > 1 && zh_at(v, a->begin - 1) == '/' && zh_digit(v, a->begin - 2)) return 0; /* 8/2/10 */
    if (!zh_in(zh_at(v, slash), "/⁄") || !zh_number_parse(v, slash + 1 + spaced, &below)) return 0;
    if ((below.decimals[0] && !zh_follows(v, below.end, "英寸")) ||
        (zh_at(v, below.end) == '/' && zh_digit(v, below.end + 1)))
        return 0;
    const size_t ordered = one_of(v, a, &below, out);
    if (ordered) return ordered;
    const bool pressure =
        is_pressure(v, a, &below) || zh_precedes_any(v, a->begin, "比分|比分为|比分是"); /* 120/115 */
    if (pressure || is_pair(a, &below) ||
        is_size(v, a, &below)) { /* the second comes by itself, perhaps with its unit */
        zh_range(out, v, a->begin, slash);
        zh_put_number(out, &a->number, false, 0);
        if (pressure) put_between(v, out, slash, slash + 1, "比");
        return slash + 1 + spaced - a->begin;
    }
    zh_range(out, v, a->begin, below.end);
    if (a->negative) zh_put(out, "负", ZH_START);
    zh_put_number(out, &below, false, 0);
    zh_put(out, "分之", ZH_START | ZH_JOIN);
    zh_put_number(out, &a->number, false, 0);
    return below.end - a->begin;
}

/* 1920x1080, 3×4×5, 7 × 24 */
static size_t product(const zh_view *v, const zh_amount *a, zh_out *out) {
    size_t end = a->end;
    zh_amount next;
    for (int k = 0; k < 4; k++) {
        size_t spaced = zh_at(v, end) == ' ' && zh_at(v, end + 2) == ' ', at = end + spaced;
        if (!zh_in(zh_at(v, at), "xX×*✕") || !zh_digit(v, at + 1 + spaced) ||
            !zh_amount_take(v, at + 1 + spaced, &next))
            break;
        if (k == 0) zh_amount_put(v, out, a, a->end);
        put_between(v, out, at, at + 1, "乘");
        zh_amount_put(v, out, &next, next.end);
        end = next.end;
    }
    return end > a->end ? end - a->begin : 0;
}

/* ---- ranges ---- */

/* Countries and clubs whose names stand beside a result. */
static const char teams[] =
    "中国|日本|韩国|朝鲜|伊朗|美国|英国|英格兰|法国|德国|西班牙|意大利|葡萄牙|荷兰|比利时|巴西|阿根廷|"
    "乌拉圭|智利|哥伦比亚|墨西哥|克罗地亚|瑞士|瑞典|丹麦|波兰|俄罗斯|土耳其|摩洛哥|埃及|澳大利亚|沙特|"
    "卡塔尔|泰国|越南|印尼|印度|加拿大|国足|女足|男足|女排|国奥|皇马|巴萨|拜仁|曼联|曼城|切尔西|利物浦|"
    "阿森纳|热刺|国米|米兰|尤文|罗马|多特|马竞|大巴黎|恒大|国安|申花|鲁能|上港|湖人|勇士|火箭|热火|"
    "凯尔特人|马刺|骑士|快船|雄鹿|独行侠|掘金|公牛|队|主队|客队";

static bool runs_down(const zh_view *v, const zh_amount *a, const zh_amount *b) {
    return zh_value(v, a->number.begin, strlen(a->number.digits)) >
           zh_value(v, b->number.begin, strlen(b->number.digits));
}

/* 习题3-1、3-2, 图1-2: chapters and numbers, and no results. */
static bool is_numbered_list(const zh_view *v, const zh_results *list) {
    const size_t at = list->begin - (list->begin > 0 && zh_at(v, list->begin - 1) == ' ');
    return zh_precedes_any(v, at, "题|图|表|例|节|单元|楼|室|步骤|实验|公式|定理");
}

static bool of_a_match(const zh_view *v, size_t i, size_t end, bool down) {
    static const char *const words[] = {"比分", "胜",   "战平", "战胜", "击败", "负于", "赢",
                                        "输",   "领先", "落后", "大胜", "取胜", "获胜", "拿下",
                                        "晋级", "完胜", "惜败", "不敌", "逆转", "横扫", "淘汰",
                                        "平局", "告负", "战成", "夺冠", "夺魁", "出线", "力压"};
    const zh_results list = zh_results_around(v, i, '-');
    if (list.count > 1 && list.falls && !is_numbered_list(v, &list)) return true;
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++)
        if (zh_mentioned(v, i, words[k]) || zh_follows(v, end, words[k])) return true;
    size_t before = i - (i > 0 && zh_at(v, i - 1) == ' '), behind = end + (zh_at(v, end) == ' ');
    if (zh_follows_any(v, behind, teams)) return true;
    if (zh_at(v, end) == 0x5E73 && !zh_in(zh_at(v, end + 1), "方米均")) return true; /* 2-2平 */
    if (zh_in(zh_at(v, behind), "个次天年人岁月日号点分名所家支倍万亿%场轮届节")) return false;
    static const char *const leagues[] = {"决赛", "联赛", "季后赛", "常规赛", "世界杯", "欧冠", "英超", "CBA", "NBA"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(leagues); k++)
        if (zh_mentioned(v, i, leagues[k]) && (down || !ev_zh_is_han(zh_at(v, behind))))
            return true; /* ranges run up */
    return zh_precedes_any(v, before, teams);
}

/* 6-4，3-6，7-6: games of sets, one behind the other. */
static bool of_sets(const zh_view *v, const zh_amount *a, const zh_amount *b) {
    const zh_results list = zh_results_around(v, a->begin, '-');
    if (is_numbered_list(v, &list)) return false;
    if (strlen(a->number.digits) != 1 || strlen(b->number.digits) != 1) return false;
    size_t next = b->end + (zh_in(zh_at(v, b->end), ",、") ? 1 : 0), at = a->begin;
    next += zh_at(v, next) == ' ';
    bool behind = next > b->end && zh_digit(v, next) && zh_at(v, next + 1) == '-' && zh_digit(v, next + 2) &&
                  !zh_digit(v, next + 3) &&
                  (!ev_zh_is_han(zh_at(v, next + 3)) || of_a_match(v, next, next + 3, false));
    if (behind && !ev_zh_is_han(zh_at(v, b->end))) return true;
    at -= at > 0 && zh_at(v, at - 1) == ' ';
    if (at < 4 || !zh_in(zh_at(v, at - 1), ",、")) return false;
    return zh_digit(v, at - 2) && zh_at(v, at - 3) == '-' && zh_digit(v, at - 4) &&
           !(at > 4 && zh_digit(v, at - 5)) && !ev_zh_is_han(zh_at(v, b->end));
}

/* 图1-2, 表3-4: chapter and number; but 代表3-5名. */
static bool is_figure_number(const zh_view *v, size_t begin, size_t end) {
    const size_t at = begin - (begin > 0 && zh_at(v, begin - 1) == ' ');
    return zh_precedes_any(v, at, "图|表|公式") &&
           !zh_precedes_any(v, at, "代表|手表|钟表|报表|发表|地图|试图|意图|企图|列表|图表") &&
           !zh_follows_any(
               v, end, "名|个|人|位|条|张|幅|篇|只|件|行|本|块|页|年|月|日|号|岁|次|份|项|种|万|亿|元|米|天|分|小时");
}

/* 马龙4-2樊振东, 樊振东4-1（11-8: between names, or with the games behind it; but 3-2单元, 8-2室. */
static bool beats(const zh_view *v, const zh_amount *a, const zh_amount *b) {
    const int32_t left = a->begin ? zh_at(v, a->begin - 1) : 0, right = zh_at(v, b->end);
    if (strlen(a->number.digits) > 2 || !ev_zh_is_han(left) ||
        zh_in(left, "第图表元栋楼号区室房幢座层门路弄巷在住题例习验骤案式理节款条课附铁"))
        return false;
    return right == '(' ||
           (ev_zh_is_han(right) &&
            !zh_in(right, "室号栋单楼层座户房组幢门课章页题步型图表节元线车院巷弄床班铺的中是所及和与为口"));
}

static const char *range_word(const zh_view *v, const zh_amount *a, const zh_amount *b, size_t mark) {
    int32_t after = zh_at(v, b->end);
    if (after == '=' || (after == ' ' && zh_at(v, b->end + 1) == '=')) return "减";
    bool names = zh_at(v, mark) == '-' && zh_amount_plain(a) && zh_amount_plain(b);
    if (!names) return "到";
    if (is_figure_number(v, a->begin, b->end)) return "杠";
    if (of_a_match(v, a->begin, b->end, runs_down(v, a, b)) || of_sets(v, a, b)) return "比";
    if (!runs_down(v, a, b)) return "到";
    if (strcmp(b->number.digits, "0") == 0) return "比"; /* 3-0 */
    if (beats(v, a, b)) return "比";
    return "杠"; /* 8-2室: no range runs down */
}

static bool both_years(const zh_amount *a, const zh_amount *b) {
    const char *x = a->number.digits, *y = b->number.digits;
    bool plain = zh_amount_plain(a) && zh_amount_plain(b);
    return plain && strlen(x) == 4 && strlen(y) == 4 && strchr("12", x[0]) && strchr("12", y[0]);
}

static bool year_span(const zh_view *v, const zh_amount *a, const zh_amount *b) {
    if (!both_years(a, b)) return false;
    if (zh_calls_a_year(v, &b->number)) return true;
    bool modern = strncmp(a->number.digits, "19", 2) == 0 || strncmp(a->number.digits, "20", 2) == 0;
    return modern && !zh_in(zh_at(v, b->end), "个元块人米") && strcmp(a->number.digits, b->number.digits) < 0;
}

/* 15-6岁, 45-6万: 十五六. */
static bool runs_on(const zh_view *v, const zh_amount *a, const zh_amount *b) {
    const char *x = a->number.digits, *y = b->number.digits;
    size_t n = strlen(x);
    if (!zh_amount_plain(a) || n < 2 || n > 3 || strlen(y) != 1 || b->number.decimals[0] || b->prefix) return false;
    if (!b->unit.name && !ev_zh_is_han(zh_at(v, b->end)) && zh_at(v, b->end) != 0 && zh_at(v, b->end) != ' ')
        return false;
    if (zh_precedes_any(v, a->begin, "门牌|门牌号|图|表|第|号")) return false;
    return x[n - 1] > '0' && y[0] == x[n - 1] + 1 && !zh_follows_any(v, b->end, "室|号|栋|单元|楼");
}

static void put_pair(const zh_view *v, zh_out *out, const zh_amount *a, const zh_amount *b, const char *word,
                     size_t mark, size_t at) {
    bool years = strcmp(word, "到") == 0 && year_span(v, a, b);
    bool cold = a->negative && !a->unit.name && b->unit.name && strstr(b->unit.name, "氏度");
    bool score = strcmp(word, "比") == 0;
    zh_range(out, v, a->begin, a->end);
    if (years)
        zh_put_digits(out, a->number.digits, 4, false);
    else if (score)
        zh_put_number(out, &a->number, false, 0);
    else if (cold) {
        zh_put(out, "零下", ZH_START | ZH_JOIN);
        zh_put_number(out, &a->number, true, 0);
    } else
        zh_amount_put(v, out, a, a->unit.name || a->prefix ? a->end : b->end);
    put_between(v, out, mark, at, word);
    zh_range(out, v, at, b->end);
    if (years)
        zh_put_digits(out, b->number.digits, 4, false);
    else if (score)
        zh_put_number(out, &b->number, false, 0);
    else
        zh_amount_put(v, out, b, b->end);
}

/* $100-200, ¥3-5万: the currency is said once, at the end. */
static void share_currency(const zh_view *v, zh_amount *a, zh_amount *b) {
    if (!a->currency || b->currency || b->unit.name || b->prefix) return;
    b->currency = a->currency;
    a->currency = NULL;
    while (b->han < 3 && zh_in(zh_at(v, b->end), "百千万亿")) b->han++, b->end++;
}

/* Where the second amount of a range begins, and its mark; 0: no range. */
static size_t second_at(const zh_view *v, const zh_amount *a, size_t *mark) {
    const char *name;
    size_t spaced = zh_at(v, a->end) == ' ' && zh_is_range_mark(zh_at(v, a->end + 1)) && zh_at(v, a->end + 2) == ' ';
    *mark = a->end + spaced;
    if (!zh_is_range_mark(zh_at(v, *mark))) return 0;
    size_t at = *mark + 1 + spaced;
    at += zh_at(v, *mark) == 0x2014 && zh_at(v, at) == 0x2014; /* —— */
    bool signed_one = zh_in(zh_at(v, at), "-−+") && zh_digit(v, at + 1) && zh_in(zh_at(v, *mark), "~～〜—");
    return zh_digit(v, at) || zh_currency_before(v, at, &name) || signed_one ? at : 0;
}

static size_t range(const zh_view *v, zh_amount *a, zh_out *out) {
    zh_amount b;
    size_t mark, at = second_at(v, a, &mark);
    if (!at || !zh_amount_take(v, at, &b) || (zh_is_range_mark(zh_at(v, b.end)) && zh_digit(v, b.end + 1))) return 0;
    if (runs_on(v, a, &b) && at == a->end + 1) {
        zh_range(out, v, a->begin, b.end);
        zh_put_cardinal(out, a->number.digits, false, 0);
        zh_amount_put(v, out, &b, b.end);
        return b.end - a->begin;
    }
    if (b.prefix && !a->prefix && !a->unit.name) a->prefix = b.prefix;
    share_currency(v, a, &b);
    put_pair(v, out, a, &b, range_word(v, a, &b, mark), mark, at);
    return b.end - a->begin;
}

/* ---- one behind the other ---- */

/* 2h30min, 5min30s, 30°15′20″ */
static size_t chain(const zh_view *v, const zh_amount *a, zh_out *out) {
    size_t end = a->end;
    const char *unit = a->unit.name;
    for (int k = 0; k < 2 && unit && !a->unit.per; k++) {
        zh_amount next;
        bool hours = strcmp(unit, "小时") == 0, minutes = strcmp(unit, "分钟") == 0,
             arc = zh_in(zh_at(v, end - 1), "°′");
        size_t space = zh_at(v, end) == ' ' && (hours || minutes);
        if (!(hours || minutes || arc) || !zh_digit(v, end + space) || !zh_amount_take(v, end + space, &next)) break;
        if (hours && next.unit.name && strcmp(next.unit.name, "米") == 0) next.unit.name = "分钟"; /* 1h30m */
        if (!next.unit.name && !(hours && !space && strlen(next.number.digits) == 2)) break;
        if (!next.unit.name && zh_at(v, next.end) != 0x5206) next.unit.name = "分钟"; /* 2h30 */
        zh_amount_put(v, out, &next, next.end);
        end = next.end;
        unit = next.unit.name;
    }
    return end - a->end;
}

/* What money and measures are for: ¥5/kg, $10/月, 700ml/瓶. */
static size_t each(const zh_view *v, bool money, bool unit, size_t end, zh_out *out) {
    const char *name = NULL;
    if ((!money && !unit) || zh_at(v, end) != '/') return 0;
    size_t sign = zh_unit_below(v, end + 1, &name);
    bool counted =
        money ? ev_zh_is_han(zh_at(v, end + 1))
              : zh_in(zh_at(v, end + 1), "瓶袋盒包箱件个人次天日月年周小时分秒米升克斤公千平亩户台辆张份层组间晚节");
    if (!sign && !counted) return 0;
    zh_range(out, v, end, end + 1 + sign);
    zh_put(out, "每", ZH_START);
    if (sign) zh_put(out, name, 0);
    return 1 + sign;
}

size_t zh_quantity(const zh_view *v, size_t i, zh_out *out) {
    zh_amount a;
    if (!zh_amount_take(v, i, &a)) return 0;
    const bool money = a.currency, unit = a.unit.name;
    size_t length = fraction(v, &a, out);
    if (!length) length = product(v, &a, out);
    if (!length) length = range(v, &a, out);
    if (length) return length + each(v, money, unit, i + length, out);
    zh_amount_put(v, out, &a, a.end);
    length = a.end - i + chain(v, &a, out);
    return length + each(v, money, unit, i + length, out);
}
