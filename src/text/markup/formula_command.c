/* formula_command: what a backslash begins. */
#include <assert.h>
#include <string.h>

#include "text/markup/formula.h"

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
    formula_skip_spaces(f);
    const size_t behind = figures_end(f, f->at, &top, &top_end);
    const size_t end = behind ? figures_end(f, behind, &bottom, &bottom_end) : 0;
    if (end) { /* "1/2" is read as what it is */
        formula_blank(f, begin);
        markup_copy(f->m, top, top_end);
        markup_put(f->m, "/", 1, begin, begin + 1);
        markup_copy(f->m, bottom, bottom_end);
        f->at = end;
        formula_blank(f, end);
    } else {
        formula_group(f);
        formula_say(f, "over", "除以", f->at);
        formula_group(f);
    }
    f->term = true;
}

static void root(formula *f, size_t begin) {
    formula_skip_spaces(f);
    const char *text = f->m->text;
    const size_t from = f->at + 1;
    size_t stop = f->at;
    if (formula_peek(f, 0) == '[')
        while (stop < f->end && stop < f->at + 24 && text[stop] != ']') stop++;
    const bool indexed = stop > f->at && stop < f->end && text[stop] == ']';
    const bool three = indexed && stop == from + 1 && text[from] == '3' && !f->chinese;
    if (!indexed || three) {
        if (indexed) f->at = stop + 1;
        formula_say(f, three ? "the cube root of" : "the square root of", "根号", begin);
    } else if (figures_end(f, from, &(size_t){0}, &(size_t){0}) && stop == from + 1 && !f->chinese) {
        formula_blank(f, begin);
        markup_put(f->m, "the ", 4, begin, from);
        markup_copy(f->m, from, stop);
        f->at = stop + 1;
        markup_put(f->m, "th root of ", 11, begin, f->at);
    } else {
        const size_t end = f->end;
        f->at = from;
        f->end = stop;
        formula_sequence(f, '\0');
        f->end = end;
        f->at = stop + 1;
        if (!f->chinese && formula_say_phones(f, "TH", stop, f->at)) formula_blank(f, f->at);
        formula_say(f, "root of", "次根号", stop);
    }
    formula_group(f);
}

/* Whether the bound at "_" names a first value: it has "=", or an upper one follows. */
bool formula_counts(const formula *f) {
    const char *text = f->m->text;
    size_t at = f->at + 1;
    while (at < f->end && markup_is_space(text[at])) at++;
    const size_t stop = at < f->end && text[at] == '{' ? formula_group_end(f, at) : at;
    for (size_t i = at; i < stop; i++)
        if (text[i] == '=') return true;
    size_t next = stop + 1;
    while (next < f->end && markup_is_space(text[next])) next++;
    return next < f->end && text[next] == '^';
}

static bool skip_command(formula *f, const char *name) {
    const size_t n = strlen(name);
    formula_skip_spaces(f);
    if (f->end - f->at < n || memcmp(f->m->text + f->at, name, n) != 0 || markup_is_alpha(formula_peek(f, n)))
        return false;
    f->at += n;
    return true;
}

static void limits(formula *f, const char *english, const char *chinese, size_t begin) {
    if (!f->chinese) formula_say(f, english, "", begin);
    for (int k = 0; k < 4; k++) {
        if (skip_command(f, "\\limits") || skip_command(f, "\\nolimits")) continue;
        if (formula_peek(f, 0) == '_' && !formula_counts(f)) {
            f->at++;
            formula_say(f, "over", "对", f->at - 1);
            formula_group(f);
        } else if (formula_peek(f, 0) == '_' || formula_peek(f, 0) == '^') {
            const bool up = formula_peek(f, 0) == '^';
            f->at++;
            formula_say(f, up ? "to" : "from", up ? "到" : "从", f->at - 1);
            formula_group(f);
        }
    }
    formula_say(f, "of", chinese, begin);
    f->term = false;
}

static void limit(formula *f, size_t begin) {
    const bool outer = f->limit;
    (void)skip_command(f, "\\limits");
    formula_skip_spaces(f);
    if (formula_peek(f, 0) == '_') {
        f->at++;
        formula_say(f, "the limit as", "当", begin);
        f->limit = true;
        formula_group(f);
        f->limit = outer;
        formula_say(f, "of", "时的极限", begin);
    } else {
        formula_say(f, "the limit of", "极限", begin);
    }
    f->term = false;
}

static void logarithm(formula *f, size_t begin) {
    formula_skip_spaces(f);
    if (formula_peek(f, 0) == '_') {
        f->at++;
        formula_say(f, "log base", "log 以", begin);
        formula_group(f);
        formula_say(f, "of", "为底", begin);
    } else {
        formula_say(f, "log", "log", begin);
    }
    f->term = false;
}

/* "|" and "\|": opens where no term stands before, closes what is open; else, behind a term, "given". */
void formula_bar(formula *f, char kind, size_t begin) {
    const bool norm = kind == 'N';
    bool within = false;
    for (size_t k = 0; k < f->open; k++) within |= f->kinds[k] == kind;
    if (f->term && formula_top(f) == kind) {
        (void)formula_pop(f);
        if (f->chinese) formula_say(f, "", norm ? "的范数" : "的绝对值", begin);
        formula_blank(f, f->at);
    } else if (!f->term && !within) {
        formula_push(f, kind);
        if (!f->chinese) formula_say(f, norm ? "the norm of" : "the absolute value of", "", begin);
    } else if (f->term && formula_top(f) && strchr("(f[{", formula_top(f))) {
        formula_say(f, formula_top(f) == '{' ? "such that" : "given", formula_top(f) == '{' ? "满足" : "给定", begin);
        f->term = false;
    } else {
        formula_blank(f, begin);
        f->closed = f->term;
    }
}

static void divides(formula *f, size_t begin) {
    const char top = formula_top(f);
    const bool set = top == '{', given = top && strchr("(f[", top);
    formula_say(f, set ? "such that" : given ? "given" : "divides", set ? "满足" : given ? "给定" : "整除", begin);
    f->term = false;
}

/* "\sim": of a distribution where a capital follows. */
static void similar(formula *f, size_t begin) {
    formula_skip_spaces(f);
    const bool drawn = (formula_peek(f, 0) >= 'A' && formula_peek(f, 0) <= 'Z') || formula_peek(f, 0) == '\\';
    formula_say(f, drawn ? "is distributed as" : "is about", drawn ? "服从" : "约等于", begin);
    f->term = false;
}

/* "\name" whose letters were read; false: it is none of the tables'. */
static bool named(formula *f, const char *name, size_t begin) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(signs); k++)
        if (strcmp(name, signs[k].name) == 0) {
            formula_say(f, signs[k].english, signs[k].chinese, begin);
            f->term = signs[k].term;
            f->function = formula_is_among(functions, name);
            f->callee = formula_is_among(greek, name);
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(wide); k++)
        if (strcmp(name, wide[k].name) == 0) {
            limits(f, wide[k].english, wide[k].chinese, begin);
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(bounded); k++)
        if (strcmp(name, bounded[k].name) == 0) {
            formula_skip_spaces(f);
            if (formula_peek(f, 0) == '_') {
                limits(f, bounded[k].english, bounded[k].chinese, begin);
            } else {
                formula_say(f, bounded[k].english, bounded[k].chinese, begin);
                f->term = false;
            }
            return true;
        }
    for (size_t k = 0; k < EV_ARRAY_COUNT(accents); k++)
        if (strcmp(name, accents[k].name) == 0) {
            if (accents[k].before) formula_say(f, accents[k].english, accents[k].chinese, begin);
            formula_group(f);
            if (!accents[k].before) formula_say(f, accents[k].english, accents[k].chinese, begin);
            return true;
        }
    return false;
}

/* A backslash before what is no letter: "\\", "\,", "\{", "\%", "\|". */
static void escape(formula *f, size_t begin) {
    const char c = formula_peek(f, 0);
    if (f->at < f->end) f->at++;
    if (c == '\\') {
        if (formula_peek(f, 0) == '[') /* "\\[4pt]" */
            while (f->at < f->end && f->m->text[f->at - 1] != ']' && f->m->text[f->at] != '\n') f->at++;
        markup_comma(f->m, begin);
        f->term = false;
    } else if (c == '{') {
        formula_push(f, '{');
    } else if (c == '}') {
        (void)formula_pop(f);
    } else if (c == '|') {
        formula_bar(f, 'N', begin);
    } else if (c && strchr("%$#&_", c)) {
        markup_copy(f->m, f->at - 1, f->at);
        f->term = true;
    } else {
        formula_blank(f, begin);
    }
}

void formula_command(formula *f) {
    char name[FORMULA_COMMAND_MAX + 1];
    const size_t begin = f->at++;
    size_t n = 0;
    while (n < FORMULA_COMMAND_MAX && markup_is_alpha(formula_peek(f, 0))) name[n++] = f->m->text[f->at++];
    name[n] = '\0';
    if (n && formula_peek(f, 0) == '*') f->at++;
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
        formula_say(f, f->limit ? "approaches" : "to", f->limit ? "趋于" : "到", begin);
        f->term = false;
    } else if (strcmp(name, "mid") == 0) {
        divides(f, begin);
    } else if (strcmp(name, "sim") == 0) {
        similar(f, begin);
    } else if (formula_is_among(" vert lvert rvert ", name)) {
        formula_bar(f, '|', begin);
    } else if (formula_is_among(" Vert lVert rVert ", name)) {
        formula_bar(f, 'N', begin);
    } else if (strcmp(name, "binom") == 0) {
        formula_group(f);
        formula_say(f, "choose", "选", f->at);
        formula_group(f);
    } else if (formula_is_among(quoted, name)) {
        formula_words(f, false);
    } else if (formula_is_among(unsaid, name)) {
        formula_words(f, true);
        if (strcmp(name, "begin") == 0 && formula_peek(f, 0) == '{') formula_words(f, true); /* \begin{array}{cc} */
        f->term = false;
    } else if (formula_is_among(silent, name)) {
        formula_blank(f, begin);
        if (formula_peek(f, 0) == '.') f->at++; /* "\right." */
    } else if (!named(f, name, begin)) {
        formula_blank(f, begin);
        markup_copy(f->m, begin + 1, begin + 1 + n);
        formula_blank(f, f->at);
        f->term = true;
    }
}

/* Of a command whose "{...}" holds words: "text", "begin", "operatorname". */
bool formula_has_words(const char *name, size_t n) {
    char word[FORMULA_COMMAND_MAX + 1] = "";
    if (n && name[n - 1] == '*') n--;
    if (n >= sizeof word) return false;
    memcpy(word, name, n);
    return formula_is_among(quoted, word) || formula_is_among(unsaid, word);
}
