/* webhook: tells a client's URL that its job is over. A few threads, a bounded queue; an account has one call under
 * way at a time, so that one whose server does not answer delays its own alone. The URL is asked under the same guard
 * as fetched ones. A call that is not answered with 2xx is repeated after 1 and after 5 seconds, then given up: the
 * job itself can still be asked for.
 *
 *   POST URL   {"request_id": ..., "status": "completed", "audio_url": ...}   or "error": {"message": ...}
 *   X-EmotiVoice-Timestamp: seconds since 1970
 *   X-EmotiVoice-Signature: sha256=HMAC of "timestamp.body" with webhook_secret, in hexadecimal, where there is one
 */
#ifndef SV_WEBHOOK_H
#define SV_WEBHOOK_H

#include "server/guard/guard.h"
#include "server/metrics/log.h"

typedef struct sv_webhooks sv_webhooks;
typedef struct sv_webhook { /* one call; texts are copied */
    const char *id, *account, *url, *body;
    const char *secret; /* "": not signed */
    const char *hosts;  /* as in sv_fetch_options */
    bool http;
} sv_webhook;

ev_status sv_webhooks_create(sv_webhooks **out, sv_log *log, ev_error *err);
/* false: too many wait, or no memory; it is logged and forgotten. Any thread, never waits. */
bool sv_webhooks_call(sv_webhooks *hooks, const sv_webhook *call);
bool sv_webhooks_idle(sv_webhooks *hooks);
void sv_webhooks_free(sv_webhooks **hooks); /* what still waits is given up */

#endif
