/* zh_unit: signs of units and currencies and what they are called. A sign counts only after a number and only when no
 * letter goes on after it. The scanner has folded ² to 2, full-width letters to plain ones and µ to μ.
 */
#include "text/zh.h"

typedef struct unit {
    const char *sign, *name;
} unit;

/* Longer signs first where one begins another. */
static const unit units[] = {
    {"km/h", "公里每小时"},
    {"kg/m3", "千克每立方米"},
    {"kg/m²", "千克每平方米"},
    {"km2", "平方公里"},
    {"km²", "平方公里"},
    {"km^2", "平方公里"},
    {"mm2", "平方毫米"},
    {"mm²", "平方毫米"},
    {"mm3", "立方毫米"},
    {"cm2", "平方厘米"},
    {"cm²", "平方厘米"},
    {"cm3", "立方厘米"},
    {"cm³", "立方厘米"},
    {"m/s2", "米每二次方秒"},
    {"m/s²", "米每二次方秒"},
    {"m/s", "米每秒"},
    {"m/min", "米每分钟"},
    {"m2", "平方米"},
    {"m²", "平方米"},
    {"m^2", "平方米"},
    {"m3/h", "立方米每小时"},
    {"m3", "立方米"},
    {"m³", "立方米"},
    {"m^3", "立方米"},
    {"㎡", "平方米"},
    {"㎥", "立方米"},
    {"g/cm3", "克每立方厘米"},
    {"mg/L", "毫克每升"},
    {"mg/dL", "毫克每分升"},
    {"g/L", "克每升"},
    {"mg/kg", "毫克每千克"},
    {"μg/m3", "微克每立方米"},
    {"mmol/L", "毫摩尔每升"},
    {"L/min", "升每分钟"},
    {"mmHg", "毫米汞柱"},
    {"kWh", "千瓦时"},
    {"kW·h", "千瓦时"},
    {"mAh", "毫安时"},
    {"Mbps", "兆比特每秒"},
    {"Gbps", "吉比特每秒"},
    {"kbps", "千比特每秒"},
    {"MB/s", "兆字节每秒"},
    {"GB/s", "吉字节每秒"},
    {"KB/s", "千字节每秒"},
    {"rpm", "转每分钟"},
    {"r/min", "转每分钟"},
    {"mph", "英里每小时"},
    {"ppm", "百万分之一"},
    {"kcal", "千卡"},
    {"cal", "卡"},
    {"kHz", "千赫兹"},
    {"KHz", "千赫兹"},
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
    {"KW", "千瓦"},
    {"MW", "兆瓦"},
    {"GW", "吉瓦"},
    {"mW", "毫瓦"},
    {"kΩ", "千欧"},
    {"Ω", "欧姆"},
    {"dB", "分贝"},
    {"kg", "千克"},
    {"Kg", "千克"},
    {"KG", "千克"},
    {"mg", "毫克"},
    {"μg", "微克"},
    {"ng", "纳克"},
    {"km", "公里"},
    {"Km", "公里"},
    {"KM", "公里"},
    {"cm", "厘米"},
    {"CM", "厘米"},
    {"mm", "毫米"},
    {"MM", "毫米"},
    {"dm", "分米"},
    {"μm", "微米"},
    {"nm", "纳米"},
    {"ml", "毫升"},
    {"mL", "毫升"},
    {"ML", "毫升"},
    {"dL", "分升"},
    {"TB", "太字节"},
    {"GB", "吉字节"},
    {"MB", "兆字节"},
    {"KB", "千字节"},
    {"kB", "千字节"},
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
    {"°", "度"},
    {"′", "分"},
    {"″", "秒"},
    {"m", "米"},
    {"g", "克"},
    {"L", "升"},
    {"l", "升"},
    {"t", "吨"},
    {"h", "小时"},
    {"s", "秒"},
    {"V", "伏"},
    {"A", "安"},
    {"W", "瓦"},
    {"J", "焦耳"},
    {"N", "牛"},
};

const char *zh_currency(int32_t cp) {
    switch (cp) {
    case 0xA5:
    case 0xFFE5: return "元";
    case '$': return "美元";
    case 0x20AC: return "欧元";
    case 0xA3: return "英镑";
    case 0x20A9: return "韩元";
    case 0x20B9: return "卢比";
    case 0x20BD: return "卢布";
    default: return NULL;
    }
}

size_t zh_unit(const zh_view *v, size_t i, const char **name) {
    if (zh_at(v, i) == ' ') {
        size_t length = zh_at(v, i + 1) != ' ' && !zh_currency(zh_at(v, i + 1)) ? zh_unit(v, i + 1, name) : 0;
        return length ? length + 1 : 0;
    }
    int32_t c = zh_at(v, i);
    if (c == 0 || ev_zh_is_han(c) || (c < 0x80 && !zh_letter(c) && c != '$')) return 0; /* most numbers end here */
    if ((*name = zh_currency(c))) return zh_digit(v, i + 1) ? 0 : 1;
    for (size_t k = 0; k < EV_ARRAY_COUNT(units); k++) {
        size_t length = zh_follows(v, i, units[k].sign);
        if (!length) continue;
        int32_t next = zh_at(v, i + length);
        bool minutes = zh_in(zh_at(v, i), "°′"); /* 30°15′ goes on with digits */
        if (zh_letter(next) || (!minutes && next >= '0' && next <= '9')) continue;
        if (length == 1 && zh_in(zh_at(v, i), "AVNt") && zh_in(next, "景级股座型-")) continue;
        *name = units[k].name;
        return length;
    }
    return 0;
}
