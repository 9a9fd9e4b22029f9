/* task: one request on its way, for a caller that decides itself what runs next. An item (synth.h) that owns what it
 * would otherwise borrow from the request.
 */
#include <assert.h>
#include <stdlib.h>

#include "synth/synth.h"

static_assert(EV_BATCH_SENTENCES_MAX == EV_ROUND_SENTENCES && EV_BATCH_TOKENS_MAX == EV_ROUND_TOKENS,
              "the public limits are the stages'");

struct ev_task {
    ev_item item;
    ev_request request; /* numbers and seed; text and labels are not kept */
    ev_voice *voice;    /* copy */
    ev_model *model;    /* retained */
};

ev_status ev_task_create(ev_task **out, ev_model *model, const ev_request *request, int32_t sentence_ms_max,
                         ev_error *err) {
    *out = NULL;
    ev_synth_options limits;
    ev_synth_options_init(&limits);
    if (sentence_ms_max) limits.sentence_ms_max = sentence_ms_max;
    if (limits.sentence_ms_max < 1000 || limits.sentence_ms_max > EV_SENTENCE_MS_MAX) {
        return ev_fail(err, EV_E_ARGUMENT, "sentence_ms_max is %d; wanted 1000..%d, or 0", sentence_ms_max,
                       EV_SENTENCE_MS_MAX);
    }
    ev_task *t = calloc(1, sizeof *t);
    if (!t) return ev_fail(err, EV_E_MEMORY, "out of memory");
    t->model = ev_model_retain(model);
    t->request = *request;
    if (request->voice) {
        t->voice = ev_voice_copy(request->voice);
        t->request.voice = t->voice;
    }
    ev_status status = EV_OK;
    if (request->voice && !t->voice) {
        status = ev_fail(err, EV_E_MEMORY, "out of memory");
    } else {
        ev_item_prepare(&t->item, model, NULL, limits.sentence_ms_max, &t->request);
        status = ev_task_status(t, err);
    }
    t->request.text = t->request.language = t->request.emotion = t->request.prompt = NULL;
    t->request.dictionaries[0] = t->request.dictionaries[1] = NULL;
    t->request.find_voice = NULL;
    if (status != EV_OK) {
        ev_task_free(&t);
        return status;
    }
    *out = t;
    return EV_OK;
}

void ev_task_free(ev_task **task) {
    ev_task *t = *task;
    *task = NULL;
    if (!t) return;
    ev_item_free(&t->item);
    ev_voice_free(&t->voice);
    ev_model_free(&t->model);
    free(t);
}

ev_status ev_task_status(const ev_task *task, ev_error *err) {
    if (task->item.status == EV_OK) return EV_OK;
    return ev_fail(err, task->item.status, "%s", task->item.error.message);
}

void ev_task_progress(const ev_task *task, ev_progress *progress) {
    const ev_item *item = &task->item;
    const ev_phones *p = item->phones;
    assert(item->next_sentence <= p->sentence_count && item->taken <= item->count);
    const bool failed = item->status != EV_OK;
    *progress = (ev_progress){.sentences = p->sentence_count,
                              .decoded = item->next_sentence,
                              .next_tokens = ev_item_next_tokens(item),
                              .ready_frames = failed ? 0 : item->ready_frames,
                              .ready_samples = item->count - item->taken,
                              .samples = item->gone + item->count};
    if (!failed && item->next_sentence < p->sentence_count) {
        progress->tokens_left = item->rows_before[p->sentence_count] - item->rows_before[item->next_sentence];
    }
    progress->done = failed || (item->next_sentence == p->sentence_count && !item->head);
}

void ev_task_take(ev_task *task, const float **samples, size_t *count) {
    assert(task->item.taken <= task->item.count);
    *samples = task->item.samples + task->item.taken;
    *count = task->item.count - task->item.taken;
    task->item.taken = task->item.count;
}

const ev_mark *ev_task_marks(const ev_task *task, size_t *count) {
    *count = task->item.mark_count;
    return task->item.marks;
}

const ev_phones *ev_task_phones(const ev_task *task) { return task->item.phones; }

/* ---- the stages ---- */

static ev_status begin(ev_synth *s, const ev_task *task, ev_error *err) {
    if (task->model != s->model) return ev_fail(err, EV_E_ARGUMENT, "the task was made for another model");
    return EV_OK;
}

/* Tokens of the sentence that the i-th naming of a task in a batch stands for. */
static size_t tokens_of(ev_task *const *tasks, size_t i) {
    size_t sentence = tasks[i]->item.next_sentence;
    for (size_t k = 0; k < i; k++) sentence += tasks[k] == tasks[i];
    return ev_item_tokens(&tasks[i]->item, sentence);
}

ev_status ev_synth_decode(ev_synth *s, ev_task *const *tasks, size_t n, ev_error *err) {
    ev_item *items[EV_ROUND_SENTENCES];
    size_t tokens = 0;
    if (n > EV_ROUND_SENTENCES) {
        return ev_fail(err, EV_E_LIMIT, "%zu sentences in a batch; at most %d", n, EV_ROUND_SENTENCES);
    }
    for (size_t i = 0; i < n; i++) {
        const ev_status status = begin(s, tasks[i], err);
        if (status != EV_OK) return status;
        items[i] = &tasks[i]->item;
        tokens += tokens_of(tasks, i);
    }
    if (n > 1 && tokens > EV_ROUND_TOKENS) {
        return ev_fail(err, EV_E_LIMIT, "%zu tokens in a batch; at most %d", tokens, EV_ROUND_TOKENS);
    }
    atomic_store_explicit(&s->canceled, false, memory_order_relaxed);
    s->stats = (ev_stats){0};
    assert(n <= EV_ROUND_SENTENCES && (n <= 1 || tokens <= EV_ROUND_TOKENS));
    ev_stage_decode(s, items, n);
    s->stats.total_s = s->stats.acoustic_s;
    return EV_OK;
}

ev_status ev_synth_vocode(ev_synth *s, const ev_slice *slices, size_t n, ev_error *err) {
    ev_item_slice item_slices[EV_BATCH_SLICES_MAX];
    if (n > EV_BATCH_SLICES_MAX) {
        return ev_fail(err, EV_E_LIMIT, "%zu slices in a batch; at most %d", n, EV_BATCH_SLICES_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        const ev_status status = begin(s, slices[i].task, err);
        if (status != EV_OK) return status;
        item_slices[i] = (ev_item_slice){&slices[i].task->item, slices[i].frames};
    }
    atomic_store_explicit(&s->canceled, false, memory_order_relaxed);
    s->stats = (ev_stats){0};
    const bool whole = ev_stage_vocode(s, item_slices, n);
    s->stats.total_s = s->stats.vocoder_s;
    if (whole) return EV_OK;
    ev_error error = {0};
    const ev_status status = ev_fail(&error, EV_E_CANCELED, "canceled");
    for (size_t i = 0; i < n; i++) ev_item_fail(item_slices[i].item, status, &error);
    return ev_fail(err, EV_E_CANCELED, "canceled");
}
