/* trace: "00-<32 hex>-<16 hex>-<2 hex>"; https://www.w3.org/TR/trace-context/#traceparent-header */
#include "server/metrics/trace.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

enum { VERSION = 0, TRACE = 3, PARENT = TRACE + SV_TRACE_ID + 1, FLAGS = PARENT + SV_SPAN_ID + 1, END = FLAGS + 2 };

static bool is_hex(const char *text, size_t count) { return strspn(text, "0123456789abcdef") >= count; }

static bool is_zero(const char *text, size_t count) { return strspn(text, "0") >= count; }

static bool has_form(const char *h) {
    if (strnlen(h, END) < END || h[TRACE - 1] != '-' || h[PARENT - 1] != '-' || h[FLAGS - 1] != '-') return false;
    if (!is_hex(h, 2) || !is_hex(h + TRACE, SV_TRACE_ID) || !is_hex(h + PARENT, SV_SPAN_ID) || !is_hex(h + FLAGS, 2))
        return false;
    if (strncmp(h, "ff", 2) == 0) return false;
    return h[END] == '\0' || (strncmp(h, "00", 2) != 0 && h[END] == '-'); /* later versions may say more */
}

bool sv_trace_parse(sv_trace *trace, const char *header) {
    static const char odd[] = "13579bdf";
    *trace = (sv_trace){0};
    if (!header || !has_form(header)) return false;
    if (is_zero(header + TRACE, SV_TRACE_ID) || is_zero(header + PARENT, SV_SPAN_ID)) return false;
    memcpy(trace->trace, header + TRACE, SV_TRACE_ID);
    memcpy(trace->parent, header + PARENT, SV_SPAN_ID);
    trace->sampled = strchr(odd, header[FLAGS + 1]) != NULL;
    return true;
}

void sv_trace_text(const sv_trace *t, char out[SV_TRACE_TEXT]) {
    snprintf(out, SV_TRACE_TEXT, "00-%s-%s-%s", t->trace, t->parent, t->sampled ? "01" : "00");
}

void sv_trace_random(char *out, size_t digits) {
    unsigned char bytes[SV_TRACE_ID / 2];
    out[0] = '\0';
    if (digits > SV_TRACE_ID || getrandom(bytes, digits / 2, 0) != (ssize_t)(digits / 2)) return;
    bytes[0] |= 1;
    ev_hex(bytes, digits / 2, out);
}
