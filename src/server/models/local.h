/* local: jobs that the engines of this process make, as a backend. */
#ifndef SV_LOCAL_H
#define SV_LOCAL_H

#include "server/jobs/backend.h"
#include "server/models/models.h"

/* Borrows all; durable may be NULL. EV_E_MEMORY. */
ev_status sv_backend_local(sv_backend **out, sv_models *models, sv_jobs *jobs, sv_durable *durable, ev_error *err);

#endif
