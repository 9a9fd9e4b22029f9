/* lines: operators' files. They are edited by hand, also on Windows, so a byte order mark, CRLF and blanks are let
 * pass. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "server/guard/lines.h"

ev_status sv_read_file(ev_buf *out, const char *path, size_t bytes_max, ev_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot open '%.150s': %m", path);
    ev_status status = EV_OK;
    if (!ev_file_read(out, fd, bytes_max + 1))
        status = out->failed ? ev_fail(err, EV_E_MEMORY, "out of memory: '%.150s'", path)
                             : ev_fail(err, EV_E_IO, "cannot read '%.150s': %m", path);
    else if (out->size > bytes_max)
        status =
            ev_fail(err, EV_E_LIMIT, "'%.150s' is larger than %zu bytes: is it the right file?", path, bytes_max);
    close(fd);
    if (status) ev_buf_free(out);
    return status;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void trim(sv_line *line) {
    while (line->bytes && is_blank(line->text[0])) line->text++, line->bytes--;
    while (line->bytes && is_blank(line->text[line->bytes - 1])) line->bytes--;
}

bool sv_lines_next(sv_lines *l, sv_line *line) {
    if (l->at == 0 && l->bytes >= 3 && memcmp(l->text, "\xef\xbb\xbf", 3) == 0) l->at = 3;
    while (l->at < l->bytes) {
        const char *begin = l->text + l->at, *end = memchr(begin, '\n', l->bytes - l->at);
        const size_t bytes = end ? (size_t)(end - begin) : l->bytes - l->at;
        l->at += bytes + 1;
        *line = (sv_line){begin, bytes, ++l->number};
        trim(line);
        if (line->bytes && line->text[0] != '#') return true;
    }
    return false;
}

sv_line sv_line_word(sv_line *line) {
    trim(line);
    sv_line word = {line->text, 0, line->number};
    while (word.bytes < line->bytes && !is_blank(line->text[word.bytes])) word.bytes++;
    line->text += word.bytes;
    line->bytes -= word.bytes;
    return word;
}
