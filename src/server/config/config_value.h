/* config_value: one setting's text to its value. What is wrong is said as the end of a sentence that begins with the
 * setting and the text: "is out of range: give 1..64 requests". */
#ifndef SV_CONFIG_VALUE_H
#define SV_CONFIG_VALUE_H

#include "server/config/config.h"

typedef struct sv_value {
    double number; /* numbers, seconds, bytes; a choice's place; a switch: 0 or 1 */
    char *text;    /* owned; texts and lists alone (a list with one blank between its items) */
} sv_value;

#define SV_FAULT_MAX 180
/* EV_E_ARGUMENT with the fault in words, or EV_E_MEMORY. */
ev_status sv_value_parse(const sv_config_row *row, const char *text, sv_value *value, char fault[SV_FAULT_MAX]);

const char *sv_near_key(const char *word); /* "did you mean": the nearest key, or NULL */

#endif
