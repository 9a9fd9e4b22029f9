/* trace: where a request stands in a distributed trace, by the header traceparent of W3C's Trace Context. What a
 * client or a proxy sent stands in the request's log line, so that it is found from the trace and the trace from it.
 * A request without the header, or with one that is not right, belongs to no trace. What was seen of a request is
 * sent to a collector by traces.h.
 */
#ifndef SV_TRACE_H
#define SV_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum { SV_TRACE_ID = 32, SV_SPAN_ID = 16 };

typedef struct sv_trace {
    char trace[SV_TRACE_ID + 1]; /* lower case hexadecimal; "": there is none */
    char parent[SV_SPAN_ID + 1]; /* the client's span */
    bool sampled;                /* it keeps what it traces */
} sv_trace;

/* header: of version 00, or of a later one as far as that is like it; NULL: none. false: *trace is empty. */
bool sv_trace_parse(sv_trace *trace, const char *header);
/* And back, of what has a trace. */
enum { SV_TRACE_TEXT = 56 };
void sv_trace_text(const sv_trace *trace, char out[SV_TRACE_TEXT]);
/* So many hexadecimal digits and a NUL, not all of them zero; "": there are no random numbers. */
void sv_trace_random(char *out, size_t digits);

#endif
