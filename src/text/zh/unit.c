/* unit: signs of units and what they are called, alone ("kg") and one by another ("kg/m³"). A sign counts only
 * after a number and only when no letter goes on after it. The scanner has folded full-width letters to plain ones
 * and µ to μ. Signs of several letters count in any case ("25KG", "16gb"); where case alone tells two apart (mW, MW)
 * it does.
 */
#include <string.h>

#include "text/zh/zh.h"

typedef struct unit {
    const char *sign, *name;
} unit;

/* Longer signs first where one begins another. */
static const unit units[] = {
    {"m/s2", "米每二次方秒"},
    {"m/s²", "米每二次方秒"},
    {"L/100km", "升每百公里"},
    {"kW·h", "千瓦时"},
    {"kWh", "千瓦时"},
    {"mmHg", "毫米汞柱"},
    {"pct", "个百分点"},
    {"bps", "个基点"},
    {"bp", "个基点"},
    {"mmol", "毫摩尔"},
    {"μmol", "微摩尔"},
    {"mAh", "毫安时"},
    {"Mbps", "兆比特每秒"},
    {"Gbps", "吉比特每秒"},
    {"kbps", "千比特每秒"},
    {"rpm", "转每分钟"},
    {"r/min", "转每分钟"},
    {"mph", "英里每小时"},
    {"fps", "帧每秒"},
    {"kcal", "千卡"},
    {"cal", "卡"},
    {"km2", "平方公里"},
    {"km²", "平方公里"},
    {"km^2", "平方公里"},
    {"mm2", "平方毫米"},
    {"mm²", "平方毫米"},
    {"mm3", "立方毫米"},
    {"mm³", "立方毫米"},
    {"cm2", "平方厘米"},
    {"cm²", "平方厘米"},
    {"cm3", "立方厘米"},
    {"cm³", "立方厘米"},
    {"dm3", "立方分米"},
    {"dm³", "立方分米"},
    {"m2", "平方米"},
    {"m²", "平方米"},
    {"m^2", "平方米"},
    {"m3", "立方米"},
    {"m³", "立方米"},
    {"m^3", "立方米"},
    {"㎡", "平方米"},
    {"㎥", "立方米"},
    {"㎢", "平方公里"},
    {"kHz", "千赫兹"},
    {"MHz", "兆赫兹"},
    {"GHz", "吉赫兹"},
    {"Hz", "赫兹"},
    {"kPa", "千帕"},
    {"MPa", "兆帕"},
    {"hPa", "百帕"},
    {"Pa", "帕"},
    {"kJ", "千焦"},
    {"kV", "千伏"},
    {"mV", "毫伏"},
    {"mA", "毫安"},
    {"kW", "千瓦"},
    {"MW", "兆瓦"},
    {"GW", "吉瓦"},
    {"mW", "毫瓦"},
    {"kN", "千牛"},
    {"N·m", "牛米"},
    {"kΩ", "千欧"},
    {"Ω", "欧姆"},
    {"dB", "分贝"},
    {"kg", "千克"},
    {"mg", "毫克"},
    {"μg", "微克"},
    {"ug", "微克"},
    {"ng", "纳克"},
    {"km", "公里"},
    {"cm", "厘米"},
    {"mm", "毫米"},
    {"dm", "分米"},
    {"μm", "微米"},
    {"um", "微米"},
    {"nm", "纳米"},
    {"ml", "毫升"},
    {"dL", "分升"},
    {"μL", "微升"},
    {"TB", "太字节"},
    {"GB", "吉字节"},
    {"MB", "兆字节"},
    {"KB", "千字节"},
    {"min", "分钟"},
    {"ms", "毫秒"},
    {"μs", "微秒"},
    {"ns", "纳秒"},
    {"ha", "公顷"},
    {"mol", "摩尔"},
    {"lb", "磅"},
    {"oz", "盎司"},
    {"ft", "英尺"},
    {"px", "像素"},
    {"°C", "摄氏度"},
    {"°F", "华氏度"},
    {"℃", "摄氏度"},
    {"℉", "华氏度"},
    {"㎏", "千克"},
    {"㎝", "厘米"},
    {"㎜", "毫米"},
    {"㎞", "公里"},
    {"㎎", "毫克"},
    {"㏄", "毫升"},
    {"cc", "毫升"},
    {"°", "度"},
    {"′", "分"},
    {"″", "秒"},
    {"m", "米"},
    {"g", "克"},
    {"L", "升"},
    {"l", "升"},
    {"t", "吨"},
    {"h", "小时"},
    {"H", "小时"},
    {"s", "秒"},
    {"V", "伏"},
    {"v", "伏"},
    {"A", "安"},
    {"W", "瓦"},
    {"w", "瓦"},
    {"J", "焦耳"},
    {"N", "牛"},
};

/* What stands only below the line: "80次/min", "$20/mo". */
static const unit below_only[] = {{"mo", "月"}, {"yr", "年"}, {"d", "天"}, {"H", "小时"}};

static int32_t small(int32_t cp) { return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp; }

/* Characters of the sign at i in any case. */
static size_t follows_any_case(const zh_view *v, size_t i, const char *sign) {
    size_t n = 0;
    for (; sign[n]; n++)
        if ((unsigned char)sign[n] >= 0x80 || small(zh_at(v, i + n)) != small(sign[n])) return 0;
    return n;
}

/* "10A" is a current where the sentence speaks of one, else the letter: seats, tanks, batches. */
static bool is_current(const zh_view *v, size_t i) {
    static const char *const words[] = {"电", "约", "额定", "保险", "空开", "开关", "插座", "充", "输出", "V"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++)
        if (zh_mentioned(v, i, words[k])) return true;
    return false;
}

/* A figure goes on behind hours and metres: "2h30min", "1m75". */
static bool goes_on(const zh_view *v, size_t i, char sign) {
    size_t digits = zh_count_digits(v, i), end = i + digits;
    if (digits == 0 || digits > 2) return false;
    if (sign == 'm') return digits == 2 && !zh_letter(zh_at(v, end)) && !zh_in(zh_at(v, end), ".:");
    return sign == 'h' && (zh_in(zh_at(v, end), "ms分") || !zh_letter(zh_at(v, end)));
}

static bool ends_well(const zh_view *v, size_t i, size_t length) {
    int32_t sign = zh_at(v, i), next = zh_at(v, i + length);
    if (zh_letter(next)) return false;
    if (next >= '0' && next <= '9')
        return zh_in(sign, "°′") || (length == 1 ? goes_on(v, i + 1, (char)sign) : zh_letter(zh_at(v, i + 1)));
    if (length > 1) return true;
    if (sign == 'A' && !is_current(v, i)) return false;
    if (sign == 'v' && zh_in(next, "领信")) return false;
    if (sign == 'H' && zh_at(v, i - 1) != '/')
        return zh_follows_any(
            v, i + 1, "营业|内|后|制|不|在线|服务|客服|开|热线|值班|发货|随时|到货|到账|自助|待机|续航|以内|送达");
    return !zh_in(sign, "AVNt") || !zh_in(next, "景级股座型-");
}

static size_t find(const zh_view *v, size_t i, const unit *table, size_t n, const char **name) {
    const int32_t c = small(zh_at(v, i));
    for (int any_case = 0; any_case < 2; any_case++)
        for (size_t k = 0; k < n; k++) {
            const unsigned char first = (unsigned char)table[k].sign[0];
            if (first < 0x80 && small(first) != c) continue; /* most signs begin otherwise */
            size_t length = !any_case           ? zh_follows(v, i, table[k].sign)
                            : !table[k].sign[1] ? 0
                                                : follows_any_case(v, i, table[k].sign);
            if (!length || !ends_well(v, i, length)) continue;
            *name = table[k].name;
            return length;
        }
    return 0;
}

static size_t one_unit(const zh_view *v, size_t i, const char **name) {
    int32_t c = zh_at(v, i);
    if (c == 0 || ev_zh_is_han(c) || (c < 0x80 && !zh_letter(c))) return 0; /* most numbers end here */
    return find(v, i, units, EV_ARRAY_COUNT(units), name);
}

size_t zh_unit_below(const zh_view *v, size_t i, const char **name) {
    size_t length = one_unit(v, i, name);
    return length || !zh_letter(zh_at(v, i)) ? length : find(v, i, below_only, EV_ARRAY_COUNT(below_only), name);
}

size_t zh_unit(const zh_view *v, size_t i, zh_measure *out) {
    *out = (zh_measure){0};
    size_t space = zh_at(v, i) == ' ' && zh_at(v, i + 1) != ' ';
    size_t length = one_unit(v, i + space, &out->name);
    if (!length) return 0;
    length += space;
    if (zh_at(v, i + length) == '/') {
        size_t below = zh_unit_below(v, i + length + 1, &out->per);
        if (below) return length + 1 + below;
    }
    return length;
}
