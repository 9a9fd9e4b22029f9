/* timed: when the words of the text are heard, in the words of several services: OpenAI's events and /tts (seconds
 * and places), Kokoro's captions (start_time), ElevenLabs' alignment (of each character), and subtitles.
 *
 * What one word of the text is spoken as ("$25.40" is six words) is one entry, from its first sound to its last.
 * While speech is made, a word is sent when the encoder has had all of it.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "server/api/answers.h"

static size_t characters(const char *text, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool is_same_word(const sv_word_time *a, const sv_word_time *b) {
    return a->byte_begin == b->byte_begin && a->byte_end == b->byte_end;
}

/* The entry that begins at word *index, which moves behind it; false: none, or it ends behind sample `heard`. */
static bool next_entry(sv_job *job, size_t *index, size_t heard, bool over, sv_word_time *out) {
    sv_word_time more;
    if (!sv_job_word(job, *index, out)) return false;
    size_t i = *index + 1;
    for (; sv_job_word(job, i, &more) && is_same_word(&more, out); i++) out->sample_end = more.sample_end;
    if (!over && (!out->sample_end || out->sample_end > heard)) return false;
    *index = i;
    return true;
}

static double seconds(size_t sample, const sv_timing *t) {
    const double at = (double)sample / t->rate - t->skipped_s;
    if (t->ended && at > t->end_s) return t->end_s; /* its last sound may be too soft to stay */
    return at > 0 ? at : 0;
}

/* ---- a list of words ---- */

static json_t *word_json(const sv_job *job, const sv_word_time *w, const sv_timing *t) {
    const bool kokoro = t->dialect == SV_DIALECT_KOKORO;
    const char *text = job->speech.text;
    return json_pack("{s:s%, s:f, s:f, s:I, s:I}", "word", text + w->byte_begin, w->byte_end - w->byte_begin,
                     kokoro ? "start_time" : "start", seconds(w->sample_begin, t), kokoro ? "end_time" : "end",
                     seconds(w->sample_end, t), "text_begin", (json_int_t)characters(text, w->byte_begin), "text_end",
                     (json_int_t)characters(text, w->byte_end));
}

static json_t *word_list(sv_job *job, sv_timing *t, size_t heard, bool over) {
    json_t *list = json_array();
    sv_word_time w;
    while (next_entry(job, &t->next_word, heard, over, &w)) {
        json_t *word = word_json(job, &w, t);
        if (word) json_array_append_new(list, word);
    }
    return list;
}

/* ---- alignment: a time for every character ---- */

typedef struct alignment {
    json_t *characters, *starts, *ends;
} alignment;

/* The characters of text[begin, end), which share the time evenly. */
static void spread(alignment *a, const char *text, size_t begin, size_t end, double from_s, double to_s) {
    const size_t count = characters(text + begin, end - begin);
    for (size_t at = begin, n = 0; at < end; n++) {
        size_t next = at + 1;
        while (next < end && ((unsigned char)text[next] & 0xc0) == 0x80) next++;
        json_array_append_new(a->characters, json_stringn(text + at, next - at));
        json_array_append_new(a->starts, json_real(from_s + (to_s - from_s) * (double)n / (double)count));
        json_array_append_new(a->ends, json_real(from_s + (to_s - from_s) * (double)(n + 1) / (double)count));
        at = next;
    }
}

static json_t *align(sv_job *job, sv_timing *t, size_t heard, bool over) {
    alignment a = {json_array(), json_array(), json_array()};
    const sv_speech *s = &job->speech;
    sv_word_time w;
    while (next_entry(job, &t->next_word, heard, over, &w)) {
        const double from_s = seconds(w.sample_begin, t), to_s = seconds(w.sample_end, t);
        if (w.byte_begin > t->next_byte) spread(&a, s->text, t->next_byte, w.byte_begin, t->last_s, from_s);
        if (w.byte_end > t->next_byte) spread(&a, s->text, w.byte_begin, w.byte_end, from_s, to_s);
        if (w.byte_end > t->next_byte) t->next_byte = w.byte_end;
        t->last_s = to_s;
    }
    if (over) spread(&a, s->text, t->next_byte, s->text_bytes, t->last_s, t->last_s);
    if (over) t->next_byte = s->text_bytes;
    return json_pack("{s:o, s:o, s:o}", "characters", a.characters, "character_start_times_seconds", a.starts,
                     "character_end_times_seconds", a.ends);
}

json_t *sv_timed_words(sv_job *job, sv_timing *t, const ev_encoder *encoder, bool over) {
    assert(t->rate > 0 && (encoder || over));
    const uint64_t skipped = encoder ? ev_encoder_skipped(encoder) : 0, kept = encoder ? ev_encoder_kept(encoder) : 0;
    const size_t heard = (size_t)(skipped + kept);
    t->skipped_s = (double)skipped / t->rate;
    t->end_s = (double)kept / t->rate;
    t->ended = encoder && over;
    return t->dialect == SV_DIALECT_ELEVENLABS ? align(job, t, heard, over) : word_list(job, t, heard, over);
}

/* ---- subtitles ---- */

enum { CUE_WIDE = 84 }; /* characters: two lines of 42, as broadcasters have them */
#define CUE_S 6.0

static void put_time(ev_buf *out, double at_s, char mark) {
    const long long ms = llround(at_s * 1000);
    ev_buf_printf(out, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, mark,
                  ms % 1000);
}

/* Ends a sentence, by what stands between this word and the next. */
static bool ends_sentence(const char *text, size_t begin, size_t end) {
    static const char *const marks[] = {".", "!", "?", "\n", "。", "！", "？", "；"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(marks); i++)
        if (memmem(text + begin, end - begin, marks[i], strlen(marks[i]))) return true;
    return false;
}

/* Blank lines end a cue, and "-->" would be another's time. */
static void put_text(ev_buf *out, const char *text, size_t begin, size_t end) {
    while (begin < end && (unsigned char)text[begin] <= ' ') begin++;
    while (end > begin && (unsigned char)text[end - 1] <= ' ') end--;
    for (size_t i = begin; i < end; i++) {
        const char c = text[i];
        if (c == '>' && i >= begin + 2 && text[i - 1] == '-' && text[i - 2] == '-')
            ev_buf_append(out, " >", 2);
        else
            ev_buf_append(out, (unsigned char)c < ' ' ? " " : &c, 1);
    }
}

typedef struct cue {
    size_t begin, end; /* bytes of the text */
    double from_s, to_s;
    int number;
} cue;

static void put_cue(ev_buf *out, cue *c, const char *text, bool vtt) {
    if (!vtt) ev_buf_printf(out, "%d\n", c->number);
    put_time(out, c->from_s, vtt ? '.' : ',');
    ev_buf_append(out, " --> ", 5);
    put_time(out, c->to_s, vtt ? '.' : ',');
    ev_buf_append(out, "\n", 1);
    put_text(out, text, c->begin, c->end);
    ev_buf_append(out, "\n\n", 2);
    c->number++;
}

void sv_timed_subtitles(sv_job *job, sv_timing *t, bool vtt, ev_buf *out) {
    const sv_speech *s = &job->speech;
    cue c = {.number = 1};
    sv_word_time w, next;
    if (vtt) ev_buf_append(out, "WEBVTT\n\n", 8);
    bool some = next_entry(job, &t->next_word, 0, true, &w), open = false;
    while (some) {
        const bool more = next_entry(job, &t->next_word, 0, true, &next);
        if (!open) c.begin = w.byte_begin, c.from_s = seconds(w.sample_begin, t);
        open = true;
        c.end = more ? next.byte_begin : s->text_bytes;
        c.to_s = seconds(w.sample_end, t);
        const bool sentence = ends_sentence(s->text, w.byte_end, c.end);
        const size_t with_next = more ? characters(s->text + c.begin, next.byte_end - c.begin) : 0;
        if (!more || sentence || with_next > CUE_WIDE || (more && seconds(next.sample_end, t) - c.from_s > CUE_S)) {
            put_cue(out, &c, s->text, vtt);
            open = false;
        }
        w = next;
        some = more;
    }
}
