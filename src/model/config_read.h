/* config_read: numbers out of a model file's JSON, each with its range; internal to the readers of configurations.
 * EV_E_FORMAT names the key that is missing or out of range. */
#ifndef EV_CONFIG_READ_H
#define EV_CONFIG_READ_H

#include "model/config.h"

ev_status ev_config_int(const json_t *o, const char *key, int low, int high, int *out, ev_error *err);
ev_status ev_config_number(const json_t *o, const char *key, double low, double high, double *out, ev_error *err);
/* An array of min..max integers; *count is how many there are (NULL: exactly max). */
ev_status ev_config_ints(const json_t *array, const char *key, int low, int high, int *out, int min, int max,
                         int *count, ev_error *err);
/* Attention: a width of whole heads, each a multiple of 16. */
ev_status ev_config_heads(const char *key, int width, int heads, ev_error *err);
/* "precision" of the large layers' products: "float32", or none, and "int8". */
ev_status ev_config_int8(const json_t *o, bool *int8, ev_error *err);
ev_status ev_config_odd(const char *key, int n, ev_error *err); /* a kernel size */

#endif
