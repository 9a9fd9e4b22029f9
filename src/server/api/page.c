/* page: finds a file of the web page by its path. A dozen files: looking at each is as fast as anything. */
#include <string.h>

#include "server/api/page.h"

const sv_page_file *sv_page_find(const char *path) {
    for (size_t i = 0; i < sv_page_file_count; i++)
        if (strcmp(sv_page_files[i].path, path) == 0) return &sv_page_files[i];
    return NULL;
}
