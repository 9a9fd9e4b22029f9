/* routes: which path means what. Above all that answers, so that nothing that answers knows the table. */
#ifndef SV_ROUTES_H
#define SV_ROUTES_H

#include "server/http/request.h"

/* The row for a method and path, and the path's {id}. NULL: none; then allow holds the methods that would do, as the
 * header Allow does, and is empty where there is no such path. simple: speech without JSON is on. */
const sv_route_row *sv_route_find(const char *method, const char *path, bool admin, bool simple,
                                  char id[SV_ID_MAX + 1], char allow[SV_ALLOW_SIZE]);

#endif
