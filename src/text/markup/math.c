/* math: formulas as LaTeX writes them, "$x^2$", "\(a+b\)", "$$...$$", "\[...\]", as chat answers hold them: to the
 * words of the language around. What looks like prose or money between two dollars stays as it is.
 *
 * One pass over the formula; groups within groups are followed to a depth. Letters are variables, each by itself.
 */
#include <string.h>

#include "text/markup/marked.h"
#include "text/notation.h"

enum { INLINE_MAX = 400, DISPLAY_MAX = 2000, DEPTH_MAX = 12, COMMAND_MAX = 24, AROUND = 400 };

typedef struct formula {
    markup *m;
    size_t at, end;
    size_t depth;
    bool chinese;
    bool term;      /* a term stands before: "-" takes away */
    bool limit;     /* below a limit: an arrow is "approaches" */
    uint32_t calls; /* bit k: the k-th open bracket is of "f(x)" */
    unsigned brackets;
} formula;

/* ---- saying ---- */

static void say(formula *f, const char *english, const char *chinese, size_t begin) {
    const char *word = f->chinese ? chinese : english;
    markup_put(f->m, " ", 1, begin, f->at);
    markup_put(f->m, word, strlen(word), begin, f->at);
    markup_put(f->m, " ", 1, begin, f->at);
}

static char peek(const formula *f, size_t ahead) {
    return (char)(f->at + ahead < f->end ? f->m->text[f->at + ahead] : 0);
}

static void skip_spaces(formula *f) {
    while (f->at < f->end && markup_is_space(f->m->text[f->at])) f->at++;
}

static void sequence(formula *f, char stop);
static void item(formula *f);

/* "{...}", or the one item that stands there. */
static void group(formula *f) {
    skip_spaces(f);
    f->term = false;
    if (f->at >= f->end) return;
    if (peek(f, 0) != '{') {
        if (markup_is_digit(peek(f, 0))) { /* x^12 is x^1 2 */
            markup_copy(f->m, f->at, f->at + 1);
            f->at++;
        } else {
            item(f);
        }
    } else if (++f->at, f->depth < DEPTH_MAX) {
        f->depth++;
        sequence(f, '}');
        f->depth--;
        if (peek(f, 0) == '}') f->at++;
    }
    f->term = true;
}

/* "{...}" as it is written: \text{if }. */
static void words(formula *f) {
    skip_spaces(f);
    if (peek(f, 0) != '{') return;
    size_t depth = 0, end = f->at;
    for (; end < f->end; end++) {
        depth += f->m->text[end] == '{';
        if (f->m->text[end] == '}' && --depth == 0) break;
    }
    markup_put(f->m, " ", 1, f->at, f->at + 1);
    markup_copy(f->m, f->at + 1, end);
    markup_put(f->m, " ", 1, f->at, f->at + 1);
    f->at = end < f->end ? end + 1 : end;
    f->term = true;
}

/* ---- commands ---- */

/* Signs and names that are said as they stand. term: one is over behind it. */
static const struct {
    const char *name, *english, *chinese;
    bool term;
} signs[] = {
    {"alpha", "alpha", "alpha", true},
    {"beta", "beta", "beta", true},
    {"gamma", "gamma", "gamma", true},
    {"Gamma", "gamma", "gamma", true},
    {"delta", "delta", "delta", true},
    {"Delta", "delta", "delta", true},
    {"epsilon", "epsilon", "epsilon", true},
    {"varepsilon", "epsilon", "epsilon", true},
    {"zeta", "zeta", "zeta", true},
    {"eta", "eta", "eta", true},
    {"theta", "theta", "theta", true},
    {"Theta", "theta", "theta", true},
    {"kappa", "kappa", "kappa", true},
    {"lambda", "lambda", "lambda", true},
    {"Lambda", "lambda", "lambda", true},
    {"mu", "mu", "mu", true},
    {"nu", "nu", "nu", true},
    {"xi", "xi", "xi", true},
    {"pi", "pi", "pi", true},
    {"Pi", "pi", "pi", true},
    {"rho", "rho", "rho", true},
    {"sigma", "sigma", "sigma", true},
    {"Sigma", "sigma", "sigma", true},
    {"tau", "tau", "tau", true},
    {"phi", "phi", "phi", true},
    {"varphi", "phi", "phi", true},
    {"Phi", "phi", "phi", true},
    {"chi", "kai", "kai", true},
    {"psi", "psi", "psi", true},
    {"Psi", "psi", "psi", true},
    {"omega", "omega", "omega", true},
    {"Omega", "omega", "omega", true},
    {"infty", "infinity", "无穷大", true},
    {"ell", "L", "L", true},
    {"hbar", "h bar", "h bar", true},
    {"emptyset", "the empty set", "空集", true},
    {"nabla", "nabla", "nabla", false},
    {"partial", "partial", "偏", false},
    {"times", "times", "乘", false},
    {"cdot", "times", "乘", false},
    {"ast", "times", "乘", false},
    {"div", "divided by", "除以", false},
    {"pm", "plus or minus", "加减", false},
    {"mp", "minus or plus", "减加", false},
    {"le", "is at most", "小于等于", false},
    {"leq", "is at most", "小于等于", false},
    {"leqslant", "is at most", "小于等于", false},
    {"ge", "is at least", "大于等于", false},
    {"geq", "is at least", "大于等于", false},
    {"geqslant", "is at least", "大于等于", false},
    {"lt", "is less than", "小于", false},
    {"gt", "is greater than", "大于", false},
    {"ll", "is much less than", "远小于", false},
    {"gg", "is much greater than", "远大于", false},
    {"ne", "is not equal to", "不等于", false},
    {"neq", "is not equal to", "不等于", false},
    {"approx", "is about", "约等于", false},
    {"sim", "is about", "约等于", false},
    {"simeq", "is about", "约等于", false},
    {"equiv", "is equivalent to", "恒等于", false},
    {"cong", "is congruent to", "全等于", false},
    {"propto", "is proportional to", "正比于", false},
    {"in", "in", "属于", false},
    {"notin", "not in", "不属于", false},
    {"subset", "is a subset of", "包含于", false},
    {"subseteq", "is a subset of", "包含于", false},
    {"cup", "union", "并", false},
    {"cap", "intersection", "交", false},
    {"forall", "for all", "对任意", false},
    {"exists", "there is", "存在", false},
    {"land", "and", "且", false},
    {"wedge", "and", "且", false},
    {"lor", "or", "或", false},
    {"vee", "or", "或", false},
    {"neg", "not", "非", false},
    {"lnot", "not", "非", false},
    {"Rightarrow", "implies", "推出", false},
    {"implies", "implies", "推出", false},
    {"Leftrightarrow", "if and only if", "等价于", false},
    {"iff", "if and only if", "等价于", false},
    {"leftarrow", "from", "来自", false},
    {"mapsto", "maps to", "映射到", false},
    {"therefore", "therefore", "所以", false},
    {"because", "because", "因为", false},
    {"perp", "is perpendicular to", "垂直于", false},
    {"parallel", "is parallel to", "平行于", false},
    {"angle", "angle", "角", false},
    {"triangle", "triangle", "三角形", false},
    {"degree", "degrees", "度", true},
    {"circ", "of", "圈", false},
    {"prime", "prime", "撇", true},
    {"bmod", "mod", "模", false},
    {"mod", "mod", "模", false},
    {"pmod", "mod", "模", false},
    {"sin", "sine", "sine", false},
    {"cos", "cosine", "cosine", false},
    {"tan", "tangent", "tangent", false},
    {"cot", "cotangent", "cotangent", false},
    {"sec", "secant", "secant", false},
    {"csc", "cosecant", "cosecant", false},
    {"arcsin", "arc sine", "arc sine", false},
    {"arccos", "arc cosine", "arc cosine", false},
    {"arctan", "arc tangent", "arc tangent", false},
    {"sinh", "hyperbolic sine", "双曲 sine", false},
    {"cosh", "hyperbolic cosine", "双曲 cosine", false},
    {"tanh", "hyperbolic tangent", "双曲 tangent", false},
    {"log", "log", "log", false},
    {"ln", "L N", "L N", false},
    {"exp", "exp", "exp", false},
    {"det", "the determinant of", "行列式", false},
    {"dim", "the dimension of", "维数", false},
    {"gcd", "G C D", "最大公约数", false},
    {"max", "max", "max", false},
    {"min", "min", "min", false},
    {"sup", "sup", "上确界", false},
    {"inf", "inf", "下确界", false},
    {"ldots", "and so on", "等等", true},
    {"dots", "and so on", "等等", true},
    {"cdots", "and so on", "等等", true},
    {"vdots", "and so on", "等等", true},
};

/* What has no sound, alone or with the group behind it. */
static const char silent[] =
    " left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle limits nolimits quad "
    "qquad mathbb mathbf mathcal mathit mathsf mathfrak boldsymbol boxed nonumber hfill middle ";
static const char quoted[] = " text textbf textit textrm mathrm operatorname mbox tag label ";
static const char named_apart[] = " begin end hspace vspace color ";

/* An accent over a group: said in front of it, or behind. */
static const struct {
    const char *name, *english, *chinese;
    bool before;
} accents[] = {{"vec", "vector", "向量", true},      {"overrightarrow", "vector", "向量", true},
               {"hat", "hat", "hat", false},         {"widehat", "hat", "hat", false},
               {"bar", "bar", "bar", false},         {"overline", "bar", "bar", false},
               {"tilde", "tilde", "tilde", false},   {"dot", "dot", "dot", false},
               {"ddot", "double dot", "两点", false}};

/* With limits below and above: "the sum from ... to ... of", "从...到...求和". */
static const struct {
    const char *name, *english, *chinese;
} wide[] = {{"sum", "the sum", "求和"},
            {"prod", "the product", "求积"},
            {"int", "the integral", "积分"},
            {"iint", "the double integral", "二重积分"},
            {"oint", "the closed integral", "环路积分"},
            {"bigcup", "the union", "并集"},
            {"bigcap", "the intersection", "交集"}};

static bool is_among(const char *list, const char *name) {
    char word[COMMAND_MAX + 3] = " ";
    strcat(strcat(word, name), " ");
    return strstr(list, word) != NULL;
}

/* Figures alone in "{...}" at `at`, or one figure: past it; 0: something else. */
static size_t figures_end(const formula *f, size_t at, size_t *begin, size_t *end) {
    const char *text = f->m->text;
    const bool braced = at < f->end && text[at] == '{';
    *begin = *end = at + braced;
    while (*end < f->end && *end < *begin + 4 && markup_is_digit(text[*end]) && (braced || *end == *begin)) ++*end;
    if (*end == *begin || (braced && (*end >= f->end || text[*end] != '}'))) return 0;
    return *end + braced;
}

static void fraction(formula *f, size_t begin) {
    size_t top, top_end, bottom, bottom_end;
    skip_spaces(f);
    const size_t behind = figures_end(f, f->at, &top, &top_end);
    const size_t end = behind ? figures_end(f, behind, &bottom, &bottom_end) : 0;
    if (end) { /* "1/2" is read as what it is */
        markup_put(f->m, " ", 1, begin, f->at);
        markup_copy(f->m, top, top_end);
        markup_put(f->m, "/", 1, begin, begin + 1);
        markup_copy(f->m, bottom, bottom_end);
        markup_put(f->m, " ", 1, begin, f->at);
        f->at = end;
    } else {
        group(f);
        say(f, "over", "除以", f->at);
        group(f);
    }
    f->term = true;
}

static void root(formula *f, size_t begin) {
    skip_spaces(f);
    if (peek(f, 0) == '[' && peek(f, 2) == ']' && markup_is_digit(peek(f, 1))) {
        const char n = peek(f, 1);
        f->at += 3;
        if (n != '3' || f->chinese) markup_copy(f->m, f->at - 2, f->at - 1);
        say(f, n == '3' ? "the cube root of" : "th root of", "次根号", begin);
    } else {
        say(f, "the square root of", "根号", begin);
    }
    group(f);
}

static void limits(formula *f, const char *english, const char *chinese, size_t begin) {
    if (!f->chinese) say(f, english, "", begin);
    for (int k = 0; k < 3; k++) {
        skip_spaces(f);
        if (strncmp(f->m->text + f->at, "\\limits", f->end - f->at < 7 ? 0 : 7) == 0 && f->end - f->at >= 7) {
            f->at += 7;
        } else if (peek(f, 0) == '_' || peek(f, 0) == '^') {
            const bool up = peek(f, 0) == '^';
            f->at++;
            say(f, up ? "to" : "from", up ? "到" : "从", f->at - 1);
            group(f);
        }
    }
    if (f->chinese)
        say(f, "", chinese, begin);
    else
        say(f, "of", "", begin);
    f->term = false;
}

static void limit(formula *f, size_t begin) {
    const bool outer = f->limit;
    skip_spaces(f);
    if (peek(f, 0) == '_') {
        f->at++;
        say(f, "the limit as", "当", begin);
        f->limit = true;
        group(f);
        f->limit = outer;
        say(f, "of", "时的极限", begin);
    } else {
        say(f, "the limit of", "极限", begin);
    }
    f->term = false;
}

/* "\name" whose letters were read; false: it is none of the tables'. */
static bool named(formula *f, const char *name, size_t begin) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(signs); k++)
        if (strcmp(name, signs[k].name) == 0) {
            say(f, signs[k].english, signs[k].chinese, begin);
            f->term = signs[k].term;
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(wide); k++)
        if (strcmp(name, wide[k].name) == 0) {
            limits(f, wide[k].english, wide[k].chinese, begin);
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(accents); k++)
        if (strcmp(name, accents[k].name) == 0) {
            if (accents[k].before) say(f, accents[k].english, accents[k].chinese, begin);
            group(f);
            if (!accents[k].before) say(f, accents[k].english, accents[k].chinese, begin);
            return true;
        }
    return false;
}

static void command(formula *f) {
    char name[COMMAND_MAX + 1];
    const size_t begin = f->at++;
    size_t n = 0;
    while (n < COMMAND_MAX && markup_is_alpha(peek(f, 0))) name[n++] = f->m->text[f->at++];
    name[n] = '\0';
    if (!n) { /* "\\", "\,", "\{", "\%" */
        const char c = peek(f, 0);
        if (f->at < f->end) f->at++;
        if (c == '\\')
            markup_comma(f->m, begin);
        else if (c && strchr("%$#&_", c))
            markup_copy(f->m, f->at - 1, f->at);
        else
            markup_put(f->m, " ", 1, begin, f->at);
    } else if (strcmp(name, "frac") == 0 || strcmp(name, "dfrac") == 0 || strcmp(name, "tfrac") == 0) {
        fraction(f, begin);
    } else if (strcmp(name, "sqrt") == 0) {
        root(f, begin);
    } else if (strcmp(name, "lim") == 0) {
        limit(f, begin);
    } else if (strcmp(name, "to") == 0 || strcmp(name, "rightarrow") == 0) {
        say(f, f->limit ? "approaches" : "to", f->limit ? "趋于" : "到", begin);
        f->term = false;
    } else if (strcmp(name, "mid") == 0) {
        const bool within = f->brackets && f->calls >> (f->brackets - 1) & 1; /* "P(A \\mid B)" */
        say(f, within ? "given" : "divides", within ? "给定" : "整除", begin);
        f->term = false;
    } else if (strcmp(name, "binom") == 0) {
        group(f);
        say(f, "choose", "选", f->at);
        group(f);
    } else if (is_among(quoted, name)) {
        words(f);
    } else if (is_among(named_apart, name)) {
        const size_t out = f->m->out->text.size;
        words(f);
        f->m->out->text.size = out; /* the name of what begins is not said */
        f->m->out->origins.size = out * sizeof(ev_origin);
        f->term = false;
    } else if (is_among(silent, name)) {
        markup_put(f->m, " ", 1, begin, f->at);
        if (peek(f, 0) == '.') f->at++; /* "\right." */
    } else if (!named(f, name, begin)) {
        markup_put(f->m, " ", 1, begin, f->at);
        markup_copy(f->m, begin + 1, f->at);
        markup_put(f->m, " ", 1, begin, f->at);
        f->term = true;
    }
}

/* ---- what stands in a formula ---- */

static void power(formula *f) {
    const size_t begin = f->at++;
    skip_spaces(f);
    const size_t braced = peek(f, 0) == '{';
    const char c = peek(f, braced);
    const char *rest = f->m->text + f->at + braced;
    const size_t left = f->end - f->at - (f->at < f->end ? braced : 0);
    const bool degrees = left >= 5 && memcmp(rest, "\\circ", 5) == 0,
               prime = left >= 6 && !memcmp(rest, "\\prime", 6);
    const bool alone = !braced || peek(f, 2) == '}';
    if ((c == '2' || c == '3') && alone) {
        f->at += braced ? 3 : 1;
        say(f, c == '2' ? "squared" : "cubed", c == '2' ? "的平方" : "的立方", begin);
    } else if (degrees || prime) {
        f->at += (degrees ? 5 : 6) + braced + (braced && peek(f, (degrees ? 5 : 6) + braced) == '}');
        say(f, degrees ? "degrees" : "prime", degrees ? "度" : "撇", begin);
    } else {
        say(f, "to the power of", "的", begin);
        group(f);
        if (f->chinese) say(f, "", "次方", begin);
    }
    f->term = true;
}

static void number(formula *f) {
    const size_t begin = f->at;
    while (f->at < f->end &&
           (markup_is_digit(peek(f, 0)) || ((peek(f, 0) == '.' || peek(f, 0) == ',') && markup_is_digit(peek(f, 1)))))
        f->at++;
    markup_put(f->m, " ", 1, begin, begin);
    markup_copy(f->m, begin, f->at);
    f->term = true;
    if (peek(f, 0) == '/' && markup_is_digit(peek(f, 1))) { /* "1/2" */
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        number(f);
    } else {
        markup_put(f->m, " ", 1, f->at, f->at);
    }
}

/* By its phones: as a word it would be an article. */
static bool letter_a(formula *f, size_t at) {
    ev_marked *out = f->m->out;
    ev_insert insert = {.at = out->text.size, .byte_begin = (uint32_t)at, .byte_end = (uint32_t)at + 1};
    insert.token_begin = ev_array_count(&out->tokens, int16_t);
    if (!ev_notation_read(&out->tokens, "EY1", 3, EV_NOTATION_TOKENS, NULL)) return false;
    insert.token_end = ev_array_count(&out->tokens, int16_t);
    ev_buf_append(&out->inserts, &insert, sizeof(insert));
    return true;
}

static void variable(formula *f) {
    const size_t at = f->at++;
    markup_put(f->m, " ", 1, at, at + 1);
    const char c = f->m->text[at];
    if ((c != 'a' && c != 'A') || f->chinese || !letter_a(f, at)) markup_copy(f->m, at, at + 1);
    f->term = true;
    const bool call = peek(f, 0) == '(' && f->brackets < 31 && strchr("fghpuFGHPELTV", c);
    if (!call) {
        markup_put(f->m, " ", 1, at, at + 1);
        return;
    }
    f->at++; /* "f(x)" */
    say(f, "of", " ", at);
    f->calls |= UINT32_C(1) << f->brackets++;
    f->term = false;
}

static void bracket(formula *f) {
    const char c = f->m->text[f->at];
    const bool open = c == '(' || c == '[';
    bool silent_one = false;
    if (open && f->brackets < 31) {
        f->calls &= ~(UINT32_C(1) << f->brackets++);
    } else if (!open && f->brackets > 0) {
        silent_one = f->calls >> --f->brackets & 1;
    }
    if (silent_one)
        markup_put(f->m, " ", 1, f->at, f->at + 1);
    else
        markup_copy(f->m, f->at, f->at + 1);
    f->at++;
    f->term = !open;
}

static bool operation(formula *f) {
    static const struct {
        char c;
        const char *english, *chinese;
    } operators[] = {{'+', "plus", "加"},           {'=', "equals", "等于"},
                     {'<', "is less than", "小于"}, {'>', "is greater than", "大于"},
                     {'*', "times", "乘"},          {'/', "over", "除以"}};
    const char c = peek(f, 0);
    for (size_t k = 0; k < EV_ARRAY_COUNT(operators); k++)
        if (c == operators[k].c) {
            f->at++;
            say(f, operators[k].english, operators[k].chinese, f->at - 1);
            f->term = false;
            return true;
        }
    if (c != '-' && c != '!' && c != '\'') return false;
    const bool term = f->term;
    f->at++;
    if (c == '-') {
        say(f, term ? "minus" : "negative", term ? "减" : "负", f->at - 1);
        f->term = false;
    } else {
        say(f, c == '!' ? "factorial" : "prime", c == '!' ? "的阶乘" : "撇", f->at - 1);
    }
    return true;
}

static void item(formula *f) {
    const char c = peek(f, 0);
    if (operation(f)) return;
    if (c == '\\') {
        command(f);
    } else if (c == '^') {
        power(f);
    } else if (c == '_') {
        f->at++;
        if (!f->chinese) say(f, "sub", "", f->at - 1);
        group(f);
    } else if (c == '{') {
        group(f);
    } else if (markup_is_digit(c)) {
        number(f);
    } else if (markup_is_alpha(c)) {
        variable(f);
    } else if (c && strchr("()[]", c)) {
        bracket(f);
    } else if (markup_is_space(c) || (c && strchr("}|&~$", c))) {
        markup_put(f->m, " ", 1, f->at, f->at + 1);
        f->at++;
    } else {
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        f->term = false;
    }
}

static void sequence(formula *f, char stop) {
    while (f->at < f->end && f->m->text[f->at] != stop) item(f);
}

/* ---- finding ---- */

static bool is_han(const char *s, size_t n) {
    for (size_t i = 0; i + 2 < n; i++)
        if ((unsigned char)s[i] >= 0xE4 && (unsigned char)s[i] <= 0xE9) return true;
    return false;
}

static bool around_is_chinese(const markup *m, size_t begin, size_t end) {
    const char *language = m->options->language;
    if (language && strcmp(language, "auto") != 0) return strcmp(language, "zh") == 0;
    const size_t from = begin > AROUND ? begin - AROUND : 0, to = m->bytes - end > AROUND ? end + AROUND : m->bytes;
    return is_han(m->text + from, to - from);
}

/* No prose: a command, a power, an index; or variables of a letter or two, figures and signs. */
static bool is_formula(const char *s, size_t n) {
    size_t run = 0, longest = 0;
    bool marked = false, sign = false, letter = false, other = false;
    for (size_t i = 0; i < n; i++) {
        const bool alpha = markup_is_alpha(s[i]);
        marked |= (s[i] == '\\' && i + 1 < n && markup_is_alpha(s[i + 1])) || s[i] == '^' || s[i] == '_';
        sign |= strchr("+-*/=<>(|!", s[i]) != NULL && s[i];
        letter |= alpha;
        other |=
            !alpha && !markup_is_digit(s[i]) && !markup_is_space(s[i]) && !(s[i] && strchr("+-*/=<>()[]|,.!'", s[i]));
        run = alpha ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    if (marked) return true;
    return letter && !other && longest <= 2 && (sign || n <= 2);
}

/* Where `close` stands; 0: not before `most` bytes, a blank line or the end, and *none tells until where. */
static size_t find_close(const markup *m, size_t at, const char *close, size_t most, size_t *none) {
    const size_t n = strlen(close), end = m->bytes - at > most ? at + most : m->bytes;
    size_t i = at;
    for (; i + n <= end; i++) {
        if (m->text[i] == '\n' && (n == 1 || markup_char(m, i + 1) == '\n')) break;
        if (m->text[i] == '\\' && *close != '\\') {
            i++;
            continue;
        }
        if (memcmp(m->text + i, close, n) == 0) return i;
        if (m->text[i] == '\\') i++;
    }
    *none = i;
    return 0;
}

size_t markup_math(markup *m, size_t at) {
    const char next = markup_char(m, at + 1);
    const bool dollar = m->text[at] == '$', display = dollar ? next == '$' : next == '[';
    const size_t mark = dollar && !display ? 1 : 2, begin = at + mark;
    const char *close = dollar ? (display ? "$$" : "$") : display ? "\\]" : "\\)";
    if (!dollar && next != '(' && next != '[') return 0;
    if (dollar && !display && (begin >= m->bytes || markup_is_space(next))) return 0;
    size_t *none = &m->no_math[!dollar ? 0 : display ? 1 : 2];
    if (at < *none) return 0;
    const size_t end = find_close(m, begin, close, mark == 1 ? INLINE_MAX : DISPLAY_MAX, none);
    if (end <= begin || !is_formula(m->text + begin, end - begin)) return 0;
    if (mark == 1) { /* money and names of the shell: "$5 and $10", "$a/$b", "${x}" */
        const char behind = markup_char(m, end + 1);
        if (markup_is_space(m->text[end - 1]) || markup_is_digit(behind) || markup_is_alpha(behind) ||
            behind == '{' || (at > 0 && markup_is_alpha(m->text[at - 1])))
            return 0;
    }
    formula f = {.m = m, .at = begin, .end = end, .chinese = around_is_chinese(m, begin, end)};
    markup_void(m, at, begin);
    sequence(&f, '\0');
    markup_void(m, end, end + mark);
    return end + mark;
}
