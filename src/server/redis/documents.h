/* documents: what all gateways know of batches and long texts, in Redis (jobs/documents.h). */
#ifndef SV_REDIS_DOCUMENTS_H
#define SV_REDIS_DOCUMENTS_H

#include "server/config/config.h"
#include "server/jobs/documents.h"
#include "server/redis/link.h"

/* holder: the gateway's name, borrowed. EV_E_MEMORY. */
ev_status sv_redis_documents(sv_documents **out, sv_redis *redis, const char *holder, const sv_config *config,
                             ev_error *err);
void sv_redis_documents_close(sv_documents **documents);

#endif
