/* The two inline controls, kept small: [pause:500ms] and [word](/phones/). */
#ifndef EV_TEXT_SCAN_CONTROL_H
#define EV_TEXT_SCAN_CONTROL_H

#include "text/scan.h"

/* A control in text[0, bytes), which is marked text: offsets are there. */
typedef struct ev_scan_found {
    size_t end;                    /* behind it; 0: what stands there is ordinary text */
    size_t word_begin, word_end;   /* of the word between the brackets */
    int pause_ms;                  /* 0: phones */
    size_t token_begin, token_end; /* into the scan's tokens; none: it is a link, or phones that are not understood */
    size_t fault;                  /* where what is wrong stands */
} ev_scan_found;

/* text[at] is '['. EV_E_TEXT: a pause that is none, a phone that is none among others that are; found->fault. */
ev_status ev_scan_control(ev_scan *scan, const char *text, size_t bytes, size_t at, ev_scan_found *found,
                          ev_error *err);

#endif
