/* scale: as many workers on this machine as rule.h wants, each a process of its own.
 *
 * Path: look at the queue in Redis -> decide -> start `emotivoice worker`, or end the youngest by SIGTERM, which
 * makes it finish what it took. One that ends by itself is started again, later each time. While Redis cannot be
 * asked nothing changes. Workers end when this process does, however it does.
 *
 * Threads: the caller's alone, since a worker's parent is the thread that started it.
 */
#ifndef SV_SCALE_H
#define SV_SCALE_H

#include "server/config/config.h"
#include "server/scale/rule.h"

typedef struct sv_scale_options {
    sv_scale_rule rule;
    double every_s;          /* between two looks */
    const sv_config *config; /* of the workers */
    char *const *worker;     /* arguments of a worker, without its admin_listen; NULL-terminated */
} sv_scale_options;

/* Runs until SIGTERM or SIGINT, and until all workers have ended; SIGHUP goes on to them. Decisions are lines of the
 * log on standard error. Signals must be blocked. EV_E_ARGUMENT: Redis' URL is none, or it is not to be trusted. */
ev_status sv_scale(const sv_scale_options *options, ev_error *err);

#endif
