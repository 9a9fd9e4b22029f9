/* request: one request from its body to its sample, as the client's slot carries it through its transfers. */
#ifndef LOAD_REQUEST_H
#define LOAD_REQUEST_H

#include "loadtest.h"

#include <curl/curl.h>

typedef enum load_phase { LOAD_SPEAK, LOAD_SUBMIT, LOAD_ASK, LOAD_FETCH } load_phase;

typedef struct load_target { /* what all slots share */
    const load_values *values;
    const load_mix *mix;
    const char *url;
    bool speech; /* POST /v1/audio/speech, else POST /tts and what follows */
    struct curl_slist *post_headers, *get_headers;
    uint32_t source_first, source_count, source_next;
} load_target;

typedef struct load_slot {
    struct load_slot *next; /* in the list of free slots, or of those that wait to ask again */
    load_target *target;
    CURL *easy;
    load_phase phase;
    double due_s; /* when to ask again */
    load_sample sample;
    ev_buf body, reply; /* reply: the begin of an answer that is no audio */
    load_audio audio;
    char job[160];
    char fault[160];
} load_slot;

bool load_slot_open(load_slot *slot, load_target *target);
void load_slot_close(load_slot *slot);
/* Sets the first transfer up. False: it cannot begin, and the sample is finished. */
bool load_request_begin(load_slot *slot, uint64_t number, double at_s);
/* What a finished transfer means. True: another one is set up, to begin at slot->due_s. */
bool load_request_next(load_slot *slot, CURLcode result);

#endif
