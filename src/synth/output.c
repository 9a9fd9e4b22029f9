/* output: the samples and marks of one request, growing sentence by sentence. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

ev_status ev_item_reserve(ev_item *item, size_t more, ev_error *err) {
    assert(item->taken <= item->count && item->count <= item->capacity);
    if (item->capacity - item->count >= more) return EV_OK;
    if (item->taken) {
        memmove(item->samples, item->samples + item->taken, (item->count - item->taken) * sizeof *item->samples);
        item->count -= item->taken;
        item->gone += item->taken;
        item->taken = 0;
        if (item->capacity - item->count >= more) return EV_OK;
    }
    size_t capacity = item->capacity + item->capacity / 2;
    if (capacity < item->count + more) capacity = item->count + more;
    float *grown = realloc(item->samples, capacity * sizeof *grown);
    if (!grown) return ev_fail(err, EV_E_MEMORY, "out of memory for %zu samples", capacity);
    item->samples = grown;
    item->capacity = capacity;
    return EV_OK;
}

void ev_item_silence(ev_item *item, size_t samples) {
    assert(samples <= item->capacity - item->count); /* reserved when the sentence was decoded */
    memset(item->samples + item->count, 0, samples * sizeof *item->samples);
    item->count += samples;
}

static size_t pause_of(const ev_item *item, size_t phone) {
    assert(phone < item->phones->phone_count && item->durations[phone] >= 0);
    const int64_t ms = item->phones->phones[phone].pause_ms;
    if (ms <= 0) return 0;
    const ev_vocoder_config *v = &item->model->config.vocoder;
    const int64_t rest = ms * v->sample_rate / 1000 - (int64_t)item->durations[phone] * v->hop;
    return rest > 0 ? (size_t)rest : 0;
}

size_t ev_item_first_sound(const ev_item *item, size_t sentence) {
    assert(sentence < item->phones->sentence_count);
    const ev_sentence *s = &item->phones->sentences[sentence];
    size_t i = s->phone_begin;
    while (i < s->phone_end && item->phones->phones[i].word < 0) i++;
    assert(i >= s->phone_begin && i <= s->phone_end);
    return i;
}

size_t ev_item_lead(const ev_item *item, size_t sentence) {
    assert(sentence < item->phones->sentence_count);
    const size_t end = ev_item_first_sound(item, sentence);
    size_t samples = 0;
    for (size_t i = item->phones->sentences[sentence].phone_begin; i < end; i++) samples += pause_of(item, i);
    return samples;
}

size_t ev_item_pause(const ev_item *item, size_t sentence, size_t phone) {
    return phone < ev_item_first_sound(item, sentence) ? 0 : pause_of(item, phone);
}

size_t ev_item_sentence_pause(const ev_item *item, size_t sentence) {
    assert(sentence < item->phones->sentence_count && item->request->speed > 0);
    const bool last = sentence + 1 == item->phones->sentence_count;
    const size_t ms = last ? 0 : EV_SENTENCE_PAUSE_MS;
    const size_t samples = ms * (size_t)item->model->config.vocoder.sample_rate / 1000;
    return (size_t)((float)samples / item->request->speed);
}

void ev_item_mark(ev_item *item, size_t sentence, size_t at) {
    assert(sentence < item->phones->sentence_count);
    assert(item->mark_count +
               (item->phones->sentences[sentence].phone_end - item->phones->sentences[sentence].phone_begin) <=
           item->phones->phone_count);
    const ev_sentence *s = &item->phones->sentences[sentence];
    const size_t hop = (size_t)item->model->config.vocoder.hop;
    for (size_t i = s->phone_begin; i < s->phone_end; i++) {
        const ev_phone *p = &item->phones->phones[i];
        const size_t lead = i == s->phone_begin ? ev_item_lead(item, sentence) : 0;
        const size_t end = at + lead + (size_t)item->durations[i] * hop + ev_item_pause(item, sentence, i);
        item->marks[item->mark_count++] = (ev_mark){.phone = p->name,
                                                    .word = p->word,
                                                    .byte_begin = p->byte_begin,
                                                    .byte_end = p->byte_end,
                                                    .sample_begin = at,
                                                    .sample_end = end};
        at = end;
    }
}
