/* lexicon_file: reading the container. Host is little endian, as the file is.
 *
 * Opening costs one pass over the file. It is copied, not mapped: it may be replaced in place while it is in use.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/lexicon_file.h"

#define LEXICON_MAGIC   "EVLEXIC1"
#define LEXICON_VERSION 1
#define LEXICON_MAX     (64u << 20)

typedef struct header {
    char magic[8];
    uint32_t version, sections;
    uint64_t bytes, check;
} header;

typedef struct section {
    char name[4];
    uint32_t element;
    uint64_t offset, count;
} section;

_Static_assert(sizeof(header) == 32 && sizeof(section) == 24, "file layout");

static bool sum_matches(const unsigned char *map, size_t bytes, uint64_t expected) {
    assert(bytes >= sizeof(header) && bytes % 8 == 0);
    uint64_t total = 0, word;
    for (size_t i = sizeof(header); i + 8 <= bytes; i += 8) {
        memcpy(&word, map + i, 8);
        total = (total << 7 | total >> 57) ^ word;
    }
    return total == expected;
}

static ev_status read_file(ev_lexicon_file *f, const char *path, ev_error *err) {
    struct stat st;
    const int fd = ev_file_open(AT_FDCWD, path, 0, &st);
    if (fd < 0 && errno == EINVAL) return ev_fail(err, EV_E_IO, "%s: not a file", path);
    if (fd < 0) return ev_fail(err, EV_E_IO, "%s: cannot be opened: %m", path);
    ev_status status = EV_OK;
    if (st.st_size < (off_t)sizeof(header) || (uint64_t)st.st_size > LEXICON_MAX)
        status = ev_fail(err, EV_E_FORMAT, "%s: %lld bytes is no size for a lexicon", path, (long long)st.st_size);
    if (status == EV_OK) {
        f->map = ev_file_copy(fd, (size_t)st.st_size);
        if (f->map)
            f->bytes = (size_t)st.st_size;
        else
            status = ev_fail(err, errno == ENOMEM ? EV_E_MEMORY : EV_E_IO, "%s: cannot be read: %m", path);
    }
    close(fd);
    return status;
}

static const char *header_fault(const ev_lexicon_file *f) {
    assert(f->map && f->bytes >= sizeof(header));
    header h;
    memcpy(&h, f->map, sizeof h);
    if (memcmp(h.magic, LEXICON_MAGIC, 8) != 0) return "not a lexicon";
    if (h.version != LEXICON_VERSION) return "of another version";
    if (h.bytes != f->bytes) return "truncated";
    if (h.bytes % 8 != 0 || h.sections > 64 || sizeof h + h.sections * sizeof(section) > h.bytes) return "damaged";
    return sum_matches(f->map, f->bytes, h.check) ? NULL : "damaged (check sum)";
}

ev_status ev_lexicon_file_open(ev_lexicon_file *file, const char *path, ev_error *err) {
    ev_status status = read_file(file, path, err);
    const char *fault = status == EV_OK ? header_fault(file) : NULL;
    if (fault) status = ev_fail(err, EV_E_FORMAT, "%s: the lexicon is %s", path, fault);
    if (status != EV_OK) ev_lexicon_file_close(file);
    return status;
}

void ev_lexicon_file_close(ev_lexicon_file *file) {
    if (file->map) munmap(file->map, file->bytes);
    *file = (ev_lexicon_file){0};
}

const void *ev_lexicon_file_section(const ev_lexicon_file *file, const char *name, size_t element, size_t *count) {
    assert(file->map && element > 0);
    const unsigned char *map = file->map;
    header h;
    memcpy(&h, map, sizeof h);
    for (uint32_t i = 0; i < h.sections; i++) {
        section s;
        memcpy(&s, map + sizeof h + i * sizeof s, sizeof s);
        if (memcmp(s.name, name, 4) != 0) continue;
        if (s.element != element || s.offset % 8 != 0 || s.offset > file->bytes ||
            s.count > (file->bytes - s.offset) / element)
            return NULL;
        *count = (size_t)s.count;
        return map + s.offset;
    }
    return NULL;
}
