/* Requests as they arrive, cut anywhere: what is handed on is what came, or what an absolute target was made into,
 * and does not depend on the cuts; nor does whether it is refused. */
#include <stdlib.h>
#include <string.h>

#include "server/http/framing.h"

static ev_buf feed(const uint8_t *bytes, size_t size, size_t piece, int *code) {
    sv_framing f = {0};
    ev_buf out = {0};
    char block[97];
    for (size_t at = 0; at < size; at += piece) {
        if (!sv_framing_write(&f, bytes + at, size - at < piece ? size - at : piece)) abort();
        for (size_t n; (n = sv_framing_read(&f, block, sizeof block)) > 0;) ev_buf_append(&out, block, n);
    }
    *code = f.fault.code;
    sv_framing_free(&f);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int whole_code, cut_code;
    if (size < 2) return 0;
    ev_buf whole = feed(data + 1, size - 1, size, &whole_code);
    ev_buf cut = feed(data + 1, size - 1, 1 + data[0] % 32, &cut_code);
    if (!whole_code != !cut_code || whole.size != cut.size) abort();
    if (whole.size && memcmp(whole.data, cut.data, whole.size) != 0) abort();
    ev_buf_free(&whole);
    ev_buf_free(&cut);
    return 0;
}
