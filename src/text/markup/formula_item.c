/* formula_item: what stands in a formula, one thing after the other. */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"
#include "text/markup/formula.h"

/* ---- what stands in a formula ---- */

/* What "^" says whole: "{...}" or one character, without blanks; NULL: the group is read. */
static const char *whole_power(const formula *f, const char *s, size_t n, bool chinese) {
    static const struct {
        const char *written, *english, *chinese;
    } powers[] = {{"2", "squared", "的平方"},    {"3", "cubed", "的立方"},
                  {"T", "transpose", "的转置"},  {"\\top", "transpose", "的转置"},
                  {"\\circ", "degrees", "度"},   {"\\prime", "prime", "撇"},
                  {"*", "star", "星"},           {"\\ast", "star", "星"},
                  {"\\star", "star", "星"},      {"+", "plus", "正"},
                  {"-", "minus", "负"},          {"2+", "two plus", "二正"},
                  {"2-", "two minus", "二负"},   {"3+", "three plus", "三正"},
                  {"3-", "three minus", "三负"}, {"\\dagger", "dagger", "dagger"}};
    if (f->function && n == 2 && memcmp(s, "-1", 2) == 0) return chinese ? "的反函数" : "inverse";
    for (size_t k = 0; k < EV_ARRAY_COUNT(powers); k++)
        if (strlen(powers[k].written) == n && memcmp(powers[k].written, s, n) == 0)
            return chinese ? powers[k].chinese : powers[k].english;
    return NULL;
}

static void power(formula *f) {
    const size_t begin = f->at++;
    formula_skip_spaces(f);
    const bool braced = formula_peek(f, 0) == '{';
    const size_t from = f->at + braced;
    size_t end = braced ? formula_group_end(f, f->at) : f->at + (f->at < f->end);
    if (!braced && formula_peek(f, 0) == '\\')
        while (end < f->end && markup_is_alpha(f->m->text[end])) end++;
    const char *s = f->m->text + from;
    const size_t n = end > from ? end - from : 0;
    const char *whole = whole_power(f, s, n, f->chinese);
    const bool ordinal =
        n == 2 && (!memcmp(s, "th", 2) || !memcmp(s, "st", 2) || !memcmp(s, "nd", 2) || !memcmp(s, "rd", 2));
    const bool superscript = n > 2 && s[0] == '(' && s[n - 1] == ')';
    const bool callee = f->callee;
    if (whole) {
        f->at = end + (braced && end < f->end);
        formula_say(f, whole, whole, begin);
    } else if (ordinal && !f->chinese && formula_say_phones(f, "TH", begin, end)) {
        f->at = end + (braced && end < f->end);
        formula_blank(f, f->at);
    } else {
        formula_say(f, superscript ? "superscript" : "to the power of", superscript ? "上标" : "的", begin);
        formula_group(f);
        if (f->chinese && !superscript) formula_say(f, "", "次方", begin);
    }
    f->term = true;
    f->callee = callee && !f->function;
    f->function = f->closed = false;
}

static void subscript(formula *f) {
    const size_t begin = f->at++;
    const bool callee = f->callee, closed = f->closed;
    if (closed && formula_counts(&(formula){.m = f->m, .at = begin, .end = f->end})) { /* "]_0^1" */
        formula_say(f, "from", "从", begin);
        formula_group(f);
        formula_skip_spaces(f);
        if (formula_peek(f, 0) == '^') {
            f->at++;
            formula_say(f, "to", "到", f->at - 1);
            formula_group(f);
        }
    } else {
        formula_say(f, "sub", "", begin);
        formula_group(f);
    }
    f->callee = callee;
    f->closed = f->function = false;
}

static void number(formula *f) {
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    const size_t begin = f->at;
    formula_blank(f, begin);
    while (f->at < f->end) {
        const bool joins =
            (formula_peek(f, 0) == '.' || formula_peek(f, 0) == ',') && markup_is_digit(formula_peek(f, 1));
        const bool part = formula_peek(f, 0) == '/' && markup_is_digit(formula_peek(f, 1)); /* "1/2" */
        const bool thousand = formula_peek(f, 0) == '{' && formula_peek(f, 1) == ',' && formula_peek(f, 2) == '}' &&
                              markup_is_digit(formula_peek(f, 3));
        if (thousand) { /* "1{,}000" */
            markup_copy(f->m, f->at + 1, f->at + 2);
            f->at += 3;
        } else if (markup_is_digit(formula_peek(f, 0)) || joins || part) {
            markup_copy(f->m, f->at, f->at + 1);
            f->at++;
        } else {
            break;
        }
    }
    for (size_t k = 0; k < EV_ARRAY_COUNT(endings); k++)
        if (f->end - f->at >= 5 && memcmp(f->m->text + f->at, "^{", 2) == 0 && formula_peek(f, 4) == '}' &&
            memcmp(f->m->text + f->at + 2, endings[k], 2) == 0) { /* "1^{st}" */
            markup_copy(f->m, f->at + 2, f->at + 4);
            f->at += 5;
            break;
        }
    if (formula_peek(f, 0) == '\\' && formula_peek(f, 1) == '%') { /* "50\\%" */
        markup_copy(f->m, f->at + 1, f->at + 2);
        f->at += 2;
    }
    formula_blank(f, f->at);
    f->term = true;
    f->callee = f->function = f->closed = false;
}

static void variable(formula *f) {
    static const char functions_of_one[] = "fghFGHPEJOLNVTQ";
    const size_t at = f->at++;
    const char c = f->m->text[at];
    formula_blank(f, at);
    if (!formula_say_phones(f, en_letter_names[(c | 0x20) - 'a'], at, at + 1)) markup_copy(f->m, at, at + 1);
    formula_blank(f, f->at);
    f->term = true;
    f->callee = strchr(functions_of_one, c) != NULL;
    f->function = f->closed = false;
    const char argument = formula_peek(f, 1);
    if (formula_peek(f, 0) == '(' && formula_peek(f, 2) == ')' && (markup_is_alpha(argument) || argument == '0') &&
        argument != c)
        f->callee = true; /* "x(t)" */
}

static void bracket(formula *f) {
    const size_t at = f->at++;
    const char c = f->m->text[at];
    if (c == '(' && f->callee) {
        formula_push(f, 'f');
        formula_say(f, "of", "", at);
    } else if (c == '(' || c == '[') {
        formula_push(f, c);
        markup_copy(f->m, at, at + 1);
    } else if (formula_pop(f) == 'f') {
        formula_blank(f, at);
        f->closed = false;
    } else {
        markup_copy(f->m, at, at + 1);
        f->closed = c == ']';
    }
}

static bool operation(formula *f) {
    static const struct {
        const char *written, *english, *chinese;
    } operators[] = {{"<=", "is at most", "小于等于"},
                     {">=", "is at least", "大于等于"},
                     {"!=", "is not equal to", "不等于"},
                     {"==", "equals", "等于"},
                     {"->", "to", "到"},
                     {"+", "plus", "加"},
                     {"=", "equals", "等于"},
                     {"<", "is less than", "小于"},
                     {">", "is greater than", "大于"},
                     {"*", "times", "乘"},
                     {"/", "over", "除以"}};
    const char c = formula_peek(f, 0);
    for (size_t k = 0; k < EV_ARRAY_COUNT(operators); k++) {
        const size_t n = strlen(operators[k].written);
        if (f->end - f->at < n || memcmp(f->m->text + f->at, operators[k].written, n) != 0) continue;
        f->at += n;
        formula_say(f, operators[k].english, operators[k].chinese, f->at - n);
        f->term = f->callee = f->function = f->closed = false;
        return true;
    }
    if (c != '-' && c != '!' && c != '\'') return false;
    const bool term = f->term, callee = f->callee;
    f->at++;
    if (c == '-') {
        formula_say(f, term ? "minus" : "negative", term ? "减" : "负", f->at - 1);
        f->term = f->callee = false;
    } else {
        formula_say(f, c == '!' ? "factorial" : "prime", c == '!' ? "的阶乘" : "撇", f->at - 1);
        f->callee = callee && c == '\'';
    }
    f->function = f->closed = false;
    return true;
}

/* The ends of lines, and ">" of a quotation where one begins. */
static void space(formula *f) {
    bool line = false;
    const size_t begin = f->at;
    while (f->at < f->end && (markup_is_space(formula_peek(f, 0)) || (line && formula_peek(f, 0) == '>'))) {
        line |= formula_peek(f, 0) == '\n';
        f->at++;
    }
    formula_blank(f, begin);
}

void formula_item(formula *f) {
    const char c = formula_peek(f, 0);
    if (markup_is_space(c)) {
        space(f);
    } else if (operation(f)) {
        return;
    } else if (c == '\\') {
        formula_command(f);
    } else if (c == '^') {
        power(f);
    } else if (c == '_') {
        subscript(f);
    } else if (c == '{') {
        formula_group(f);
    } else if (c == '|') {
        f->at++;
        formula_bar(f, '|', f->at - 1);
    } else if (markup_is_digit(c)) {
        number(f);
    } else if (markup_is_alpha(c)) {
        variable(f);
    } else if (c && strchr("()[]", c)) {
        bracket(f);
    } else if (c && strchr("}&~$", c)) {
        formula_blank(f, f->at);
        f->at++;
    } else {
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        f->term = (unsigned char)c >= 0x80 || c == '%';
    }
}
