/* run: whole requests through the stages. Together: a round decodes as many sentences, in order of the items, as one
 * batch holds, then vocodes them all. Streaming: one sentence a round, and slices that begin small and grow.
 */
#include <assert.h>

#include "synth/synth.h"

static bool canceled(const ev_synth *s) { return atomic_load_explicit(&s->canceled, memory_order_relaxed); }

/* Sentences in order while they fit, at least one if any is left: an item once for each of its. */
static size_t take_sentences(ev_item **taken, ev_item *items, size_t n) {
    size_t count = 0, tokens = 0;
    for (size_t i = 0; i < n; i++) {
        size_t sentence = items[i].next_sentence, more;
        while ((more = ev_item_tokens(&items[i], sentence++)) > 0) {
            if (count == EV_ROUND_SENTENCES || (count && tokens + more > EV_ROUND_TOKENS)) return count;
            tokens += more;
            taken[count++] = &items[i];
        }
    }
    return count;
}

/* taken holds an item's sentences side by side: one slice for each item. */
static size_t whole(ev_item_slice *slices, ev_item *const *taken, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && taken[i] == taken[i - 1]) continue;
        slices[count++] = (ev_item_slice){taken[i], SIZE_MAX};
    }
    return count;
}

static ev_status run_together(ev_synth *s, ev_item *items, size_t n, ev_error *err) {
    ev_item *taken[EV_ROUND_SENTENCES];
    ev_item_slice slices[EV_ROUND_SENTENCES];
    size_t count;
    while ((count = take_sentences(taken, items, n)) > 0) {
        ev_stage_decode(s, taken, count);
        if (!ev_stage_vocode(s, slices, whole(slices, taken, count))) return ev_fail(err, EV_E_CANCELED, "canceled");
    }
    return EV_OK;
}

/* Hands out what the item has; long silences in chunks too. */
static bool hand_out(const ev_synth *s, ev_item *item, ev_chunk_fn on_chunk, void *user) {
    const size_t most = s->chunk_frames * (size_t)item->model->config.vocoder.hop;
    assert(most > 0 && item->taken <= item->count);
    while (item->taken < item->count) {
        const size_t left = item->count - item->taken, now = left < most ? left : most;
        if (on_chunk(user, item->samples + item->taken, now, 0) != 0) return false;
        item->taken += now;
    }
    return true;
}

static bool stream(ev_synth *s, ev_item *item, ev_chunk_fn on_chunk, void *user) {
    size_t next = ev_frames_of_ms(s->model, EV_STREAM_FIRST_MS);
    const size_t most = s->chunk_frames;
    assert(next > 0 && most > 0);
    while (ev_item_next_tokens(item)) {
        ev_stage_decode(s, &item, 1);
        while (item->status == EV_OK && item->head) {
            const size_t left = item->head->piece_end - item->head->at;
            assert(item->head->at <= item->head->piece_end);
            const ev_item_slice slice = {item, left < next + next / 2 && left < most ? left : next};
            if (!ev_stage_vocode(s, &slice, 1) || !hand_out(s, item, on_chunk, user)) return false;
            next = next * 2 < most ? next * 2 : most;
        }
        if (canceled(s)) return false;
    }
    return item->status != EV_OK || on_chunk(user, item->samples, 0, 1) == 0;
}

ev_status ev_synth_run(ev_synth *s, ev_item *items, size_t n, ev_chunk_fn on_chunk, void *user, ev_error *err) {
    if (!on_chunk) return run_together(s, items, n, err);
    return stream(s, items, on_chunk, user) ? EV_OK : ev_fail(err, EV_E_CANCELED, "canceled");
}
