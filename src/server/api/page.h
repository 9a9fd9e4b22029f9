/* page: the web page of the service and the description of its API, compiled in. cmake/embed.cmake turns every file
 * of web/, and openapi.json, into bytes with a content type and a tag; nothing is read from disk while serving, so a
 * moved or damaged installation cannot lose it.
 */
#ifndef SV_API_PAGE_H
#define SV_API_PAGE_H

#include <stddef.h>

typedef struct sv_page_file {
    const char *path;         /* "/app.js"; index.html is "/", docs.html "/docs" */
    const char *content_type; /* with its charset */
    const char *etag;         /* quoted, from the contents: for ETag and If-None-Match */
    const unsigned char *data;
    size_t size;
} sv_page_file;

/* The file for a request's path (without query), or NULL. Static storage; any thread. */
const sv_page_file *sv_page_find(const char *path);

/* To be sent with each of them. The page loads its own scripts (mic.js as an audio worklet), styles and pictures and
 * talks to its own server; it has no inline script or style, opens no frame and navigates nowhere. Saving a file goes
 * through a blob: link, which these directives do not concern. */
#define SV_PAGE_CSP                                                                                                  \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "                  \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/* The microphone is for this page alone, and nothing else of the machine is. */
#define SV_PAGE_PERMISSIONS "microphone=(self), camera=(), geolocation=()"

/* ---- what embed.cmake makes ---- */
extern const sv_page_file sv_page_files[];
extern const size_t sv_page_file_count;
extern const sv_page_file sv_openapi_file; /* openapi.json; no file of the page: sv_page_find does not know it */

#endif
