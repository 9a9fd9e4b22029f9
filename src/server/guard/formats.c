/* formats: which kinds of sound files are taken, said before anything is decoded: a kind is known by its first bytes.
 */
#include <stdio.h>
#include <string.h>

#include "server/guard/guard.h"

static bool is_listed(const char *list, const char *kind) {
    const size_t size = strlen(kind);
    for (const char *at = list; (at = strstr(at, kind)); at += size)
        if ((at == list || at[-1] == ' ') && (at[size] == '\0' || at[size] == ' ')) return true;
    return false;
}

/* "wav, mp3 or flac" of "wav mp3 flac". */
static void write_names(const char *list, char *out, size_t room) {
    size_t used = 0;
    for (const char *at = list; *at && used + 8 < room; at++) {
        const bool last = !strchr(at + 1, ' ');
        if (*at != ' ')
            out[used++] = *at;
        else
            used += (size_t)snprintf(out + used, room - used, "%s", last ? " or " : ", ");
    }
    out[used] = '\0';
}

ev_status sv_formats_check(const char *list, const void *bytes, size_t size, ev_error *err) {
    char names[96];
    const char *kind = ev_audio_kind(bytes, size);
    if (!kind || is_listed(list, kind)) return EV_OK; /* what is of no kind fails where it is read */
    write_names(list, names, sizeof names);
    return ev_fail(err, EV_E_FORMAT, "the recording is of the kind %s, which is not taken: send it as %s", kind,
                   names);
}
