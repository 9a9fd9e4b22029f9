/* traces: spans of requests and jobs, sent to a collector of OpenTelemetry (OTLP over HTTP, as JSON).
 *
 *   POST URL/v1/traces   {"resourceSpans": [...]}, opentelemetry-proto 1.x
 *
 * Who has a span to tell copies it into a list of bounded length and goes on; a thread sends what is there once a
 * second, or as soon as a batch is full. What there is no room for, or what the collector does not take, is
 * forgotten, and counted in the log: traces never cost a request anything.
 */
#ifndef SV_TRACES_H
#define SV_TRACES_H

#include "base/base.h"
#include "server/metrics/log.h"
#include "server/metrics/trace.h"

enum { SV_SPAN_FACTS = 6, SV_SPAN_TEXT = 72 };

typedef struct sv_fact { /* what a span says besides: a text, or a number */
    const char *name;    /* static */
    char text[SV_SPAN_TEXT];
    double number; /* where the text is "" */
} sv_fact;

typedef struct sv_span {
    sv_trace at;             /* its trace, and the span that it is part of; "": it is the first */
    char id[SV_SPAN_ID + 1]; /* "": one is made */
    char name[SV_SPAN_TEXT];
    bool server;              /* a request that came from outside */
    double begun, ended;      /* monotonic seconds */
    char error[SV_SPAN_TEXT]; /* "": none */
    sv_fact facts[SV_SPAN_FACTS];
    int fact_count;
} sv_span;
void sv_span_text(sv_span *span, const char *name, const char *text); /* cut, where it is too long */
void sv_span_number(sv_span *span, const char *name, double number);

typedef struct sv_tracer sv_tracer;
/* url: of the collector, as OTEL_EXPORTER_OTLP_ENDPOINT has it. service: the name that its spans go by.
 * EV_E_ARGUMENT: it is no URL of http or https. */
ev_status sv_tracer_create(sv_tracer **out, const char *url, const char *service, sv_log *log, ev_error *err);
/* Any thread, never waits. NULL, or a trace that is not kept: nothing. */
void sv_tracer_add(sv_tracer *tracer, const sv_span *span);
void sv_tracer_free(sv_tracer **tracer); /* sends what is left, for two seconds at most */

#endif
