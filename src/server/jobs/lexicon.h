/* lexicon: the service's own pronunciations, from a file that may change while it runs. What is in force is counted,
 * so that a request is spoken by the words that it came under. */
#ifndef SV_LEXICON_H
#define SV_LEXICON_H

#include <sys/stat.h>

#include "base/base.h"

typedef struct sv_lexicon sv_lexicon;
struct sv_lexicon_seen {
    struct stat file;
    bool reported;
};

/* EV_E_IO, EV_E_FORMAT (the line), EV_E_LIMIT, EV_E_MEMORY. Held once, by the caller. */
ev_status sv_lexicon_load(sv_lexicon **out, const char *path, ev_error *err);
sv_lexicon *sv_lexicon_ref(sv_lexicon *lexicon); /* NULL gives NULL */
void sv_lexicon_unref(sv_lexicon **lexicon);
const ev_dictionary *sv_lexicon_words(const sv_lexicon *lexicon); /* NULL of NULL */
uint64_t sv_lexicon_hash(const sv_lexicon *lexicon);              /* of the file's bytes; 0 of NULL */
/* Is the file another one than was read, and as it was at the last look, so that nobody is writing? Each state is
 * reported once; *seen: what was seen last, zeroed at first. false also where it is gone: what was read stays. */
bool sv_lexicon_changed(const sv_lexicon *lexicon, struct sv_lexicon_seen *seen, const char *path);

#endif
