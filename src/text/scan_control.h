/* The two inline controls, kept small: [pause:500ms] and [word](/phones/). */
#ifndef EV_TEXT_SCAN_CONTROL_H
#define EV_TEXT_SCAN_CONTROL_H

#include "text/scan.h"

/* text[at] is '['. *used: bytes of the control, which is then in scan->controls; 0: it is ordinary text.
 * EV_E_TEXT: a pause that is none, an unknown phone; the message gives the byte offset. */
ev_status ev_scan_control(ev_scan *scan, const char *text, size_t bytes, size_t at, size_t *used, ev_error *err);

#endif
