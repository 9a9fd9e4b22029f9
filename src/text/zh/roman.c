/* roman: roman numerals in Mandarin: 第Ⅲ章, 亨利VIII, 世界大战II, II型. Only I, V and X, only capitals, and a lone
 * one only where nothing else could stand; the rest are acronyms. The scanner has made letters of Ⅲ.
 */
#include <stdio.h>

#include "text/zh/zh.h"

enum { ROMAN_MAX = 6 };

static int value_of(int32_t c) { return c == 'I' ? 1 : c == 'V' ? 5 : c == 'X' ? 10 : 0; }

/* Its letters, 0: none there that is written as it should be. */
static size_t parse(const zh_view *v, size_t i, int *value) {
    static const char *const ones[10] = {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"};
    size_t n = 0, tens = 0;
    int32_t before = i > 0 ? zh_at(v, i - 1) : 0;
    while (n <= ROMAN_MAX && value_of(zh_at(v, i + n))) n++;
    if (n == 0 || n > ROMAN_MAX || zh_letter(zh_at(v, i + n)) || zh_digit(v, i + n) || zh_letter(before)) return 0;
    if (before >= '0' && before <= '9') return 0;
    while (tens < n && tens < 3 && zh_at(v, i + tens) == 'X') tens++;
    for (int k = 0; k < 10; k++) {
        size_t length = 0;
        while (ones[k][length] && zh_at(v, i + tens + length) == ones[k][length]) length++;
        if (ones[k][length] || tens + length != n) continue;
        *value = (int)tens * 10 + k;
        return n;
    }
    return 0;
}

static const char monarchs[] =
    "亨利|查理|爱德华|乔治|伊丽莎白|威廉|腓力|菲利普|保罗|本笃|庇护|尼古拉|亚历山大|叶卡捷琳娜|凯瑟琳|玛丽|"
    "詹姆斯|理查|理查德|彼得|弗里德里希|腓特烈|拿破仑|拉美西斯|托勒密|阿方索|卡洛斯|费迪南|费迪南德|约瑟夫|"
    "利奥|若望|格列高利|英诺森|乌尔班|克莱门特|古斯塔夫|卡尔|奥托|玛格丽特|亚瑟|查尔斯|约翰";

size_t zh_roman(const zh_view *v, size_t i, zh_out *out) {
    int value;
    size_t n = parse(v, i, &value), before = i - (i > 0 && zh_at(v, i - 1) == ' ');
    if (!n) return 0;
    bool ordinal = zh_precedes(v, i, "第"), king = zh_precedes_any(v, before, monarchs),
         louis = zh_precedes(v, before, "路易");
    bool classed = zh_follows_any(v, i + n, "期|级|类|度|章|卷|册|部|区|世纪|型|号|等|代|段|节") && value != 10 &&
                   !(n == 1 && value == 5);
    bool named = n > 1 && before > 0 && ev_zh_is_han(zh_at(v, before - 1)) &&
                 !zh_in(zh_at(v, before - 1), "的做和是") && !zh_in(zh_at(v, i + n), "设手系标") && value < 20;
    if (!ordinal && !((king || louis) && (n > 1 || value < 10)) && !classed && !named) return 0;
    char digits[8];
    snprintf(digits, sizeof digits, "%d", value);
    zh_range(out, v, i, i + n);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    if (king && !zh_follows(v, i + n, "世")) zh_put(out, "世", 0);
    return n;
}
