/* sounds: listed words by how they sound. The engine's own front-end says what a text will be spoken as: what it
 * leaves out hides nothing, numbers are the words they are read as, and another spelling of the same sounds is the
 * same word. Listed words are read by the same front-end, and an automaton runs over the row of sounds: Mandarin
 * syllables without their tones, English phones without their stress. What it finds is then judged by what is written
 * for it, by tones, by the pauses in between and by where the front-end has words begin and end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/guard/automaton.h"
#include "server/guard/homophones.h"
#include "server/guard/words.h"

enum { WORD_SOUNDS_MAX = 256, READINGS_MAX = 16, FORM_BYTES_MAX = 1024, HOMOPHONE_MIN = 3, SPLIT_MIN = 6 };

typedef struct sound {
    int32_t sound;    /* a syllable or phone */
    int32_t han;      /* the character that is spoken; 0: it is English, or not known */
    uint8_t tone;     /* of a syllable; 2 also for 3, which becomes 2 before another 3 */
    bool syllable;    /* Mandarin */
    bool numeral;     /* part of a number */
    bool after_pause; /* or at the start of a sentence */
    bool first, last; /* of what one stretch of text is spoken as */
    uint32_t word;    /* of the front-end's */
} sound;

typedef struct pattern {
    uint32_t rule;         /* of the list */
    uint32_t first, count; /* its sounds */
    uint32_t words;        /* how many of the front-end's it has */
    uint32_t next;         /* another with the same sounds, 1 + index; 0: none */
    bool numerals;         /* all of it */
} pattern;

struct sv_sounds {
    const sv_words *words;
    const ev_model *model;
    ev_buf patterns, sounds; /* pattern; sound, of all patterns */
    sv_automaton automaton;
};

static pattern *patterns(const sv_sounds *s) { return (pattern *)(void *)s->patterns.data; }
static const sound *sounds_of(const ev_buf *b) { return (const sound *)(void *)b->data; }

/* ---- a row of sounds ---- */

static int32_t hash_of(uint64_t start, const char *name, size_t n) {
    return (int32_t)(ev_hash(start, name, n) >> 33);
}

static bool is_pause(const ev_phone *phone) {
    static const char *const pauses[] = {"sp3", "engsp4", ".", "?", "!"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pauses); i++)
        if (strcmp(phone->name, pauses[i]) == 0) return true;
    return phone->pause_ms > 0;
}

static bool is_numeral(int32_t han) {
    static const int32_t numerals[] = {0x96F6, 0x3007, 0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03,
                                       0x516B, 0x4E5D, 0x5341, 0x767E, 0x5343, 0x4E07, 0x4EBF, 0x4E24, 0x70B9};
    for (size_t i = 0; i < EV_ARRAY_COUNT(numerals); i++)
        if (numerals[i] == han) return true;
    return false;
}

static bool is_english_numeral(const char *spoken) {
    static const char list[] =
        " zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy "
        "eighty ninety hundred thousand million billion and point ";
    char word[24];
    snprintf(word, sizeof(word), " %.20s ", spoken);
    return strstr(list, word) != NULL;
}

/* "an4": the final's sound, without the r that is added to its end, and the tone. */
static void take_final(sound *s, uint64_t initial, const char *name) {
    size_t n = strlen(name) - 1;
    s->tone = name[n] == '3' ? 2 : (uint8_t)(name[n] - '0');
    if (n > 2 && name[n - 1] == 'r') n--;
    s->sound = hash_of(initial, name, n);
    s->syllable = true;
}

/* The phones of one word. A syllable is an initial, perhaps none, and a final, whose name ends in the tone. */
static void take_phones(ev_buf *row, const ev_phones *p, uint32_t word) {
    uint64_t initial = EV_HASH_START;
    for (size_t i = p->words[word].phone_begin; i < p->words[word].phone_end; i++) {
        const char *name = p->phones[i].name;
        const size_t n = strlen(name);
        const bool digit = n > 1 && name[n - 1] >= '1' && name[n - 1] <= '5';
        sound s = {.word = word};
        if (p->phones[i].word != (int32_t)word || strcmp(name, "sp0") == 0) continue;
        if (name[0] == '[') { /* [IH1] */
            const bool stressed = n > 3 && name[n - 2] >= '0' && name[n - 2] <= '2';
            s.sound = hash_of(EV_HASH_START, name, n - (stressed ? 2 : 1));
        } else if (!digit) {
            initial = ev_hash(EV_HASH_START, name, n);
            continue;
        } else {
            take_final(&s, initial, name);
            initial = EV_HASH_START;
        }
        ev_buf_append(row, &s, sizeof(s));
    }
}

/* Which character each syllable is of: known where there are as many of one as of the other. */
static void name_syllables(sound *first, size_t count, const char *spoken) {
    const size_t bytes = strlen(spoken);
    size_t at = 0, characters = 0;
    while (at < bytes && ev_utf8_next(spoken, bytes, &at) >= 0) characters++;
    if (characters != count) return;
    at = 0;
    for (size_t i = 0; i < count; i++) {
        first[i].han = ev_utf8_next(spoken, bytes, &at);
        first[i].numeral = is_numeral(first[i].han);
    }
}

/* Several words for one stretch of text, as of a number, begin and end with it. */
static bool same_source(const ev_word *a, const ev_word *b) {
    return a->byte_begin == b->byte_begin && a->byte_end == b->byte_end;
}

static void mark_edges(sound *row, size_t count, const ev_phones *p) {
    for (size_t i = 0; i < count; i++) {
        const ev_word *word = &p->words[row[i].word];
        row[i].first = i == 0 || (row[i].word != row[i - 1].word && !same_source(word, &p->words[row[i - 1].word]));
        if (i > 0) row[i - 1].last = row[i].first;
    }
    if (count) row[count - 1].last = true;
}

/* Appends what the phones sound as. */
static void append_sounds(ev_buf *row, const ev_phones *p) {
    const size_t start = ev_array_count(row, sound);
    size_t at = 0; /* the phone */
    for (uint32_t w = 0; w < p->word_count && !row->failed; w++) {
        const ev_word *word = &p->words[w];
        const size_t before = ev_array_count(row, sound);
        bool pause = false;
        for (; at < word->phone_begin; at++) pause |= is_pause(&p->phones[at]);
        take_phones(row, p, w);
        sound *first = (sound *)(void *)row->data + before;
        const size_t count = ev_array_count(row, sound) - before;
        if (row->failed || !count) continue;
        first->after_pause = pause;
        if (first->syllable)
            name_syllables(first, count, word->spoken);
        else
            for (size_t i = 0; i < count; i++) first[i].numeral = is_english_numeral(word->spoken);
    }
    if (!row->failed && row->data)
        mark_edges((sound *)(void *)row->data + start, ev_array_count(row, sound) - start, p);
}

/* What cannot be spoken holds no sounds: it is refused elsewhere. */
static ev_status read_aloud(ev_phones **out, const ev_model *model, const char *text, size_t bytes,
                            const char *language, ev_error *err) {
    *out = NULL;
    const ev_status status = ev_phones_create(out, model, text, bytes, language, err);
    return status == EV_E_MEMORY ? status : EV_OK;
}

/* ---- the list ---- */

static bool add_pattern(sv_sounds *s, uint32_t rule, const sound *row, size_t count, uint32_t words) {
    pattern made = {.rule = rule, .count = (uint32_t)count, .words = words, .numerals = true};
    made.first = (uint32_t)ev_array_count(&s->sounds, sound);
    for (size_t i = 0; i < count; i++) made.numerals &= row[i].numeral;
    ev_buf_append(&s->sounds, row, count * sizeof(*row));
    ev_buf_append(&s->patterns, &made, sizeof(made));
    return !s->sounds.failed && !s->patterns.failed;
}

/* The sound of a character when it stands alone: an unknown word is read so. False: it is read as it was. */
static bool read_alone(const sv_sounds *s, const sound *as_was, sound *alone) {
    char text[4];
    ev_phones *p = NULL;
    ev_buf row = {0};
    if (!as_was->han || ev_phones_create(&p, s->model, text, ev_utf8_put(as_was->han, text), "zh", NULL) != EV_OK)
        return false;
    append_sounds(&row, p);
    const bool differs = ev_array_count(&row, sound) == 1 && sounds_of(&row)->sound != as_was->sound;
    if (differs) {
        alone->sound = sounds_of(&row)->sound;
        alone->tone = sounds_of(&row)->tone;
    }
    ev_buf_free(&row);
    ev_phones_free(&p);
    return differs;
}

/* With each of its characters read as in the word, or as alone: up to READINGS_MAX rows. */
static bool add_readings(sv_sounds *s, uint32_t rule, const sound *row, size_t count, uint32_t words) {
    sound alone[WORD_SOUNDS_MAX];
    size_t differs[8], n = 0;
    for (size_t i = 0; i < count && n < EV_ARRAY_COUNT(differs) && (2u << n) <= READINGS_MAX; i++) {
        alone[i] = row[i];
        if (row[i].syllable && read_alone(s, &row[i], &alone[i])) differs[n++] = i;
    }
    for (unsigned mask = 0; mask < 1u << n; mask++) {
        sound reading[WORD_SOUNDS_MAX];
        memcpy(reading, row, count * sizeof(*row));
        for (size_t k = 0; k < n; k++)
            if (mask >> k & 1) reading[differs[k]] = alone[differs[k]];
        if (!add_pattern(s, rule, reading, count, words)) return false;
    }
    return true;
}

/* One way to write and read the word. A single syllable or letter says nothing by its sound. */
static ev_status add_form(sv_sounds *s, uint32_t rule, const char *text, size_t bytes, const char *language,
                          ev_error *err) {
    ev_phones *p = NULL;
    ev_buf row = {0};
    ev_status status = read_aloud(&p, s->model, text, bytes, language, err);
    if (status == EV_OK && p) {
        append_sounds(&row, p);
        const size_t count = ev_array_count(&row, sound);
        bool added = !row.failed;
        if (added && count >= 2 && count <= WORD_SOUNDS_MAX)
            added = add_readings(s, rule, sounds_of(&row), count, (uint32_t)p->word_count);
        if (!added) status = ev_fail(err, EV_E_MEMORY, "out of memory: sounds of listed words");
    }
    ev_buf_free(&row);
    ev_phones_free(&p);
    return status;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "八九六四" to "8964", if the word is such digits alone. */
static size_t to_digits(const sv_word *word, char *out) {
    static const char han[] = "零一二三四五六七八九";
    if (word->bytes % 3 || word->bytes > FORM_BYTES_MAX) return 0;
    for (size_t i = 0; i < word->bytes; i += 3) {
        size_t digit = 0;
        while (digit < 10 && memcmp(han + 3 * digit, word->text + i, 3) != 0) digit++;
        if (digit == 10) return 0;
        out[i / 3] = (char)('0' + digit);
    }
    return word->bytes / 3;
}

/* Digits are a number, or said one by one, or by twos. */
static ev_status add_numbers(sv_sounds *s, uint32_t rule, const char *text, size_t bytes, ev_error *err) {
    static const char *const languages[] = {"en", "zh"};
    ev_status status = EV_OK;
    for (size_t group = 0; group <= 2; group++) {
        char form[2 * FORM_BYTES_MAX];
        size_t n = 0, run = 0;
        for (size_t i = 0; i < bytes; i++) {
            run = is_digit(text[i]) ? run + 1 : 0;
            if (group && run > 1 && (run - 1) % group == 0) form[n++] = ' ';
            form[n++] = text[i];
        }
        for (size_t l = 0; l < EV_ARRAY_COUNT(languages) && status == EV_OK; l++)
            status = add_form(s, rule, form, n, languages[l], err);
    }
    return status;
}

static ev_status add_rule(sv_sounds *s, uint32_t rule, ev_error *err) {
    const sv_word word = sv_words_at(s->words, rule);
    char digits[FORM_BYTES_MAX];
    size_t count = 0, n = to_digits(&word, digits);
    for (size_t i = 0; i < word.bytes; i++) count += is_digit(word.text[i]);
    ev_status status = add_form(s, rule, word.text, word.bytes, NULL, err);
    if (status == EV_OK && count && word.bytes <= FORM_BYTES_MAX)
        status = add_numbers(s, rule, word.text, word.bytes, err);
    if (status == EV_OK && n >= 3) status = add_numbers(s, rule, digits, n, err); /* "64" is any sixty-four */
    return status;
}

static bool build(sv_sounds *s) {
    const size_t count = ev_array_count(&s->patterns, pattern);
    if (!sv_automaton_open(&s->automaton, ev_array_count(&s->sounds, sound))) return false;
    for (size_t i = 0; i < count; i++) {
        pattern *p = &patterns(s)[i];
        assert(p->first + p->count <= ev_array_count(&s->sounds, sound));
        const sound *first = sounds_of(&s->sounds) + p->first;
        uint32_t *last = sv_automaton_plant(&s->automaton, &first->sound, sizeof(*first), p->count);
        if (!last) return false;
        p->next = *last;
        *last = (uint32_t)i + 1;
    }
    return sv_automaton_link(&s->automaton);
}

ev_status sv_sounds_create(sv_sounds **out, const sv_words *words, const ev_model *model, ev_error *err) {
    sv_sounds *s = *out = calloc(1, sizeof(*s));
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory");
    s->words = words;
    s->model = model;
    ev_status status = EV_OK;
    for (size_t i = 0; i < sv_words_count(words) && status == EV_OK; i++) status = add_rule(s, (uint32_t)i, err);
    if (status == EV_OK && !build(s)) status = ev_fail(err, EV_E_MEMORY, "out of memory: sounds of listed words");
    if (status != EV_OK) sv_sounds_free(out);
    return status;
}

void sv_sounds_free(sv_sounds **sounds) {
    if (!sounds || !*sounds) return;
    sv_sounds *s = *sounds;
    ev_buf_free(&s->patterns);
    ev_buf_free(&s->sounds);
    sv_automaton_close(&s->automaton);
    free(s);
    *sounds = NULL;
}

/* ---- judging what was found ---- */

typedef struct candidate { /* a stretch of the text that sounds as a listed word does */
    const sound *listed, *spoken;
    size_t count;
    const char *text;
    const ev_phones *phones;
    size_t same, toned;  /* the same character; the same character or tone */
    size_t pauses;       /* inside */
    size_t words;        /* of the text's */
    bool begins, ends;   /* at the edges of words, or where the list opens the end */
    bool among_numerals; /* there is one before or behind */
} candidate;

static void compare(candidate *h) {
    h->words = 1;
    for (size_t i = 0; i < h->count; i++) {
        const sound *a = &h->listed[i], *b = &h->spoken[i];
        const bool same = a->han && a->han == b->han;
        h->same += same;
        h->toned += same || a->tone == b->tone;
        h->pauses += i > 0 && b->after_pause;
        h->words += i > 0 && b->word != b[-1].word;
    }
}

static const ev_word *word_at(const candidate *h, size_t i) { return &h->phones->words[h->spoken[i].word]; }

/* A sentence ends inside, and the next begins with a capital letter: two of them only sound as one. */
static bool spans_sentences(const candidate *h) {
    for (size_t i = 1; i < h->count; i++) {
        if (!h->spoken[i].after_pause) continue;
        const size_t begin = word_at(h, i)->byte_begin;
        for (size_t at = word_at(h, i - 1)->byte_end; at < begin; at++) {
            const bool stop = h->text[at] == '.' || h->text[at] == '?' || h->text[at] == '!';
            if (stop && h->text[begin] >= 'A' && h->text[begin] <= 'Z') return true;
        }
    }
    return false;
}

/* Mandarin. Two characters of other words are often a third word's sound, so what is written decides. */
static bool is_spoken_mandarin(const candidate *h) {
    if (h->same == h->count && !h->pauses) return true;
    if (!h->begins || !h->ends) return false;
    if (h->same == h->count) return true;
    if (h->words == 1) return false; /* a word of its own, with the same sound */
    if (h->pauses && (h->count == 2 || h->pauses < h->count - 1)) return false;
    if (h->count == 2) return h->toned == 2 || h->same == 1;
    return h->toned + 1 >= h->count || h->same + 2 >= h->count;
}

/* Spelled as one that is not listed usually is. */
static bool is_ordinary(const char *spoken) {
    char word[32];
    snprintf(word, sizeof(word), " %.28s ", spoken);
    return strchr(spoken, '\'') || strstr(HOMOPHONES, word) != NULL;
}

static bool is_spelled(const sv_word *listed, const char *spoken) {
    return strlen(spoken) == listed->bytes && strncasecmp(spoken, listed->text, listed->bytes) == 0;
}

/* English. A phrase may be in any spelling; a word's other spelling is none of a word that everybody knows. */
static bool is_spoken_english(const candidate *h, const pattern *p, const sv_word *listed) {
    if (!h->begins || !h->ends) return false;
    if (p->words > 1) return !h->pauses || !spans_sentences(h);
    if (h->words > 1) return h->count >= SPLIT_MIN && !h->pauses;
    const char *spoken = word_at(h, 0)->spoken;
    return is_spelled(listed, spoken) || (h->count >= HOMOPHONE_MIN && !is_ordinary(spoken));
}

static bool is_spoken(const candidate *h, const pattern *p, const sv_word *listed) {
    size_t syllables = 0;
    for (size_t i = 0; i < h->count; i++) syllables += h->spoken[i].syllable;
    if (p->numerals && (!h->begins || !h->ends || h->among_numerals)) return false;
    if (syllables == h->count) return is_spoken_mandarin(h);
    if (syllables == 0) return is_spoken_english(h, p, listed);
    return h->begins && h->ends && h->toned == h->count;
}

/* ---- finding ---- */

typedef struct search {
    const sv_sounds *sounds;
    const char *text;
    const ev_phones *phones;
    const sound *row;
    size_t count;
} search;

static bool check_hit(const search *s, const pattern *p, size_t end, sv_word_hit *hit) {
    const size_t begin = end - p->count;
    const sv_word listed = sv_words_at(s->sounds->words, p->rule);
    candidate h = {.listed = sounds_of(&s->sounds->sounds) + p->first,
                   .spoken = s->row + begin,
                   .count = p->count,
                   .text = s->text,
                   .phones = s->phones};
    compare(&h);
    h.begins = listed.open_begin || s->row[begin].first;
    h.ends = listed.open_end || s->row[end - 1].last;
    h.among_numerals = (begin > 0 && s->row[begin - 1].numeral && !s->row[begin].after_pause) ||
                       (end < s->count && s->row[end].numeral && !s->row[end].after_pause);
    if (!is_spoken(&h, p, &listed)) return false;
    *hit = (sv_word_hit){listed.rule, word_at(&h, 0)->byte_begin, word_at(&h, p->count - 1)->byte_end};
    return true;
}

static bool find_in_row(const search *s, sv_word_hit *hit) {
    const sv_automaton *a = &s->sounds->automaton;
    uint32_t n = SV_STATE_START;
    for (size_t i = 0; i < s->count; i++) {
        n = sv_automaton_step(a, n, s->row[i].sound);
        for (uint32_t e = sv_automaton_ending(a, n); e != SV_STATE_NONE; e = sv_automaton_shorter(a, e))
            for (uint32_t k = sv_automaton_value(a, e); k; k = patterns(s->sounds)[k - 1].next)
                if (check_hit(s, &patterns(s->sounds)[k - 1], i + 1, hit)) return true;
    }
    return false;
}

static bool find_given(const ev_phones *p, sv_word_hit *hit) {
    for (size_t i = 0; i < p->word_count; i++)
        if (p->words[i].given) {
            *hit = (sv_word_hit){SV_RULE_PHONES, p->words[i].byte_begin, p->words[i].byte_end};
            return true;
        }
    return false;
}

/* Looks through one reading of the text; *phones is the caller's. */
static ev_status find_in_reading(const sv_sounds *sounds, const ev_request *request, ev_phones **phones,
                                 sv_word_hit *hit, bool *found, ev_error *err) {
    ev_buf row = {0};
    ev_status status = ev_phones_of(phones, sounds->model, request, err);
    if (status == EV_E_MEMORY) return status;
    if (status != EV_OK) return EV_OK; /* what cannot be spoken is refused elsewhere */
    append_sounds(&row, *phones);
    const search s = {sounds, request->text, *phones, sounds_of(&row), ev_array_count(&row, sound)};
    if (row.failed)
        status = ev_fail(err, EV_E_MEMORY, "out of memory: %zu bytes of text", request->text_bytes);
    else
        *found = find_given(*phones, hit) || (sounds->patterns.size && find_in_row(&s, hit));
    ev_buf_free(&row);
    return status;
}

/* Letters of other scripts are heard by their Latin ones; between those of a listed word they hide it no better than
 * a dash would. So the text is also read without them. */
static char *without_foreign(const ev_request *request, const ev_phones *p) {
    bool any = false;
    for (size_t i = 0; p && i < p->omission_count; i++) any |= p->omissions[i].spoken != NULL;
    char *copy = any ? malloc(request->text_bytes + 1) : NULL;
    if (!copy) return NULL;
    memcpy(copy, request->text, request->text_bytes);
    for (size_t i = 0; i < p->omission_count; i++) {
        const ev_omission *o = &p->omissions[i];
        if (o->spoken) memset(copy + o->byte_begin, ' ', o->byte_end - o->byte_begin);
    }
    return copy;
}

ev_status sv_sounds_find(const sv_sounds *sounds, const ev_request *request, sv_word_hit *hit, bool *found,
                         ev_error *err) {
    ev_phones *p = NULL;
    *found = false;
    ev_status status = find_in_reading(sounds, request, &p, hit, found, err);
    char *copy = status == EV_OK && !*found ? without_foreign(request, p) : NULL;
    ev_phones_free(&p);
    if (copy) {
        ev_request plain = *request;
        plain.text = copy;
        status = find_in_reading(sounds, &plain, &p, hit, found, err);
        ev_phones_free(&p);
        free(copy);
    }
    return status;
}
