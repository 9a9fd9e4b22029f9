/* sink: gathers words, breaks and pauses from the languages, then lays out the result.
 *
 * Marks depend on both neighbours (a comma after the last English word of a sentence is swallowed by its end, the
 * mark between two words tells whether the language changes), so nothing is laid out while words come in. At the end
 * the list is cut into sentences, sentences that are too long into pieces, and each piece is written with its marks:
 *
 *   zh -> zh sp1      en -> en engsp1      en -> zh eng_cn_sp      zh -> en sp1 (as published: no cn_eng_sp)
 *   comma, or the end of a piece: sp3 after Chinese, engsp4 after English      a pause: the same, with pause_ms
 *   sentence: <sos/eos> ... ("." | "?" | "!") <sos/eos>
 *
 * A piece that ends in the middle of a sentence ends with the comma mark, so that the voice does not fall there.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/sink.h"

enum { TOKEN_EDGE = 1, TOKEN_EN_ZH = 144, TOKEN_EN_WORD = 148, TOKEN_EN_COMMA = 150, TOKEN_SYLLABLE = 292 };
enum { TOKEN_ZH_WORD = 293, TOKEN_ZH_COMMA = 295, TOKEN_QUESTION = 403, TOKEN_FINAL = 404, TOKEN_EXCLAIM = 407 };
enum { ITEM_WORD, ITEM_BREAK, ITEM_PAUSE };
enum { PAUSES_MS_MAX = 30000 }; /* in one sentence, whose samples are in memory together */

static_assert(EV_TOKEN_COUNT <= INT16_MAX, "a token is 16 bits");

typedef struct sink_item {
    int kind;
    int value;      /* break kind, or milliseconds */
    uint32_t index; /* word */
    uint32_t byte_begin, byte_end;
} sink_item;

typedef struct sink_word {
    uint32_t byte_begin, byte_end;
    uint32_t token_begin, token_end;
    size_t spoken;
    bool zh, given;
} sink_word;

/* ---- gathering ---- */

/* By the shape of the name: "[AH0]" English; an initial is one of 22; what else ends in a tone digit is a final. */
ev_token_class ev_token_classify(int token) {
    static const char *const initials = " b c ch d f g h j k l m n p q r s sh t x y z zh ";
    const char *name = ev_token_name(token);
    if (!name || name[0] == '<' || name[0] == '_') return EV_TOKEN_MARK;
    if (name[0] == '[') return EV_TOKEN_ENGLISH;
    size_t length = strlen(name);
    if (length <= 2) {
        char padded[5] = {' ', name[0], length == 2 ? name[1] : ' ', length == 2 ? ' ' : '\0', '\0'};
        if (strstr(initials, padded)) return EV_TOKEN_INITIAL;
    }
    bool mark = strncmp(name, "sp", 2) == 0 || strncmp(name, "eng", 3) == 0 || strncmp(name, "uncased", 7) == 0;
    bool english_mark = mark && (strstr(name, "sp") || name[0] == 'u');
    char last = name[length - 1];
    return !english_mark && last >= '1' && last <= '5' ? EV_TOKEN_FINAL : EV_TOKEN_MARK;
}

void ev_sink_init(ev_sink *sink, size_t sentence_phones_max) {
    assert(sentence_phones_max >= EV_SINK_SENTENCE_MIN);
    *sink = (ev_sink){0};
    size_t room = sentence_phones_max - 4; /* <sos/eos>, the end mark, <sos/eos>, and one to spare */
    sink->word_tokens_max = room < EV_SINK_WORD_TOKENS ? room : EV_SINK_WORD_TOKENS;
}

void ev_sink_clear(ev_sink *sink) {
    ev_buf_free(&sink->items);
    ev_buf_free(&sink->words);
    ev_buf_free(&sink->tokens);
    ev_buf_free(&sink->spoken);
    ev_buf_free(&sink->omissions);
    ev_buf_free(&sink->said);
}

static sink_word *last_word(const ev_sink *sink) {
    size_t count = ev_array_count(&sink->words, sink_word);
    return count ? (sink_word *)(void *)sink->words.data + count - 1 : NULL;
}

static void push_item(ev_sink *sink, sink_item item) { ev_buf_append(&sink->items, &item, sizeof(item)); }

/* A word enters the item list with its first phone, so that one without phones leaves no trace in the marks. */
void ev_sink_word(ev_sink *sink, const char *language, uint32_t byte_begin, uint32_t byte_end, const char *spoken,
                  size_t spoken_bytes) {
    assert(byte_begin <= byte_end && (language[0] == 'e' || language[0] == 'z'));
    sink_word *previous = last_word(sink);
    sink_word word = {byte_begin, byte_end, 0, 0, sink->spoken.size, language[0] == 'z', false};
    word.token_begin = word.token_end = (uint32_t)ev_array_count(&sink->tokens, int16_t);
    if (previous && previous->token_begin == previous->token_end)
        *previous = word;
    else
        ev_buf_append(&sink->words, &word, sizeof(word));
    ev_buf_append(&sink->spoken, spoken, spoken_bytes);
    ev_buf_append(&sink->spoken, "", 1);
}

void ev_sink_given(ev_sink *sink) {
    sink_word *word = last_word(sink);
    if (word && !sink->words.failed) word->given = true;
}

static void push_token(ev_sink *sink, sink_word *word, int token) {
    assert(token >= 0 && token < EV_TOKEN_COUNT && word == last_word(sink));
    int16_t id = (int16_t)token;
    if (word->token_begin == word->token_end) {
        uint32_t index = (uint32_t)(ev_array_count(&sink->words, sink_word) - 1);
        push_item(sink, (sink_item){ITEM_WORD, 0, index, word->byte_begin, word->byte_end});
    }
    if (ev_buf_append(&sink->tokens, &id, sizeof(id))) word->token_end++;
}

void ev_sink_phone(ev_sink *sink, int token) {
    sink_word *word = last_word(sink);
    if (!word || sink->words.failed || token < 0 || token >= EV_TOKEN_COUNT) return;
    size_t count = word->token_end - word->token_begin;
    ev_token_class now = ev_token_classify(token), before = EV_TOKEN_MARK;
    if (count) before = ev_token_classify(((const int16_t *)(const void *)sink->tokens.data)[word->token_end - 1]);
    bool syllable = before == EV_TOKEN_FINAL && (now == EV_TOKEN_INITIAL || now == EV_TOKEN_FINAL);
    if (count + syllable >= sink->word_tokens_max) {
        sink_word next = *word;
        next.token_begin = next.token_end;
        if (!ev_buf_append(&sink->words, &next, sizeof(next))) return;
        word = last_word(sink);
        syllable = false;
    }
    if (syllable) push_token(sink, word, TOKEN_SYLLABLE);
    push_token(sink, word, token);
}

void ev_sink_break(ev_sink *sink, ev_break kind) {
    assert(kind <= EV_BREAK_EXCLAIM);
    if (kind != EV_BREAK_WORD) push_item(sink, (sink_item){ITEM_BREAK, (int)kind, 0, 0, 0});
}

void ev_sink_pause(ev_sink *sink, int ms, uint32_t byte_begin, uint32_t byte_end) {
    assert(ms > 0 && byte_begin <= byte_end);
    push_item(sink, (sink_item){ITEM_PAUSE, ms, 0, byte_begin, byte_end});
}

void ev_sink_omit(ev_sink *sink, uint32_t byte_begin, uint32_t byte_end, const char *reason) {
    assert(byte_begin <= byte_end && reason);
    ev_omission omission = {byte_begin, byte_end, reason, NULL};
    ev_buf_append(&sink->omissions, &omission, sizeof(omission));
}

void ev_sink_substituted(ev_sink *sink, uint32_t byte_begin, uint32_t byte_end, const char *reason, const char *said,
                         size_t said_bytes) {
    assert(byte_begin <= byte_end && reason);
    ev_omission omission = {byte_begin, byte_end, reason, (const char *)(sink->said.size + 1)};
    ev_buf_append(&sink->said, said, said_bytes);
    ev_buf_append(&sink->said, "", 1);
    ev_buf_append(&sink->omissions, &omission, sizeof(omission));
}

size_t ev_sink_omissions(const ev_sink *sink) { return ev_array_count(&sink->omissions, ev_omission); }

void ev_sink_forget(ev_sink *sink, size_t omissions) {
    if (ev_sink_omissions(sink) > omissions) sink->omissions.size = omissions * sizeof(ev_omission);
}

/* ---- laying out ---- */

typedef struct layout {
    const sink_item *items;
    size_t item_count;
    const sink_word *words;
    const int16_t *tokens;
    size_t phones_max;
    const ev_prosody *prosodies;
    size_t prosody_count, prosody_next;
    ev_prosody prosody;                  /* of the last thing written */
    ev_buf phones, sentences, out_words; /* ev_phone, ev_sentence, ev_word (spoken: an offset until the end) */
    size_t text_at;                      /* end of the last thing written, in the caller's text */
    bool zh;                             /* language of the last word written */
} layout;

static void put_phone(layout *l, int token, int32_t word, int pause_ms, size_t begin, size_t end) {
    assert(token >= 0 && token < EV_TOKEN_COUNT && begin <= end && pause_ms >= 0);
    ev_phone phone = {
        ev_token_name(token),   token, word, pause_ms, begin, end, l->prosody.speed, l->prosody.pitch_scale,
        l->prosody.energy_scale};
    ev_buf_append(&l->phones, &phone, sizeof(phone));
}

static void put_mark(layout *l, int token, size_t begin, size_t end, int pause_ms) {
    put_phone(l, token, -1, pause_ms, begin, end);
}

/* Words come in the order of the text. */
static void set_prosody(layout *l, uint32_t byte_begin) {
    while (l->prosody_next < l->prosody_count && l->prosodies[l->prosody_next].byte_begin <= byte_begin)
        l->prosody = l->prosodies[l->prosody_next++];
}

static void put_word(layout *l, const sink_item *item, const char *spoken) {
    const sink_word *word = l->words + item->index;
    ev_word out = {.byte_begin = word->byte_begin, .byte_end = word->byte_end};
    assert(item->kind == ITEM_WORD && word->token_begin < word->token_end); /* none without phones came in */
    out.phone_begin = ev_array_count(&l->phones, ev_phone);
    out.spoken = spoken + word->spoken;
    out.given = word->given;
    set_prosody(l, word->byte_begin);
    memcpy(out.language, word->zh ? "zh" : "en", 3);
    int32_t index = (int32_t)ev_array_count(&l->out_words, ev_word);
    for (uint32_t i = word->token_begin; i < word->token_end; i++) {
        put_phone(l, l->tokens[i], index, 0, word->byte_begin, word->byte_end);
    }
    out.phone_end = ev_array_count(&l->phones, ev_phone);
    ev_buf_append(&l->out_words, &out, sizeof(out));
    l->zh = word->zh;
    if (word->byte_end > l->text_at) l->text_at = word->byte_end;
}

static int boundary(bool from_zh, bool to_zh, bool comma) {
    if (comma) return from_zh ? TOKEN_ZH_COMMA : TOKEN_EN_COMMA;
    if (from_zh) return TOKEN_ZH_WORD;
    return to_zh ? TOKEN_EN_ZH : TOKEN_EN_WORD;
}

static bool next_word_zh(const layout *l, size_t i) {
    for (; i < l->item_count; i++)
        if (l->items[i].kind == ITEM_WORD) return l->words[l->items[i].index].zh;
    return l->zh;
}

/* What SSML asks for at a place; NULL: nothing. */
static const ev_prosody *prosody_at(const layout *l, uint32_t byte_begin) {
    size_t low = 0, high = l->prosody_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (l->prosodies[middle].byte_begin <= byte_begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &l->prosodies[low - 1] : NULL;
}

/* How much longer than by itself a word takes that SSML slows down: its sentence is cut the shorter. */
static double slowness(const layout *l, uint32_t byte_begin) {
    const ev_prosody *prosody = prosody_at(l, byte_begin);
    return prosody && prosody->speed < 1 ? 1 / (double)prosody->speed : 1;
}

/* Whose a sentence is that has these items: the voice of its first word, or of what it has besides words. */
static uint32_t voice_of(const layout *l, size_t begin, size_t end) {
    assert(begin < end && end <= l->item_count);
    size_t first = begin;
    while (first < end && l->items[first].kind != ITEM_WORD) first++;
    const ev_prosody *prosody = prosody_at(l, l->items[first < end ? first : begin].byte_begin);
    return prosody ? prosody->voice : 0;
}

/* items[begin, end) as one sentence; end_token closes it, or the comma mark where that is 0. */
static void put_piece(layout *l, size_t begin, size_t end, int end_token, const char *spoken) {
    assert(begin <= end && end <= l->item_count);
    ev_sentence sentence = {.phone_begin = ev_array_count(&l->phones, ev_phone)};
    while (begin < end && l->items[begin].kind == ITEM_BREAK) begin++;
    if (begin == end) return;
    sentence.byte_begin = l->items[begin].byte_begin;
    sentence.voice = (const char *)(uintptr_t)voice_of(l, begin, end); /* a pointer in the end */
    if (sentence.byte_begin > l->text_at) l->text_at = sentence.byte_begin;
    l->zh = next_word_zh(l, begin);
    put_mark(l, TOKEN_EDGE, sentence.byte_begin, sentence.byte_begin, 0);
    bool need_mark = false, comma = false;
    for (size_t i = begin; i < end; i++) {
        const sink_item *item = &l->items[i];
        if (item->kind == ITEM_BREAK) {
            comma = true;
        } else if (item->kind == ITEM_PAUSE) {
            put_mark(l, l->zh ? TOKEN_ZH_COMMA : TOKEN_EN_COMMA, item->byte_begin, item->byte_end, item->value);
            if (item->byte_end > l->text_at) l->text_at = item->byte_end;
            need_mark = comma = false;
        } else {
            int mark = boundary(l->zh, l->words[item->index].zh, comma);
            size_t at = item->byte_begin > l->text_at ? item->byte_begin : l->text_at;
            if (need_mark) put_mark(l, mark, l->text_at, at, 0);
            put_word(l, item, spoken);
            need_mark = true;
            comma = false;
        }
    }
    if (!end_token) end_token = boundary(l->zh, l->zh, true);
    put_mark(l, end_token, l->text_at, l->text_at, 0);
    put_mark(l, TOKEN_EDGE, l->text_at, l->text_at, 0);
    assert(sentence.byte_begin <= l->text_at);
    sentence.byte_end = l->text_at;
    sentence.phone_end = ev_array_count(&l->phones, ev_phone);
    ev_buf_append(&l->sentences, &sentence, sizeof(sentence));
}

/* Where the piece that starts at `begin` must end so as not to exceed phones_max: the last comma if it has one, else
 * the last word. Each item is visited at most twice in all, since the next piece goes beyond what was looked at. */
static size_t fit(const layout *l, size_t begin, size_t end) {
    assert(begin < end && end <= l->item_count);
    double count = 3;
    size_t last_comma = 0, last_word_end = 0;
    long pauses_ms = 0;
    for (size_t i = begin; i < end; i++) {
        const sink_item *item = &l->items[i];
        if (item->kind == ITEM_WORD) {
            const sink_word *word = l->words + item->index;
            count += (double)(word->token_end - word->token_begin + 1) * slowness(l, word->byte_begin);
        } else if (item->kind == ITEM_PAUSE) {
            count++;
            pauses_ms += item->value;
            if (pauses_ms > PAUSES_MS_MAX && last_word_end) return last_word_end;
        }
        /* the boundary after the last word is not written: hence one more is allowed */
        if (count > (double)l->phones_max + 1 && last_word_end) return last_comma ? last_comma : last_word_end;
        if (item->kind == ITEM_WORD || item->kind == ITEM_PAUSE) last_word_end = i + 1;
        if (item->kind == ITEM_BREAK && last_word_end) last_comma = i + 1;
    }
    return end;
}

static void put_sentence(layout *l, size_t begin, size_t end, int end_token, const char *spoken) {
    while (begin < end) {
        size_t cut = fit(l, begin, end);
        assert(cut > begin && cut <= end); /* a piece has at least one item */
        bool more = false;                 /* is there a word or pause after the cut? */
        for (size_t i = cut; i < end && !more; i++) more = l->items[i].kind != ITEM_BREAK;
        put_piece(l, begin, cut, more ? 0 : end_token, spoken);
        if (!more) return;
        begin = cut;
    }
}

static int end_token_of(int kind) {
    assert(kind >= EV_BREAK_WORD && kind <= EV_BREAK_EXCLAIM);
    if (kind == EV_BREAK_QUESTION) return TOKEN_QUESTION;
    return kind == EV_BREAK_EXCLAIM ? TOKEN_EXCLAIM : TOKEN_FINAL;
}

/* A sentence ends at the first final break after a word, with the strongest of the breaks up to the next word. What
 * comes after the last word (pauses) belongs to the last sentence. */
static void put_all(layout *l, const char *spoken) {
    size_t begin = 0, cut = 0;
    int strongest = EV_BREAK_WORD;
    bool has_word = false;
    for (size_t i = 0; i < l->item_count; i++) {
        const sink_item *item = &l->items[i];
        if (item->kind == ITEM_BREAK && has_word && item->value >= EV_BREAK_FINAL) {
            if (strongest < EV_BREAK_FINAL) cut = i;
            if (item->value > strongest) strongest = item->value;
        } else if (item->kind == ITEM_WORD) {
            if (strongest >= EV_BREAK_FINAL) {
                put_sentence(l, begin, cut, end_token_of(strongest), spoken);
                begin = cut;
                strongest = EV_BREAK_WORD;
            }
            has_word = true;
        }
    }
    put_sentence(l, begin, l->item_count, end_token_of(strongest), spoken);
}

/* ---- the result, one block ---- */

static int by_place(const void *left, const void *right) {
    const ev_omission *a = left, *b = right;
    if (a->byte_begin != b->byte_begin) return a->byte_begin < b->byte_begin ? -1 : 1;
    return (a->byte_end > b->byte_end) - (a->byte_end < b->byte_end);
}

/* A sentence owns the text up to the next one, so that punctuation and closing quotes light up with it; white space
 * at its end is nobody's. */
static void stretch_sentences(ev_phones *r, const char *text, size_t bytes) {
    for (size_t i = 0; i < r->sentence_count; i++) {
        ev_sentence *sentence = &r->sentences[i];
        assert(sentence->phone_end >= sentence->phone_begin + 2 && sentence->phone_end <= r->phone_count);
        size_t end = i + 1 < r->sentence_count ? r->sentences[i + 1].byte_begin : bytes;
        while (end > sentence->byte_end && (unsigned char)text[end - 1] <= ' ') end--;
        if (end < sentence->byte_end) continue;
        sentence->byte_end = end;
        r->phones[sentence->phone_end - 2].byte_end = end;
        r->phones[sentence->phone_end - 1].byte_begin = r->phones[sentence->phone_end - 1].byte_end = end;
    }
}

static void *place(unsigned char **at, const ev_buf *part) {
    void *here = *at;
    if (part->size) memcpy(here, part->data, part->size);
    *at += (part->size + 15) / 16 * 16;
    return here;
}

static ev_phones *gather(const layout *l, const ev_sink *sink, const ev_buf *voices) {
    size_t size = (sizeof(ev_phones) + 15) / 16 * 16 + l->phones.size + l->out_words.size + l->sentences.size +
                  sink->omissions.size + sink->spoken.size + sink->said.size + voices->size + 7 * 16;
    unsigned char *block = malloc(size);
    if (!block) return NULL;
    ev_phones *r = (ev_phones *)(void *)block;
    unsigned char *at = block + (sizeof(ev_phones) + 15) / 16 * 16;
    *r = (ev_phones){.storage = block};
    r->phones = place(&at, &l->phones);
    r->phone_count = ev_array_count(&l->phones, ev_phone);
    r->words = place(&at, &l->out_words);
    r->word_count = ev_array_count(&l->out_words, ev_word);
    r->sentences = place(&at, &l->sentences);
    r->sentence_count = ev_array_count(&l->sentences, ev_sentence);
    r->omissions = place(&at, &sink->omissions);
    r->omission_count = ev_array_count(&sink->omissions, ev_omission);
    const char *spoken = place(&at, &sink->spoken);
    for (size_t i = 0; i < r->word_count; i++) /* the words pointed into the sink's buffer, which goes away */
        r->words[i].spoken = spoken + (r->words[i].spoken - (const char *)sink->spoken.data);
    const char *said = place(&at, &sink->said);
    for (size_t i = 0; i < r->omission_count; i++)
        if (r->omissions[i].spoken) r->omissions[i].spoken = said + (uintptr_t)r->omissions[i].spoken - 1;
    const char *names = place(&at, voices);
    assert(at <= block + size);
    for (size_t i = 0; i < r->sentence_count; i++)
        if (r->sentences[i].voice) r->sentences[i].voice = names + (uintptr_t)r->sentences[i].voice - 1;
    return r;
}

ev_status ev_sink_finish(ev_sink *sink, ev_phones **out, const ev_buf *prosodies, const ev_buf *voices,
                         const char *text, size_t bytes, size_t sentence_phones_max, ev_error *err) {
    if (sink->items.failed || sink->words.failed || sink->tokens.failed || sink->spoken.failed ||
        sink->omissions.failed || sink->said.failed)
        return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    if (sink->tokens.size == 0) return ev_fail(err, EV_E_TEXT, "text holds nothing that can be spoken");
    layout l = {.items = (const sink_item *)(const void *)sink->items.data,
                .item_count = ev_array_count(&sink->items, sink_item),
                .words = (const sink_word *)(const void *)sink->words.data,
                .tokens = (const int16_t *)(const void *)sink->tokens.data,
                .phones_max = sentence_phones_max,
                .prosodies = (const ev_prosody *)(const void *)prosodies->data,
                .prosody_count = ev_array_count(prosodies, ev_prosody),
                .prosody = {.speed = 1, .pitch_scale = 1, .energy_scale = 1}};
    put_all(&l, (const char *)sink->spoken.data);
    ev_phones *result = NULL;
    if (!l.phones.failed && !l.sentences.failed && !l.out_words.failed) result = gather(&l, sink, voices);
    ev_buf_free(&l.phones);
    ev_buf_free(&l.sentences);
    ev_buf_free(&l.out_words);
    if (!result) return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    if (result->omission_count) /* NULL base is not allowed */
        qsort(result->omissions, result->omission_count, sizeof(ev_omission), by_place);
    stretch_sentences(result, text, bytes);
    *out = result;
    return EV_OK;
}
