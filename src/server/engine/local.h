/* local: jobs that the engine of this process makes, as a backend. */
#ifndef SV_LOCAL_H
#define SV_LOCAL_H

#include "server/engine/engine.h"
#include "server/jobs/backend.h"

/* Borrows all; durable may be NULL. EV_E_MEMORY. */
ev_status sv_backend_local(sv_backend **out, sv_engine *engine, sv_jobs *jobs, sv_durable *durable, ev_error *err);

#endif
