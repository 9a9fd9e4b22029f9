/* zh_context: the reading of a character that stands as a word of its own, by its neighbours.
 *
 * Only characters whose reading changes in everyday text, and only rules that a reader could state in a sentence.
 * Words of two and more characters never come here: the lexicon knows them.
 */
#include <assert.h>
#include <string.h>

#include "text/zh.h"

typedef struct place { /* a single character and what is around it */
    const zh_phrase *p;
    const zh_word *before, *after; /* NULL at the ends of the phrase */
    int32_t left, right;           /* neighbouring characters, 0 at the ends */
    size_t word;
} place;

static char class_of(const zh_word *w) { return w ? w->class : 0; }
static bool is_verb(const zh_word *w) { return class_of(w) == 'v'; }
static bool is_describing(const zh_word *w) { return w && strchr("aizb", w->class ? w->class : '-'); }
static bool is_person(const zh_word *w) { return w && (w->class == 'r' || w->class == 'R'); }
static bool is_thing(const zh_word *w) { return w && strchr("nRSTZsf", w->class ? w->class : '-'); }

static bool counts(const place *at) {
    return zh_is_numeral(at->left) || zh_in(at->left, "这那每几半两整第数多各某哪");
}

static bool verb_follows(const place *at) {
    const zh_word *words = zh_words(at->p);
    size_t end = zh_word_count(at->p), stop = at->word + 8 < end ? at->word + 8 : end;
    for (size_t i = at->word + 2; i < stop; i++)
        if (words[i].class == 'v') return true;
    return false;
}

/* 跑得快 de5, 我得走 dei3, 他得了冠军 de2 */
static const char *read_de(const place *at) {
    if (is_verb(at->before) && zh_in(at->left, "获取赢夺求博")) return "e2";
    if (zh_in(at->left, "还就也都总") && at->after && zh_in(at->right, "多再去先要把给跟靠看问等买吃走"))
        return "ei3"; /* 还得多吃 */
    bool state = is_verb(at->before) || is_describing(at->before);
    if (state || (zh_in(at->right, "多很太") && !is_person(at->before))) return "e5";
    if (zh_in(at->right, "了过到第奖胜票病") || zh_is_numeral(at->right) || zh_in(at->left, "所而可必不"))
        return "e2";
    if (!at->before || is_person(at->before) || is_thing(at->before) || class_of(at->before) == 'd' ||
        class_of(at->before) == 't')
        return at->after ? "ei3" : "e2";
    return "e5";
}

/* 高兴地说 de5, 这块地 di4 */
static const char *read_di(const place *at) {
    const zh_word *b = at->before;
    if (!b || !at->after || zh_in(at->right, "的上里下是有了也都和很")) return "i4";
    bool manner = is_describing(b) || class_of(b) == 'd' || class_of(b) == 'l' || class_of(b) == 'o';
    bool twice = b->end - b->begin >= 2 && zh_cp(at->p, b->end - 1) == zh_cp(at->p, b->end - 2);
    bool act =
        strchr("vdpi", class_of(at->after) ? class_of(at->after) : '-') != NULL || zh_in(at->right, "把被向对从给在");
    bool long_verb = is_verb(b) && b->end - b->begin >= 2;
    return (manner || twice || long_verb) && act ? "e5" : "i4";
}

/* 为你服务 wei4, 气温为三度 wei2 */
static const char *read_wei(const place *at) {
    if (!at->after || class_of(at->after) == 'm' || class_of(at->after) == 'a') return "uei2";
    if (zh_in(at->left, "之以成作名改分变称视最更均皆即定设列选")) return "uei2";
    if (at->left == 0x4E0D) return verb_follows(at) ? "uei4" : "uei2";
    if (is_person(at->after) || verb_follows(at)) return "uei4";
    return at->before ? "uei2" : "uei4";
}

/* 吃不了 liao3 */
static const char *read_le(const place *at) {
    bool able = at->left == 0x4E0D || at->left == 0x5F97;
    return able && at->word >= 2 && zh_words(at->p)[at->word - 2].class == 'v' ? "iao3" : NULL;
}

static const char *read_chang(const place *at) {
    if (zh_in(at->left, "部局厅处科县镇乡村省市州区所院校班队组排连营团师军站段店馆台社")) return "zh ang3";
    if (zh_in(at->left, "很太更最挺") && !at->after) return "ch ang2";
    if (at->left == 0x8D8A && at->right == 0x8D8A) return "zh ang3"; /* 越长越高 */
    return zh_in(at->right, "得了着出大高胖满成") && !zh_in(at->left, "很太更最不") ? "zh ang3" : NULL;
}

static const char *read_zhong(const place *at) { /* 种 */
    if (counts(at)) return NULL;
    return zh_in(at->right, "了下上着在过满点") || class_of(at->before) == 'd' ? "ong4" : NULL;
}

static const char *read_chong(const place *at) { /* 重 */
    if (zh_is_numeral(at->left) || zh_in(at->left, "双几")) return "ch ong2";
    return is_verb(at->after) && !zh_in(at->left, "很太更最越") ? "ch ong2" : NULL;
}

static const char *read_shu(const place *at) { /* 数 */
    if (zh_in(at->right, "百千万十亿")) return NULL;
    return zh_in(at->right, "到了不完着清一") || class_of(at->after) == 'm' ? "u3" : NULL;
}

static const char *read_huan(const place *at) { /* 还 */
    if (zh_in(at->right, "给钱书债款贷")) return "uan2";
    if (zh_in(at->right, "我你他她您") && zh_in(at->left, "没来要不该快请先")) return "uan2"; /* 没还我 */
    return at->right == 0x4E86 && !zh_in(at->left, "都也就") ? "uan2" : NULL;
}

static const char *read_gan(const place *at) { /* 干 */
    if (zh_in(at->left, "很太更最越晒擦吹烤晾烘喝风拧")) return "an1";
    return NULL;
}

/* 桌子上 shang5, 家里 li5 */
static const char *read_locative(const place *at, const char *neutral) {
    bool thing = class_of(at->before) == 'n' || class_of(at->before) == 's';
    return thing && !zh_in(at->right, "楼山学课班车门级升海") ? neutral : NULL;
}

/* 倒下, 推倒: fall; 倒是, 倒茶: not. */
static const char *read_dao(const place *at) {
    if (zh_in(at->right, "下塌闭地")) return "ao3";
    return zh_in(at->left, "推病刮击打摔跌撞绊压卧昏晕累踢扳撂放砍吹震") && !zh_in(at->right, "是也不还茶水") ? "ao3"
                                                                                                              : NULL;
}

static const char *read_diao(const place *at) { /* 调 */
    return zh_in(at->right, "大小高低整亮暗成好匀") ? "t iao2" : NULL;
}

static const char *read_interjection(const place *at, const char *full) { return at->before ? NULL : full; }

/* "[initial ]final+tone" of the character in this place; NULL: as usual. Without an initial it keeps its own. */
static const char *rule(int32_t cp, const place *at) {
    switch (cp) {
    case 0x5F97: return read_de(at);                                                                /* 得 */
    case 0x5730: return read_di(at);                                                                /* 地 */
    case 0x4E3A: return read_wei(at);                                                               /* 为 */
    case 0x4E86: return read_le(at);                                                                /* 了 */
    case 0x957F: return read_chang(at);                                                             /* 长 */
    case 0x884C: return counts(at) && at->after ? "ang2" : NULL;                                    /* 行 */
    case 0x53EA: return counts(at) ? "iii1" : NULL;                                                 /* 只 */
    case 0x79CD: return read_zhong(at);                                                             /* 种 */
    case 0x91CD: return read_chong(at);                                                             /* 重 */
    case 0x6570: return read_shu(at);                                                               /* 数 */
    case 0x8FD8: return read_huan(at);                                                              /* 还 */
    case 0x5E72: return read_gan(at);                                                               /* 干 */
    case 0x6559: return is_person(at->after) || zh_in(at->right, "了会过") ? "iao1" : NULL;         /* 教 */
    case 0x4E2D: return at->right == 0x4E86 ? "ong4" : NULL;                                        /* 中 */
    case 0x5012: return read_dao(at);                                                               /* 倒 */
    case 0x51B2: return is_person(at->after) && zh_in(at->right, "我你他她它您咱") ? "ong4" : NULL; /* 冲我笑 */
    case 0x5047: return zh_in(at->left, "天周月的病长") && !at->after ? "ia4" : NULL;               /* 假 */
    case 0x8C03: return read_diao(at);                                                              /* 调 */
    case 0x4E0A: return read_locative(at, "ang5");                                                  /* 上 */
    case 0x91CC: return read_locative(at, "i5");                                                    /* 里 */
    case 0x8457: return is_verb(at->before) ? "e5" : NULL; /* 著, the old 着 */
    case 0x554A: return read_interjection(at, "a1");       /* 啊 */
    case 0x54C7: return read_interjection(at, "ua1");      /* 哇 */
    default: return NULL;
    }
}

static int find_name(const ev_zh *zh, const char *final) {
    int token = ev_token_find(final, strlen(final));
    for (int f = 0; f < ZH_FINALS; f++)
        for (int t = 0; t < ZH_TONES; t++)
            if (zh->finals[f][t] == token && final[strlen(final) - 1] == '1' + t) return f * ZH_TONES + t;
    return -1;
}

zh_syllable zh_read_alone(const ev_zh *zh, const zh_phrase *p, size_t word, zh_syllable usual) {
    const zh_word *w = &zh_words(p)[word];
    assert(word < zh_word_count(p) && w);
    place at = {.p = p, .word = word};
    at.before = word ? w - 1 : NULL;
    at.after = word + 1 < zh_word_count(p) ? w + 1 : NULL;
    at.left = at.before ? zh_cp(p, w->begin - 1) : 0;
    at.right = at.after ? zh_cp(p, w->end) : 0;
    const char *reading = rule(zh_cp(p, w->begin), &at);
    if (!reading) return usual;
    const char *final = strchr(reading, ' ');
    int found = find_name(zh, final ? final + 1 : reading);
    if (found < 0) return usual;
    zh_syllable s = usual;
    s.final = (uint8_t)(found / ZH_TONES);
    s.tone = (uint8_t)(found % ZH_TONES + 1);
    if (final)
        for (int i = 1; i < ZH_INITIALS; i++) {
            const char *name = ev_token_name(zh->initials[i]);
            if (strlen(name) == (size_t)(final - reading) && memcmp(name, reading, (size_t)(final - reading)) == 0)
                s.initial = (uint8_t)i;
        }
    return s;
}
