/* config_read: see config_read.h. */
#include "model/config_read.h"

#include <string.h>

ev_status ev_config_int(const json_t *o, const char *key, int low, int high, int *out, ev_error *err) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v))
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is missing or not an integer", key);
    const json_int_t n = json_integer_value(v);
    if (n < low || n > high) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %lld, wanted %d..%d", key, (long long)n, low, high);
    }
    *out = (int)n;
    return EV_OK;
}

ev_status ev_config_number(const json_t *o, const char *key, double low, double high, double *out, ev_error *err) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v)) return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is missing or not a number", key);
    const double n = json_number_value(v);
    if (!(n >= low && n <= high)) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %g, wanted %g..%g", key, n, low, high);
    }
    *out = n;
    return EV_OK;
}

/* An array of min..max integers; *count is how many there are (NULL: exactly max). */
ev_status ev_config_ints(const json_t *array, const char *key, int low, int high, int *out, int min, int max,
                         int *count, ev_error *err) {
    const size_t n = json_array_size(array);
    if (!json_is_array(array) || n < (size_t)min || n > (size_t)max) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" must be a list of %d..%d integers", key, min, max);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(array, i);
        if (!json_is_integer(v) || json_integer_value(v) < low || json_integer_value(v) > high) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"%s\"[%zu] is not an integer in %d..%d", key, i, low,
                           high);
        }
        out[i] = (int)json_integer_value(v);
    }
    if (count) *count = (int)n;
    return EV_OK;
}

ev_status ev_config_int8(const json_t *o, bool *int8, ev_error *err) {
    const json_t *precision = json_object_get(o, "precision");
    const char *name = precision ? json_string_value(precision) : "float32";
    *int8 = name && strcmp(name, "int8") == 0;
    if (*int8 || (name && strcmp(name, "float32") == 0)) return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "model config: \"precision\" must be \"float32\" or \"int8\"");
}

ev_status ev_config_odd(const char *key, int n, ev_error *err) {
    return n % 2 ? EV_OK : ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %d, wanted an odd kernel size", key, n);
}

ev_status ev_config_heads(const char *key, int width, int heads, ev_error *err) {
    if (width % 16 == 0 && width % heads == 0 && width / heads % 16 == 0) return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" %d must be a multiple of 16 x heads (%d)", key, width,
                   heads);
}
