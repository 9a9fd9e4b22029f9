#include "server/jobs/lexicon.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 32 << 20 };

struct sv_lexicon {
    atomic_int refs;
    ev_dictionary *words;
    uint64_t hash;
    struct stat file; /* as it was read */
};

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static ev_status read_file(sv_lexicon *l, const char *path, ev_error *err) {
    ev_error fault = {0};
    const int fd = ev_file_open(AT_FDCWD, path, 0, &l->file);
    ev_status status = EV_OK;
    void *bytes = NULL;
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot read the lexicon %s: %s", path, strerror(errno));
    const size_t size = (size_t)l->file.st_size;
    if (size > FILE_BYTES_MAX) {
        status = ev_fail(err, EV_E_LIMIT, "the lexicon %s has more than %d bytes", path, FILE_BYTES_MAX);
    } else if (size && !(bytes = ev_file_copy(fd, size))) {
        status = ev_fail(err, EV_E_IO, "cannot read the lexicon %s: %s", path, strerror(errno));
    } else {
        l->hash = ev_hash(EV_HASH_START, bytes ? bytes : "", size);
        status = ev_dictionary_parse(&l->words, bytes ? bytes : "", size, &fault);
        if (status != EV_OK) ev_fail(err, status, "lexicon %s: %s", path, fault.message);
    }
    if (bytes) munmap(bytes, size);
    close(fd);
    return status;
}

ev_status sv_lexicon_load(sv_lexicon **out, const char *path, ev_error *err) {
    sv_lexicon *l = *out = calloc(1, sizeof *l);
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory");
    atomic_init(&l->refs, 1);
    const ev_status status = read_file(l, path, err);
    if (status != EV_OK) sv_lexicon_unref(out);
    return status;
}

sv_lexicon *sv_lexicon_ref(sv_lexicon *lexicon) {
    if (lexicon) {
        assert(atomic_load(&lexicon->refs) > 0);
        atomic_fetch_add(&lexicon->refs, 1);
    }
    return lexicon;
}

void sv_lexicon_unref(sv_lexicon **lexicon) {
    sv_lexicon *l = *lexicon;
    *lexicon = NULL;
    assert(!l || atomic_load(&l->refs) > 0);
    if (!l || atomic_fetch_sub(&l->refs, 1) > 1) return;
    ev_dictionary_free(&l->words);
    free(l);
}

const ev_dictionary *sv_lexicon_words(const sv_lexicon *lexicon) { return lexicon ? lexicon->words : NULL; }
uint64_t sv_lexicon_hash(const sv_lexicon *lexicon) { return lexicon ? lexicon->hash : 0; }

bool sv_lexicon_changed(const sv_lexicon *lexicon, struct sv_lexicon_seen *seen, const char *path) {
    struct stat now;
    if (stat(path, &now) != 0 || (lexicon && same_file(&now, &lexicon->file))) return false;
    const bool still = same_file(&now, &seen->file), reported = still && seen->reported;
    *seen = (struct sv_lexicon_seen){now, still};
    return still && !reported;
}
