/* trace: where a request stands in a distributed trace, by the header traceparent of W3C's Trace Context. What a
 * client or a proxy sent is told in the request's log line, so that it is found from the trace and the trace from it.
 * A request without the header, or with one that is not right, belongs to no trace.
 */
#ifndef SV_HTTP_TRACE_H
#define SV_HTTP_TRACE_H

#include <stdbool.h>

enum { SV_TRACE_ID = 32, SV_SPAN_ID = 16 };

typedef struct sv_trace {
    char trace[SV_TRACE_ID + 1]; /* lower case hexadecimal; "": there is none */
    char parent[SV_SPAN_ID + 1]; /* the span of who asked */
    bool sampled;                /* it keeps what it traces */
} sv_trace;

/* header: of version 00, or of a later one as far as that is like it; NULL: none. false: *trace is empty. */
bool sv_trace_parse(sv_trace *trace, const char *header);

#endif
