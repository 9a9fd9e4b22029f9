/* sniff_ogg: the pages of an Ogg file, walked from end to end by libogg, which checks their sums. libsndfile plays a
 * damaged file around its holes, and of two streams one, without a word. */
#include <assert.h>
#include <ogg/ogg.h>
#include <string.h>

#include "audio/sniff.h"

#define FAULT(...) ev_fail(err, EV_E_AUDIO, __VA_ARGS__)

typedef struct walk {
    int serial;
    long pages;
    bool ended; /* the last page said that it is the last */
} walk;

static ev_status take_page(walk *w, const ogg_page *page, const char *label, ev_error *err) {
    const int serial = ogg_page_serialno(page);
    if (w->pages == 0) w->serial = serial;
    if (w->ended || serial != w->serial || !!ogg_page_bos(page) != (w->pages == 0))
        return FAULT("%s holds several streams: save one recording alone", label);
    if (ogg_page_pageno(page) != w->pages) return FAULT("%s is damaged: its page %ld is missing", label, w->pages);
    w->pages++;
    w->ended = ogg_page_eos(page);
    return EV_OK;
}

/* All of it is with libogg: pages until it has none, or skips bytes that are in none. */
static ev_status walk_pages(ogg_sync_state *sync, size_t size, const char *label, ev_error *err) {
    walk w = {0};
    ev_status status = EV_OK;
    size_t at = 0;
    while (!status) {
        ogg_page page;
        const long step = ogg_sync_pageseek(sync, &page);
        if (step < 0) return FAULT("%s is damaged: no whole Ogg page at byte %zu", label, at);
        if (step == 0) break;
        at += (size_t)step;
        assert(at <= size);
        status = take_page(&w, &page, label, err);
    }
    if (!status && at < size) return FAULT("%s is cut short: its last page is incomplete", label);
    if (!status && w.pages < 2) return FAULT("%s is cut short: it ends before its sound", label);
    return status;
}

ev_status ev_ogg_walk(const unsigned char *bytes, size_t size, const char *label, ev_error *err) {
    ogg_sync_state sync;
    ogg_sync_init(&sync);
    char *room = ogg_sync_buffer(&sync, (long)size);
    if (!room) {
        ogg_sync_clear(&sync);
        return ev_fail(err, EV_E_MEMORY, "out of memory: %s", label);
    }
    memcpy(room, bytes, size);
    ogg_sync_wrote(&sync, (long)size);
    const ev_status status = walk_pages(&sync, size, label, err);
    ogg_sync_clear(&sync);
    return status;
}
