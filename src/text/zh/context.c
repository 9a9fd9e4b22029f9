/* context: the reading of a character that stands as a word of its own, by its neighbours.
 *
 * Only characters whose reading changes in everyday text, and only rules that a reader could state in a sentence.
 * Words of two and more characters never come here: the lexicon knows them.
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

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

/* 三行字, 20行; but 一行 alone, 一行三人: a party on its way. */
static const char *read_hang(const place *at) {
    if (!counts(at)) return NULL;
    const int32_t before = at->before ? zh_cp(at->p, at->word ? zh_words(at->p)[at->word].begin - 2 : 0) : 0;
    const bool one = at->left == 0x4E00 && !zh_in(before, "第这那每后前下上首末头新十百");
    return !one || zh_in(at->right, "字诗泪文代白数小大标命眼注热清脚雁") ? "h ang2" : NULL;
}

/* Does a thing that can be dry stand before, within a few words of the phrase? 衣服还没干, 嘴唇干了 */
static bool dries(const place *at) {
    const zh_word *words = zh_words(at->p);
    for (size_t i = at->word; i > 0 && i + 4 > at->word; i--)
        if (zh_in(zh_cp(at->p, words[i - 1].end - 1),
                  "服裤裙衫袜鞋布巾被发唇水漆肤口嗓墨汗泪液土血碗草叶河井湖泥胶油饭皮画眼鼻脸"))
            return true;
    return false;
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
        return "ei3";                                                                   /* 还得多吃 */
    const bool gets = zh_in(at->right, "了过到第奖胜票病") || zh_is_numeral(at->right); /* 我妈得了病, 谁得了第一 */
    if (gets && !is_verb(at->before) && !is_describing(at->before)) return "e2";
    /* one character that is no noun of its own is a verb or a quality, whatever else it may be: 气得发抖, 热得要命 */
    const bool one = at->before && at->before->end - at->before->begin == 1;
    const bool noun =
        one && zh_in(at->left, "人车钱猫狗事船病饭门家谁书树鱼鸟店厂校国党官兵鬼神药活爸妈爹娘哥姐弟妹");
    const bool alone = one && at->after && !is_person(at->before) &&
                       !zh_in(at->left, "你我他她它咱都也还就总又再才只便仍须必可该今") &&
                       !strchr("tcp", class_of(at->before) ? class_of(at->before) : '-');
    const bool state = !noun && (is_verb(at->before) || is_describing(at->before) || alone);
    if (noun) return at->after ? "ei3" : "e2";
    if (state || (zh_in(at->right, "多很太") && !is_person(at->before))) return "e5";
    if (gets || zh_in(at->left, "所而可必不")) return "e2";
    if (!at->before || is_person(at->before) || is_thing(at->before) || class_of(at->before) == 'd' ||
        class_of(at->before) == 't')
        return at->after ? "ei3" : "e2";
    return "e5";
}

/* 高兴地说 de5, 这块地 di4 */
static const char *read_di(const place *at) {
    const zh_word *b = at->before;
    if (!b) return "i4";
    if (!at->after) return is_describing(b) && b->end - b->begin >= 2 ? "e5" : "i4"; /* 不自觉地 */
    if (zh_in(at->right, "的上里下是有了也都和很")) return "i4";
    bool manner = is_describing(b) || class_of(b) == 'd' || class_of(b) == 'l' || class_of(b) == 'o';
    bool twice = b->end - b->begin >= 2 && zh_cp(at->p, b->end - 1) == zh_cp(at->p, b->end - 2);
    /* a word of ours has no class, and is more often a verb than a thing */
    bool act = strchr("vdpi", class_of(at->after) ? class_of(at->after) : 'v') || zh_in(at->right, "把被向对从给在");
    /* 大声地喊, 科学地安排, 一次又一次地试; but 农村地少, 两亩地种了 */
    bool field =
        strchr("sS", class_of(b) ? class_of(b) : '-') || zh_in(at->left, "村山县市省区国校厂家园场亩块片分顷垧种租");
    bool phrase = b->end - b->begin >= 2 && !field && !is_person(b);
    const bool short_verb = at->after->end - at->after->begin == 1 &&
                            zh_in(at->right, "问等看说走坐站笑哭喊叫想听写读做拿放推拉打跑跳吃喝唱睡数找挤飞");
    return (manner || twice || phrase) && (act || short_verb) ? "e5" : "i4";
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
    if (at->left == 0x5730) return "u3"; /* 一个一个地数 */
    return zh_in(at->right, "到了不完着清一") || class_of(at->after) == 'm' ? "u3" : NULL;
}

static const char *read_huan(const place *at) { /* 还 */
    if (zh_in(at->right, "给钱书债款贷")) return "uan2";
    if (zh_in(at->left, "没不未") && (!at->after || zh_in(at->right, "上完钱清"))) return "uan2"; /* 还没还 */
    if (!at->before && zh_in(at->right, "我你") && at->word + 2 <= zh_word_count(at->p)) {
        const zh_word *object = at->word + 2 < zh_word_count(at->p) ? at->after + 1 : NULL;
        if (!object || class_of(object) == 'm' || zh_in(zh_cp(at->p, object->begin), "钱的命公清"))
            return "uan2"; /* 还你五百元 */
    }
    if (zh_in(at->right, "我你他她您") && zh_in(at->left, "没来要不该快请先")) return "uan2"; /* 没还我 */
    return at->right == 0x4E86 && !zh_in(at->left, "都也就") ? "uan2" : NULL;
}

static const char *read_gan(const place *at) { /* 干 */
    const size_t end = zh_words(at->p)[at->word].end;
    if (zh_in(at->left, "很太更最越晒擦吹烤晾烘喝风拧吸收抹榨阴沥")) return "an1";
    if (at->right == 0x4E86 && zh_in(zh_cp(at->p, end + 1), "这杯"))
        return zh_in(zh_cp(at->p, end + 2), "杯碗酒瓶") ? "an1" : NULL; /* 干了这杯 */
    const int32_t behind = zh_cp(at->p, end + 1); /* 衣服干了吗, but 在工地干了十年 */
    const bool ends = !at->after || zh_in(at->right, "透吗吧呢") ||
                      (at->right == 0x4E86 && (!behind || zh_in(behind, "吗吧呢没，")));
    return ends && dries(at) ? "an1" : NULL;
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
    if (zh_in(at->right, "到至")) {             /* 调到二十六度, 调到最大; but 调到一线, 调到北京 */
        const size_t next = zh_words(at->p)[at->word].end + 1;
        if (zh_in(zh_cp(at->p, next), "最静")) return "t iao2";
        for (size_t k = next; zh_is_numeral(zh_cp(at->p, k)) && k < next + 6; k++)
            if (zh_in(zh_cp(at->p, k + 1), "度档%级挡百分摄点倍格")) return "t iao2";
        return NULL;
    }
    return zh_in(at->right, "大小高低整亮暗成好匀不音温色光慢快准") ? "t iao2" : NULL;
}

/* 中了奖; 十一投七中 */
static const char *read_zhong_hit(const place *at) {
    const bool shot = zh_is_numeral(at->left) && at->word >= 2 &&
                      zh_in(zh_cp(at->p, zh_words(at->p)[at->word - 2].end - 1), "投射罚发枪箭");
    return at->right == 0x4E86 || shot ? "ong4" : NULL;
}

/* 应在三日内完成, 不应; but 应你的邀请 */
static const char *read_ying(const place *at) {
    const char class = class_of(at->after);
    if (class == 'r' || class == 'R') return zh_in(at->right, "你您我他她贵其") ? "ing4" : "ing1";
    return (class && strchr("vpd", class)) || zh_in(at->right, "在由于自按将以与向从先被对把予") ? "ing1" : NULL;
}

static const char *read_interjection(const place *at, const char *full) { return at->before ? NULL : full; }

/* 我叫单雪, 免贵姓解 */
static const char *surname(int32_t cp) {
    static const struct {
        int32_t cp;
        const char *reading;
    } names[] = {{0x5355, "sh an4"}, {0x66FE, "z eng1"}, {0x4EFB, "r en2"},  {0x89E3, "x ie4"}, {0x533A, "- ou1"},
                 {0x67E5, "zh a1"},  {0x4EC7, "q iou2"}, {0x6734, "p iao2"}, {0x76D6, "g e3"},  {0x534E, "h ua4"},
                 {0x7FDF, "zh ai2"}, {0x4E50, "y ve4"},  {0x71D5, "- ian1"}, {0x90A3, "n a1"},  {0x5B81, "n ing2"},
                 {0x5E94, "- ing1"}, {0x7F2A, "m iao4"}, {0x51BC, "x ian3"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++)
        if (names[i].cp == cp) return names[i].reading;
    return NULL;
}

/* "[initial ]final+tone" of the character in this place; NULL: as usual. Without an initial it keeps its own. */
static const char *rule(int32_t cp, const place *at) {
    switch (cp) {
    case 0x5F97: return read_de(at);                                                        /* 得 */
    case 0x5730: return read_di(at);                                                        /* 地 */
    case 0x4E3A: return read_wei(at);                                                       /* 为 */
    case 0x4E86: return read_le(at);                                                        /* 了 */
    case 0x957F: return read_chang(at);                                                     /* 长 */
    case 0x884C: return read_hang(at);                                                      /* 行 */
    case 0x53EA: return counts(at) ? "iii1" : NULL;                                         /* 只 */
    case 0x79CD: return read_zhong(at);                                                     /* 种 */
    case 0x91CD: return read_chong(at);                                                     /* 重 */
    case 0x6570: return read_shu(at);                                                       /* 数 */
    case 0x8FD8: return read_huan(at);                                                      /* 还 */
    case 0x5E72: return read_gan(at);                                                       /* 干 */
    case 0x6559: return is_person(at->after) || zh_in(at->right, "了会过") ? "iao1" : NULL; /* 教 */
    case 0x4E2D: return read_zhong_hit(at);                                                 /* 中 */
    case 0x548C:
        return !at->before && zh_in(at->right, "面泥") && at->after && at->after->end - at->after->begin == 1
                   ? "h uo2"
                   : NULL;                                                                          /* 和 */
    case 0x5904: return !at->before && zh_is_numeral(at->right) ? "u3" : NULL;                      /* 处 */
    case 0x8F6C: return zh_is_numeral(at->left) && !at->after ? "uan4" : NULL;                      /* 转 */
    case 0x5E94: return read_ying(at);                                                              /* 应 */
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
    /* 姓单; 叫曾欣, but 叫那位先生, 叫查一下: what calls somebody may go on with a verb */
    const bool called = at.left == 0x53EB && !zh_in(zh_cp(p, w->begin), "那查解盖应乐宁") && at.after &&
                        at.after->end - at.after->begin == 1;
    const char *reading = called || at.left == 0x59D3 ? surname(zh_cp(p, w->begin)) : NULL;
    if (!reading) reading = rule(zh_cp(p, w->begin), &at);
    if (!reading) return usual;
    const char *final = strchr(reading, ' ');
    int found = find_name(zh, final ? final + 1 : reading);
    if (found < 0) return usual;
    zh_syllable s = usual;
    s.final = (uint8_t)(found / ZH_TONES);
    s.tone = (uint8_t)(found % ZH_TONES + 1);
    if (final && *reading == '-') s.initial = 0;
    if (final)
        for (int i = 1; i < ZH_INITIALS; i++) {
            const char *name = ev_token_name(zh->initials[i]);
            if (strlen(name) == (size_t)(final - reading) && memcmp(name, reading, (size_t)(final - reading)) == 0)
                s.initial = (uint8_t)i;
        }
    return s;
}
