/* job_json: a job as JSON, for those who ask and for webhooks. */
#include "server/http/answers.h"

/* Characters of UTF-8 before that byte. */
static size_t characters(const char *text, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* What one word of the text is spoken as ("$25.40" is six words) is one entry. */
static json_t *word_json(const sv_job *job, const sv_word_time *first, const sv_word_time *last, double rate,
                         double skipped_s) {
    const char *text = job->speech.text;
    const double start = (double)first->sample_begin / rate - skipped_s,
                 end = (double)last->sample_end / rate - skipped_s;
    return json_pack("{s:s%, s:f, s:f, s:I, s:I}", "word", text + first->byte_begin,
                     first->byte_end - first->byte_begin, "start", start > 0 ? start : 0, "end", end > 0 ? end : 0,
                     "text_begin", (json_int_t)characters(text, first->byte_begin), "text_end",
                     (json_int_t)characters(text, first->byte_end));
}

json_t *sv_words_json(const sv_job *job, int32_t sample_rate, double skipped_s) {
    json_t *list = json_array();
    for (size_t i = 0, next; i < job->word_count; i = next) {
        const sv_word_time *w = &job->words[i], *last = w;
        for (next = i + 1; next < job->word_count; last = &job->words[next++])
            if (job->words[next].byte_begin != w->byte_begin || job->words[next].byte_end != w->byte_end) break;
        json_t *word = word_json(job, w, last, sample_rate, skipped_s);
        if (word) json_array_append_new(list, word);
    }
    return json_pack("{s:o}", "words", list);
}

static double since(double then, double now) { return then > 0 ? (now - then) * 1000 : 0; }

json_t *sv_job_json(const sv_server *s, sv_job *job) {
    sv_times t;
    size_t count;
    ev_error error;
    const sv_job_state state = sv_job_snapshot(job, &t, &count, &error);
    const double now = ev_clock_s(), rate = ev_model_sample_rate(s->model);
    json_t *body = json_pack("{s:s, s:s, s:I, s:f}", "request_id", job->id, "status", sv_job_state_names[state],
                             "created", (json_int_t)t.created, "audio_s", (double)count / rate);
    json_t *timings = json_pack("{s:f, s:f, s:f}", "queued_ms", since(t.arrived, t.started > 0 ? t.started : now),
                                "first_audio_ms", t.first > 0 ? since(t.arrived, t.first) : 0.0, "total_ms",
                                since(t.arrived, t.done > 0 ? t.done : now));
    json_object_set_new(body, "timings", timings);
    if (state == SV_JOB_COMPLETED) {
        json_object_set_new(body, "audio_url", json_sprintf("/tts/%s/audio", job->id));
        if (job->show_words) {
            json_object_set_new(body, "timestamps", sv_words_json(job, ev_model_sample_rate(s->model), 0));
        }
    } else if (sv_job_over(state)) {
        json_object_set_new(body, "error", json_pack("{s:s}", "message", error.message));
    }
    return body;
}
