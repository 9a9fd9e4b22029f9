/* spans: what is sent of a request to a collector of traces: itself, and the encoding of its audio. The waiting and
 * the making are its job's, sent where the job is made (serve.c). */
#include <stdio.h>
#include <string.h>

#include "server/http/request.h"

void sv_spans_begin(sv_request *req) {
    if (!req->server->tracer || req->span.id[0]) return;
    if (!req->span.trace.trace[0]) {
        sv_trace_random(req->span.trace.trace, SV_TRACE_ID);
        req->span.trace.sampled = true;
    }
    if (req->span.trace.sampled) sv_trace_random(req->span.id, SV_SPAN_ID);
}

sv_trace sv_spans_inside(const sv_request *req) {
    sv_trace inside = req->span.trace;
    if (req->span.id[0]) memcpy(inside.parent, req->span.id, sizeof inside.parent);
    return inside.parent[0] ? inside : (sv_trace){0};
}

static void add_encoding_span(const sv_request *req) {
    sv_span span = {.at = sv_spans_inside(req),
                    .name = "encode",
                    .begun = req->span.encode_begun,
                    .ended = req->span.encode_ended};
    sv_span_text(&span, "emotivoice.format", ev_format_name(req->wants.format));
    sv_span_number(&span, "emotivoice.encode_s", req->span.encode_s); /* what lies between is waiting for samples */
    sv_tracer_add(req->server->tracer, &span);
}

static void add_request_span(const sv_request *req, double now_s) {
    const char *method = req->route ? req->route->method : "", *path = req->route ? req->route->path : "other";
    if (!req->connection) path = "speech of a connection"; /* which asks for several */
    sv_span span = {.at = req->span.trace, .server = true, .begun = req->start, .ended = now_s};
    memcpy(span.id, req->span.id, sizeof span.id);
    snprintf(span.name, sizeof span.name, "%s%s%s", method, *method ? " " : "", path);
    if (req->answer.code >= 500 || req->answer.failed)
        snprintf(span.error, sizeof span.error, "status %d", req->answer.code);
    sv_span_text(&span, "http.request.method", method);
    sv_span_text(&span, "http.route", path);
    sv_span_number(&span, "http.response.status_code", req->answer.code);
    sv_span_text(&span, "emotivoice.request_id", req->request_id);
    if (req->amount.audio_s >= 0) sv_span_number(&span, "emotivoice.audio_s", req->amount.audio_s);
    sv_tracer_add(req->server->tracer, &span);
}

void sv_spans_end(sv_request *req, double now_s) {
    if (req->span.traced) sv_spans_begin(req); /* a request with a trace has spans, whatever it is */
    if (!req->span.id[0]) return;
    if (req->span.encode_begun > 0) add_encoding_span(req);
    add_request_span(req, now_s);
}
