/* access: what stands before each route. */
#ifndef SV_HTTP_ACCESS_H
#define SV_HTTP_ACCESS_H

#include "server/http/request.h"

/* ---- browser.c ---- */
/* Host and Origin; false: answered, as is an OPTIONS of a page that may come. */
bool sv_browser_check(sv_request *req, const char *method, bool admin, int *result);
bool sv_browser_check_type(sv_request *req, int *result); /* Content-Type, once it is clear who asks */

/* ---- access.c ---- */
/* Fills req->client, or answers (then *result) and returns false: key, scope, rate. Also where there is no route. */
bool sv_access_check(sv_request *req, int *result);
/* "Bearer KEY" of the request, the caller's (free). NULL: it has none, or out of memory. */
char *sv_access_authorization(const sv_request *req);
/* The same, but Host and Origin, for one more request of a client that was let in before; its address stays. */
bool sv_access_again(sv_request *req, const char *authorization, int *result);
/* The rate alone, for one more request of a client that is known. */
bool sv_access_again_known(sv_request *req, int *result);
typedef struct sv_charge { /* what a request takes besides itself */
    double audio_s;        /* speech, of what its key may have in an hour */
    bool fetch;            /* one of the fetches that a client may cause in a minute */
} sv_charge;
/* Takes all of it, or answers and returns false. */
bool sv_access_charge(sv_request *req, sv_charge charge, int *result);
void sv_access_refund(sv_request *req, sv_charge charge); /* nothing was made for it */

/* Under which path a proxy shows us (X-Forwarded-Prefix), without a '/' at its end; "": none, or nothing to be
 * believed. */
enum { SV_PREFIX_MAX = 128 };
const char *sv_prefix(const sv_request *req);

#endif
