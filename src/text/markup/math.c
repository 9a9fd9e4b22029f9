/* math: formulas as LaTeX writes them, "$x^2$", "\(a+b\)", "$$...$$", "\[...\]", as chat answers hold them: to the
 * words of the language around. What looks like prose or money between two dollars stays as it is.
 *
 * One pass over the formula; groups within groups are followed to a depth. Letters are variables, each by itself.
 */
#include <string.h>

#include "text/en/en.h"
#include "text/markup/marked.h"
#include "text/notation.h"

enum { INLINE_MAX = 400, DISPLAY_MAX = 2000, DEPTH_MAX = 12, COMMAND_MAX = 24, AROUND = 400 };

enum { OPEN_MAX = 31 };

typedef struct formula {
    markup *m;
    size_t at, end;
    size_t depth;
    bool chinese;
    bool term;     /* a term stands before: "-" takes away */
    bool limit;    /* below a limit: an arrow is "approaches" */
    bool callee;   /* what stands before may be called: "f", "f'" */
    bool function; /* ... is sine and the like, whose power of -1 is the inverse */
    bool closed;   /* ... closed a bracket: its limits are from and to */
    size_t open;   /* brackets: '(', 'f' of "f(x)", '[', '{' a set, '|', 'N' a norm */
    char kinds[OPEN_MAX];
} formula;

/* ---- saying ---- */

/* One blank, where none stands. */
static void blank(formula *f, size_t at) {
    const ev_buf *text = &f->m->out->text;
    if (!text->size || ((const char *)text->data)[text->size - 1] != ' ') markup_put(f->m, " ", 1, at, at);
}

static void say(formula *f, const char *english, const char *chinese, size_t begin) {
    const char *word = f->chinese ? chinese : english;
    blank(f, begin);
    markup_put(f->m, word, strlen(word), begin, f->at);
    blank(f, f->at);
}

/* By its phones: as a word "a" would be an article, and "2 m" a measure. false: as it stands. */
static bool say_phones(formula *f, const char *phones, size_t begin, size_t end) {
    ev_marked *out = f->m->out;
    ev_insert insert = {.at = out->text.size, .byte_begin = (uint32_t)begin, .byte_end = (uint32_t)end};
    insert.token_begin = ev_array_count(&out->tokens, int16_t);
    if (!ev_notation_read(&out->tokens, phones, strlen(phones), EV_NOTATION_TOKENS, NULL)) return false;
    insert.token_end = ev_array_count(&out->tokens, int16_t);
    ev_buf_append(&out->inserts, &insert, sizeof(insert));
    return true;
}

static char peek(const formula *f, size_t ahead) {
    return (char)(f->at + ahead < f->end ? f->m->text[f->at + ahead] : 0);
}

static void skip_spaces(formula *f) {
    while (f->at < f->end && markup_is_space(f->m->text[f->at])) f->at++;
}

static void sequence(formula *f, char stop);
static void item(formula *f);

/* "{...}", or the one item that stands there; deeper than DEPTH_MAX nothing is said. */
static void group(formula *f) {
    skip_spaces(f);
    f->term = false;
    if (f->at >= f->end) return;
    if (f->depth >= DEPTH_MAX) {
        f->at++;
        return;
    }
    f->depth++;
    if (peek(f, 0) == '{') {
        f->at++;
        sequence(f, '}');
        if (peek(f, 0) == '}') f->at++;
    } else if (markup_is_digit(peek(f, 0))) { /* x^12 is x^1 2 */
        blank(f, f->at);
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        blank(f, f->at);
    } else {
        item(f);
    }
    f->depth--;
    f->term = true;
}

/* Where the "}" of the "{" at `at` stands, or the end. */
static size_t group_end(const formula *f, size_t at) {
    size_t depth = 0;
    for (; at < f->end; at++) {
        depth += f->m->text[at] == '{';
        if (f->m->text[at] == '}' && --depth == 0) break;
    }
    return at;
}

/* "{...}" as it is written: \text{if }, \ce{A -> B}; what is no words is read as a formula all the same. */
static void words(formula *f, bool silently) {
    skip_spaces(f);
    if (peek(f, 0) != '{') return;
    const size_t begin = f->at + 1, end = group_end(f, f->at);
    bool plain = true;
    for (size_t i = begin; i < end; i++)
        plain &= f->m->text[i] != '\\' && f->m->text[i] != '^' && f->m->text[i] != '_';
    if (!plain && !silently) {
        group(f);
        return;
    }
    blank(f, f->at);
    for (size_t i = begin, from = begin; !silently && i <= end; i++) {
        const bool arrow = i + 1 < end && f->m->text[i] == '-' && f->m->text[i + 1] == '>';
        if (!arrow && i < end) continue;
        markup_copy(f->m, from, i);
        if (arrow) markup_put(f->m, " \xE2\x86\x92 ", 5, i, i + 2);
        from = i + 2;
        i += arrow;
    }
    blank(f, end);
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
    {"leftarrow", "becomes", "赋值为", false},
    {"mapsto", "maps to", "映射到", false},
    {"therefore", "therefore", "所以", false},
    {"because", "because", "因为", false},
    {"perp", "is perpendicular to", "垂直于", false},
    {"parallel", "is parallel to", "平行于", false},
    {"angle", "angle", "角", false},
    {"triangle", "triangle", "三角形", false},
    {"degree", "degrees", "度", true},
    {"circ", "of", "圈", false},
    {"setminus", "minus", "减", false},
    {"varnothing", "the empty set", "空集", true},
    {"supset", "contains", "包含", false},
    {"supseteq", "contains", "包含", false},
    {"nmid", "does not divide", "不整除", false},
    {"oplus", "plus", "加", false},
    {"otimes", "times", "乘", false},
    {"leftrightarrow", "if and only if", "等价于", false},
    {"longrightarrow", "to", "到", false},
    {"Longrightarrow", "implies", "推出", false},
    {"rightleftharpoons", "is in equilibrium with", "可逆地生成", false},
    {"gets", "becomes", "赋值为", false},
    {"coloneqq", "is defined as", "定义为", false},
    {"lesssim", "is about at most", "约小于等于", false},
    {"arg", "the argument of", "幅角", false},
    {"deg", "the degree of", "次数", false},
    {"ker", "the kernel of", "核", false},
    {"lg", "log", "log", false},
    {"Pr", "the probability of", "概率", false},
    {"top", "top", "真", false},
    {"bot", "bottom", "假", false},
    {"star", "star", "星", true},
    {"dagger", "dagger", "dagger", true},
    {"not", "not", "非", false},
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
    {"ln", "L N", "L N", false},
    {"exp", "exp", "exp", false},
    {"det", "the determinant of", "行列式", false},
    {"dim", "the dimension of", "维数", false},
    {"gcd", "G C D", "最大公约数", false},
    {"ldots", "and so on", "等等", true},
    {"dots", "and so on", "等等", true},
    {"cdots", "and so on", "等等", true},
    {"vdots", "and so on", "等等", true},
};

/* What has no sound, alone or with the group behind it. */
static const char silent[] =
    " left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle limits nolimits quad "
    "qquad mathbb mathbf mathcal mathit mathsf mathfrak mathscr boldsymbol bm rm bf it boxed nonumber "
    "notag hfill middle cancel underline underbrace overbrace phantom lfloor rfloor lceil rceil langle "
    "rangle colon substack ";
static const char quoted[] = " text textbf textit textrm mathrm operatorname mbox ce ";
static const char unsaid[] = " begin end hspace vspace color textcolor tag label ref ";
static const char functions[] = " sin cos tan cot sec csc sinh cosh tanh ";
static const char greek[] = " phi varphi psi sigma theta rho mu nu chi Phi Psi Gamma zeta ";

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
            {"bigcap", "the intersection", "交集"},
            {"iiint", "the triple integral", "三重积分"},
            {"bigoplus", "the direct sum", "直和"}};

/* Limits that only say where: "the maximum over x of". */
static const struct {
    const char *name, *english, *chinese;
} bounded[] = {{"max", "the maximum", "最大值"},           {"min", "the minimum", "最小值"},
               {"sup", "the supremum", "上确界"},          {"inf", "the infimum", "下确界"},
               {"argmax", "arg max", "arg max"},           {"argmin", "arg min", "arg min"},
               {"limsup", "the limit superior", "上极限"}, {"liminf", "the limit inferior", "下极限"}};

static bool is_among(const char *list, const char *name) {
    const size_t n = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if (at > list && at[-1] == ' ' && at[n] == ' ') return true;
    return false;
}

static char top_of(const formula *f) { return (char)(f->open ? f->kinds[f->open - 1] : 0); }

static void push(formula *f, char kind) {
    if (f->open < OPEN_MAX) f->kinds[f->open++] = kind;
    f->term = f->callee = f->function = f->closed = false;
}

static char pop(formula *f) {
    const char kind = top_of(f);
    if (f->open) f->open--;
    f->term = f->closed = true;
    f->callee = f->function = false;
    return kind;
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
        blank(f, begin);
        markup_copy(f->m, top, top_end);
        markup_put(f->m, "/", 1, begin, begin + 1);
        markup_copy(f->m, bottom, bottom_end);
        f->at = end;
        blank(f, end);
    } else {
        group(f);
        say(f, "over", "除以", f->at);
        group(f);
    }
    f->term = true;
}

static void root(formula *f, size_t begin) {
    skip_spaces(f);
    const char *text = f->m->text;
    const size_t from = f->at + 1;
    size_t stop = f->at;
    if (peek(f, 0) == '[')
        while (stop < f->end && stop < f->at + 24 && text[stop] != ']') stop++;
    const bool indexed = stop > f->at && stop < f->end && text[stop] == ']';
    const bool three = indexed && stop == from + 1 && text[from] == '3' && !f->chinese;
    if (!indexed || three) {
        if (indexed) f->at = stop + 1;
        say(f, three ? "the cube root of" : "the square root of", "根号", begin);
    } else if (figures_end(f, from, &(size_t){0}, &(size_t){0}) && stop == from + 1 && !f->chinese) {
        blank(f, begin);
        markup_put(f->m, "the ", 4, begin, from);
        markup_copy(f->m, from, stop);
        f->at = stop + 1;
        markup_put(f->m, "th root of ", 11, begin, f->at);
    } else {
        const size_t end = f->end;
        f->at = from;
        f->end = stop;
        sequence(f, '\0');
        f->end = end;
        f->at = stop + 1;
        if (!f->chinese && say_phones(f, "TH", stop, f->at)) blank(f, f->at);
        say(f, "root of", "次根号", stop);
    }
    group(f);
}

/* Whether the bound at "_" names a first value: it has "=", or an upper one follows. */
static bool counts(const formula *f) {
    const char *text = f->m->text;
    size_t at = f->at + 1;
    while (at < f->end && markup_is_space(text[at])) at++;
    const size_t stop = at < f->end && text[at] == '{' ? group_end(f, at) : at;
    for (size_t i = at; i < stop; i++)
        if (text[i] == '=') return true;
    size_t next = stop + 1;
    while (next < f->end && markup_is_space(text[next])) next++;
    return next < f->end && text[next] == '^';
}

static bool skip_command(formula *f, const char *name) {
    const size_t n = strlen(name);
    skip_spaces(f);
    if (f->end - f->at < n || memcmp(f->m->text + f->at, name, n) != 0 || markup_is_alpha(peek(f, n))) return false;
    f->at += n;
    return true;
}

static void limits(formula *f, const char *english, const char *chinese, size_t begin) {
    if (!f->chinese) say(f, english, "", begin);
    for (int k = 0; k < 4; k++) {
        if (skip_command(f, "\\limits") || skip_command(f, "\\nolimits")) continue;
        if (peek(f, 0) == '_' && !counts(f)) {
            f->at++;
            say(f, "over", "对", f->at - 1);
            group(f);
        } else if (peek(f, 0) == '_' || peek(f, 0) == '^') {
            const bool up = peek(f, 0) == '^';
            f->at++;
            say(f, up ? "to" : "from", up ? "到" : "从", f->at - 1);
            group(f);
        }
    }
    say(f, "of", chinese, begin);
    f->term = false;
}

static void limit(formula *f, size_t begin) {
    const bool outer = f->limit;
    (void)skip_command(f, "\\limits");
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

static void logarithm(formula *f, size_t begin) {
    skip_spaces(f);
    if (peek(f, 0) == '_') {
        f->at++;
        say(f, "log base", "log 以", begin);
        group(f);
        say(f, "of", "为底", begin);
    } else {
        say(f, "log", "log", begin);
    }
    f->term = false;
}

/* "|" and "\|": opens where no term stands before, closes what is open; else, behind a term, "given". */
static void bar(formula *f, char kind, size_t begin) {
    const bool norm = kind == 'N';
    bool within = false;
    for (size_t k = 0; k < f->open; k++) within |= f->kinds[k] == kind;
    if (f->term && top_of(f) == kind) {
        (void)pop(f);
        if (f->chinese) say(f, "", norm ? "的范数" : "的绝对值", begin);
        blank(f, f->at);
    } else if (!f->term && !within) {
        push(f, kind);
        if (!f->chinese) say(f, norm ? "the norm of" : "the absolute value of", "", begin);
    } else if (f->term && top_of(f) && strchr("(f[{", top_of(f))) {
        say(f, top_of(f) == '{' ? "such that" : "given", top_of(f) == '{' ? "满足" : "给定", begin);
        f->term = false;
    } else {
        blank(f, begin);
        f->closed = f->term;
    }
}

static void divides(formula *f, size_t begin) {
    const char top = top_of(f);
    const bool set = top == '{', given = top && strchr("(f[", top);
    say(f, set ? "such that" : given ? "given" : "divides", set ? "满足" : given ? "给定" : "整除", begin);
    f->term = false;
}

/* "\sim": of a distribution where a capital follows. */
static void similar(formula *f, size_t begin) {
    skip_spaces(f);
    const bool drawn = (peek(f, 0) >= 'A' && peek(f, 0) <= 'Z') || peek(f, 0) == '\\';
    say(f, drawn ? "is distributed as" : "is about", drawn ? "服从" : "约等于", begin);
    f->term = false;
}

/* "\name" whose letters were read; false: it is none of the tables'. */
static bool named(formula *f, const char *name, size_t begin) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(signs); k++)
        if (strcmp(name, signs[k].name) == 0) {
            say(f, signs[k].english, signs[k].chinese, begin);
            f->term = signs[k].term;
            f->function = is_among(functions, name);
            f->callee = is_among(greek, name);
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(wide); k++)
        if (strcmp(name, wide[k].name) == 0) {
            limits(f, wide[k].english, wide[k].chinese, begin);
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(bounded); k++)
        if (strcmp(name, bounded[k].name) == 0) {
            skip_spaces(f);
            if (peek(f, 0) == '_') {
                limits(f, bounded[k].english, bounded[k].chinese, begin);
            } else {
                say(f, bounded[k].english, bounded[k].chinese, begin);
                f->term = false;
            }
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

/* A backslash before what is no letter: "\\", "\,", "\{", "\%", "\|". */
static void escape(formula *f, size_t begin) {
    const char c = peek(f, 0);
    if (f->at < f->end) f->at++;
    if (c == '\\') {
        if (peek(f, 0) == '[') /* "\\[4pt]" */
            while (f->at < f->end && f->m->text[f->at - 1] != ']' && f->m->text[f->at] != '\n') f->at++;
        markup_comma(f->m, begin);
        f->term = false;
    } else if (c == '{') {
        push(f, '{');
    } else if (c == '}') {
        (void)pop(f);
    } else if (c == '|') {
        bar(f, 'N', begin);
    } else if (c && strchr("%$#&_", c)) {
        markup_copy(f->m, f->at - 1, f->at);
        f->term = true;
    } else {
        blank(f, begin);
    }
}

static void command(formula *f) {
    char name[COMMAND_MAX + 1];
    const size_t begin = f->at++;
    size_t n = 0;
    while (n < COMMAND_MAX && markup_is_alpha(peek(f, 0))) name[n++] = f->m->text[f->at++];
    name[n] = '\0';
    if (n && peek(f, 0) == '*') f->at++;
    if (!n) {
        escape(f, begin);
    } else if (strcmp(name, "frac") == 0 || strcmp(name, "dfrac") == 0 || strcmp(name, "tfrac") == 0 ||
               strcmp(name, "cfrac") == 0) {
        fraction(f, begin);
    } else if (strcmp(name, "sqrt") == 0) {
        root(f, begin);
    } else if (strcmp(name, "lim") == 0) {
        limit(f, begin);
    } else if (strcmp(name, "log") == 0) {
        logarithm(f, begin);
    } else if (strcmp(name, "to") == 0 || strcmp(name, "rightarrow") == 0) {
        say(f, f->limit ? "approaches" : "to", f->limit ? "趋于" : "到", begin);
        f->term = false;
    } else if (strcmp(name, "mid") == 0) {
        divides(f, begin);
    } else if (strcmp(name, "sim") == 0) {
        similar(f, begin);
    } else if (is_among(" vert lvert rvert ", name)) {
        bar(f, '|', begin);
    } else if (is_among(" Vert lVert rVert ", name)) {
        bar(f, 'N', begin);
    } else if (strcmp(name, "binom") == 0) {
        group(f);
        say(f, "choose", "选", f->at);
        group(f);
    } else if (is_among(quoted, name)) {
        words(f, false);
    } else if (is_among(unsaid, name)) {
        words(f, true);
        if (strcmp(name, "begin") == 0 && peek(f, 0) == '{') words(f, true); /* \begin{array}{cc} */
        f->term = false;
    } else if (is_among(silent, name)) {
        blank(f, begin);
        if (peek(f, 0) == '.') f->at++; /* "\right." */
    } else if (!named(f, name, begin)) {
        blank(f, begin);
        markup_copy(f->m, begin + 1, begin + 1 + n);
        blank(f, f->at);
        f->term = true;
    }
}

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
    skip_spaces(f);
    const bool braced = peek(f, 0) == '{';
    const size_t from = f->at + braced;
    size_t end = braced ? group_end(f, f->at) : f->at + (f->at < f->end);
    if (!braced && peek(f, 0) == '\\')
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
        say(f, whole, whole, begin);
    } else if (ordinal && !f->chinese && say_phones(f, "TH", begin, end)) {
        f->at = end + (braced && end < f->end);
        blank(f, f->at);
    } else {
        say(f, superscript ? "superscript" : "to the power of", superscript ? "上标" : "的", begin);
        group(f);
        if (f->chinese && !superscript) say(f, "", "次方", begin);
    }
    f->term = true;
    f->callee = callee && !f->function;
    f->function = f->closed = false;
}

static void subscript(formula *f) {
    const size_t begin = f->at++;
    const bool callee = f->callee, closed = f->closed;
    if (closed && counts(&(formula){.m = f->m, .at = begin, .end = f->end})) { /* "]_0^1" */
        say(f, "from", "从", begin);
        group(f);
        skip_spaces(f);
        if (peek(f, 0) == '^') {
            f->at++;
            say(f, "to", "到", f->at - 1);
            group(f);
        }
    } else {
        say(f, "sub", "", begin);
        group(f);
    }
    f->callee = callee;
    f->closed = f->function = false;
}

static void number(formula *f) {
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    const size_t begin = f->at;
    blank(f, begin);
    while (f->at < f->end) {
        const bool joins = (peek(f, 0) == '.' || peek(f, 0) == ',') && markup_is_digit(peek(f, 1));
        const bool part = peek(f, 0) == '/' && markup_is_digit(peek(f, 1)); /* "1/2" */
        const bool thousand =
            peek(f, 0) == '{' && peek(f, 1) == ',' && peek(f, 2) == '}' && markup_is_digit(peek(f, 3));
        if (thousand) { /* "1{,}000" */
            markup_copy(f->m, f->at + 1, f->at + 2);
            f->at += 3;
        } else if (markup_is_digit(peek(f, 0)) || joins || part) {
            markup_copy(f->m, f->at, f->at + 1);
            f->at++;
        } else {
            break;
        }
    }
    for (size_t k = 0; k < EV_ARRAY_COUNT(endings); k++)
        if (f->end - f->at >= 5 && memcmp(f->m->text + f->at, "^{", 2) == 0 && peek(f, 4) == '}' &&
            memcmp(f->m->text + f->at + 2, endings[k], 2) == 0) { /* "1^{st}" */
            markup_copy(f->m, f->at + 2, f->at + 4);
            f->at += 5;
            break;
        }
    if (peek(f, 0) == '\\' && peek(f, 1) == '%') { /* "50\\%" */
        markup_copy(f->m, f->at + 1, f->at + 2);
        f->at += 2;
    }
    blank(f, f->at);
    f->term = true;
    f->callee = f->function = f->closed = false;
}

static void variable(formula *f) {
    static const char functions_of_one[] = "fghFGHPEJOLNVTQ";
    const size_t at = f->at++;
    const char c = f->m->text[at];
    blank(f, at);
    if (!say_phones(f, en_letter_names[(c | 0x20) - 'a'], at, at + 1)) markup_copy(f->m, at, at + 1);
    blank(f, f->at);
    f->term = true;
    f->callee = strchr(functions_of_one, c) != NULL;
    f->function = f->closed = false;
    const char argument = peek(f, 1);
    if (peek(f, 0) == '(' && peek(f, 2) == ')' && (markup_is_alpha(argument) || argument == '0') && argument != c)
        f->callee = true; /* "x(t)" */
}

static void bracket(formula *f) {
    const size_t at = f->at++;
    const char c = f->m->text[at];
    if (c == '(' && f->callee) {
        push(f, 'f');
        say(f, "of", "", at);
    } else if (c == '(' || c == '[') {
        push(f, c);
        markup_copy(f->m, at, at + 1);
    } else if (pop(f) == 'f') {
        blank(f, at);
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
    const char c = peek(f, 0);
    for (size_t k = 0; k < EV_ARRAY_COUNT(operators); k++) {
        const size_t n = strlen(operators[k].written);
        if (f->end - f->at < n || memcmp(f->m->text + f->at, operators[k].written, n) != 0) continue;
        f->at += n;
        say(f, operators[k].english, operators[k].chinese, f->at - n);
        f->term = f->callee = f->function = f->closed = false;
        return true;
    }
    if (c != '-' && c != '!' && c != '\'') return false;
    const bool term = f->term, callee = f->callee;
    f->at++;
    if (c == '-') {
        say(f, term ? "minus" : "negative", term ? "减" : "负", f->at - 1);
        f->term = f->callee = false;
    } else {
        say(f, c == '!' ? "factorial" : "prime", c == '!' ? "的阶乘" : "撇", f->at - 1);
        f->callee = callee && c == '\'';
    }
    f->function = f->closed = false;
    return true;
}

/* The ends of lines, and ">" of a quotation where one begins. */
static void space(formula *f) {
    bool line = false;
    const size_t begin = f->at;
    while (f->at < f->end && (markup_is_space(peek(f, 0)) || (line && peek(f, 0) == '>'))) {
        line |= peek(f, 0) == '\n';
        f->at++;
    }
    blank(f, begin);
}

static void item(formula *f) {
    const char c = peek(f, 0);
    if (markup_is_space(c)) {
        space(f);
    } else if (operation(f)) {
        return;
    } else if (c == '\\') {
        command(f);
    } else if (c == '^') {
        power(f);
    } else if (c == '_') {
        subscript(f);
    } else if (c == '{') {
        group(f);
    } else if (c == '|') {
        f->at++;
        bar(f, '|', f->at - 1);
    } else if (markup_is_digit(c)) {
        number(f);
    } else if (markup_is_alpha(c)) {
        variable(f);
    } else if (c && strchr("()[]", c)) {
        bracket(f);
    } else if (c && strchr("}&~$", c)) {
        blank(f, f->at);
        f->at++;
    } else {
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        f->term = (unsigned char)c >= 0x80 || c == '%';
    }
}

static void sequence(formula *f, char stop) {
    while (f->at < f->end && f->m->text[f->at] != stop) item(f);
}

/* ---- finding ---- */

/* Is a Chinese character or mark at s (three bytes)? */
static bool is_chinese(const char *s) {
    const unsigned char a = (unsigned char)s[0], b = (unsigned char)s[1];
    return (a >= 0xE4 && a <= 0xE9) || (a == 0xE3 && b == 0x80) || (a == 0xEF && (b == 0xBC || b == 0xBD));
}

/* The language of what stands nearest outside, other formulas passed over: before it, else behind it. */
static bool around_is_chinese(const markup *m, size_t begin, size_t end) {
    const char *language = m->options->language;
    bool inside = false;
    if (language && strcmp(language, "auto") != 0) return strcmp(language, "zh") == 0;
    for (size_t i = begin; i > 0 && begin - i < AROUND; i--) {
        const char c = m->text[i - 1];
        if (c == '$' || (i > 1 && m->text[i - 2] == '\\' && strchr("()[]", c))) inside = !inside;
        if (inside) continue;
        if (markup_is_alpha(c) && i > 1 && markup_is_alpha(m->text[i - 2])) return false;
        if (i + 1 < m->bytes && i + 1 <= begin && is_chinese(m->text + i - 1)) return true;
    }
    inside = false;
    for (size_t i = end; i + 2 < m->bytes && i - end < AROUND; i++) {
        const char c = m->text[i];
        if (c == '$' || (i > 0 && m->text[i - 1] == '\\' && strchr("()[]", c))) inside = !inside;
        if (inside) continue;
        if (markup_is_alpha(c) && markup_is_alpha(m->text[i + 1])) return false;
        if (is_chinese(m->text + i)) return true;
    }
    return false;
}

typedef struct look { /* of what may be a formula */
    size_t words, longest, letters, figures;
    bool marked, sign, other, prose, space, sum;
} look;

/* A run of letters: a name of mathematics, capitals, or a word. */
static void look_at_run(look *l, const char *s, size_t n, bool alone) {
    static const char names[] = " sin cos tan log ln lim max min exp det gcd ",
                      small[] = " or to in of at is mo hr for per the and by ";
    char word[6] = "";
    bool capitals = true;
    for (size_t i = 0; i < n; i++) capitals &= s[i] >= 'A' && s[i] <= 'Z';
    if (n < sizeof word) memcpy(word, s, n);
    l->letters += n;
    if (*word && is_among(names, word)) return;
    if (*word && alone && n > 1 && is_among(small, word)) l->prose = true;
    if (n > l->longest && !(capitals && n <= 4)) l->longest = n;
    l->words += n >= 3 && !(capitals && n <= 4);
}

/* Of a command whose "{...}" holds words: "text", "begin", "operatorname". */
static bool has_words(const char *name, size_t n) {
    char word[COMMAND_MAX + 1] = "";
    if (n && name[n - 1] == '*') n--;
    if (n >= sizeof word) return false;
    memcpy(word, name, n);
    return is_among(quoted, word) || is_among(unsaid, word);
}

static look look_at(const char *s, size_t n) {
    look l = {0};
    for (size_t i = 0; i < n; i++) {
        const char c = s[i];
        const unsigned char byte = (unsigned char)c;
        size_t run = i;
        while (run < n && markup_is_alpha(s[run])) run++;
        if (run > i) {
            look_at_run(&l, s + i, run - i, (i == 0 || s[i - 1] == ' ') && (run == n || s[run] == ' '));
            i = run - 1;
        } else if (c == '\\' && i + 1 < n && markup_is_alpha(s[i + 1])) {
            const size_t begin = ++i;
            while (i < n && markup_is_alpha(s[i])) i++;
            l.marked = true;
            if (i < n && s[i] == '*') i++;
            if (i < n && s[i] == '{' && has_words(s + begin, i - begin))
                while (i < n && s[i] != '}') i++;
            else
                i--;
        } else if (c == '\\' && i + 1 < n) {
            i++;
            l.sign |= s[i] == '|' || s[i] == '{';
        } else if (c == '^' || c == '_') {
            l.marked |= i > 0;
        } else if (c && strchr("+-*/=<>(|!", c)) {
            l.sign = true;
            l.sum |= strchr("+=<>", c) != NULL;
        } else if (byte == 0xCE || byte == 0xCF || byte == 0xE2 || byte == 0xC2 || byte == 0xC3) {
            l.letters += byte == 0xCE || byte == 0xCF;
            l.sign |= byte == 0xE2 || byte == 0xC3;
        } else {
            l.figures += markup_is_digit(c);
            l.space |= markup_is_space(c);
            l.other |= !markup_is_digit(c) && !markup_is_space(c) && byte < 0x80 && !(c && strchr(")[]{},.':%&", c));
            l.other |= byte >= 0xE3;
        }
    }
    return l;
}

/* No prose: a command, a power, an index; or variables of a letter or two, figures and signs. */
static bool is_formula(const char *s, size_t n, bool display) {
    const look l = look_at(s, n);
    if (l.words >= 2 || l.prose) return false;
    if (l.marked) return true;
    if (l.other || l.longest > (l.sign ? 3 : 2)) return false;
    if (display) return l.letters || l.figures;
    return l.letters ? l.sign || n <= 4 : l.figures && (l.sum || !l.space); /* "$10, 5$" is money */
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

/* Between two single dollars: money and names of the shell are no formulas: "$5 and $10", "$a/$b", "$(x) $(y)". */
static bool is_money(const markup *m, size_t at, size_t end) {
    const char before = (char)(at > 0 ? m->text[at - 1] : 0), behind = markup_char(m, end + 1);
    if (markup_is_space(m->text[end - 1]) || markup_is_digit(behind) || markup_is_alpha(behind)) return true;
    if (behind && strchr("_({'\"[/", behind)) return true;
    if (before == '-' && at > 1 && markup_is_digit(m->text[at - 2])) return true; /* "$5-$10" */
    return before && (markup_is_alpha(before) || markup_is_digit(before) || strchr(")}]/", before));
}

/* "$i$th": what follows on a formula, said with it; its bytes. */
static size_t ordinal_behind(const markup *m, size_t at) {
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(endings); k++)
        if (at + 2 <= m->bytes && memcmp(m->text + at, endings[k], 2) == 0 &&
            !markup_is_alpha(markup_char(m, at + 2)))
            return 2;
    return 0;
}

size_t markup_math(markup *m, size_t at) {
    const char next = markup_char(m, at + 1);
    const bool dollar = m->text[at] == '$', display = dollar ? next == '$' : next == '[';
    const size_t mark = dollar && !display ? 1 : 2, begin = at + mark;
    const char *close = dollar ? (display ? "$$" : "$") : display ? "\\]" : "\\)";
    if (!dollar && next != '(' && next != '[') return 0;
    if (dollar && !display && (begin >= m->bytes || markup_is_space(next))) return 0;
    size_t *none = &m->no_math[(dollar ? 2 : 0) + display];
    if (at < *none) return 0;
    const size_t end = find_close(m, begin, close, mark == 1 ? INLINE_MAX : DISPLAY_MAX, none);
    if (end <= begin || !is_formula(m->text + begin, end - begin, mark == 2)) return 0;
    const size_t ordinal = mark == 1 ? ordinal_behind(m, end + 1) : 0;
    if (mark == 1 && !ordinal && is_money(m, at, end)) return 0;
    if (dollar && display && markup_is_alpha(markup_char(m, end + 2))) return 0; /* "$$a = $$b" */
    formula f = {.m = m, .at = begin, .end = end, .chinese = around_is_chinese(m, at, end + mark)};
    markup_void(m, at, begin);
    sequence(&f, '\0');
    markup_void(m, end, end + mark);
    if (!ordinal || f.chinese || !say_phones(&f, "TH", end + 1, end + 1 + ordinal)) return end + mark;
    blank(&f, end + 1 + ordinal);
    return end + mark + ordinal;
}
