/* wait: waiting without a thread, and the executor's turns of a request. */
#ifndef SV_HTTP_WAIT_H
#define SV_HTTP_WAIT_H

#include "server/http/request.h"

/* At the executor: the request waits until its job has sample `at`, or is over, then resumed is called, at the
 * executor. */
int sv_wait_for_sample(sv_request *req, size_t at, int (*resumed)(sv_request *req));
/* The same for its upload, which is handed in; resumed is called by HTTP's thread. */
int sv_wait_for_upload(sv_request *req, int (*resumed)(sv_request *req));
/* The same until its ticket, which is put, is durable or comes to nothing. */
int sv_wait_for_ticket(sv_request *req, int (*resumed)(sv_request *req));
/* At the executor: others have their turn there, then resumed is called. */
int sv_yield(sv_request *req, int (*resumed)(sv_request *req));
/* From a content reader, which is called again and says so first: waits for sample `at` of the job; or has `work`
 * done at the executor, until it returns true, and between two times waits for samples from *at on; a request
 * without a job has its next turn there. */
void sv_suspend(sv_request *req, size_t at);
void sv_suspend_for(sv_request *req, bool (*work)(sv_request *req, size_t *at));
void sv_request_resumed(sv_request *req);
/* HTTP's thread: the request is suspended, and answered by its route at the executor. */
void sv_execute_answer(sv_request *req, sv_lane lane);

#endif
