/* label: the texts of a sound file in three spellings. See label.h. */
#include "audio/label.h"

#include <assert.h>
#include <sndfile.h>
#include <string.h>

#include "audio/files.h"

static const char SOFTWARE[] = "emotivoice", COMMENT[] = "synthetic speech";

/* ---- the record ---- */

static ev_status check_text(const char *what, const char *text, ev_error *err) {
    size_t bytes = strlen(text), at = 0;
    if (bytes > EV_LABEL_TEXT_MAX)
        return ev_fail(err, EV_E_ARGUMENT, "%s has %zu bytes: give at most %d", what, bytes, EV_LABEL_TEXT_MAX);
    while (at < bytes)
        if (ev_utf8_next(text, bytes, &at) < 0)
            return ev_fail(err, EV_E_ARGUMENT, "%s is not UTF-8 at byte %zu", what, at);
    return EV_OK;
}

/* Label "1": this was generated. Who passes the file on fills in the propagator's fields. */
ev_status ev_label_record(ev_buf *out, const char *producer, const char *content_id, ev_error *err) {
    ev_status status = check_text("producer", producer, err);
    if (!status) status = check_text("content_id", content_id, err);
    if (status) return status;
    ev_buf_printf(out, "{\"AIGC\":{\"Label\":\"1\",\"ContentProducer\":");
    ev_buf_json_string(out, producer, strlen(producer));
    ev_buf_printf(out, ",\"ProduceID\":");
    ev_buf_json_string(out, content_id, strlen(content_id));
    ev_buf_printf(out,
                  ",\"ReservedCode1\":\"\",\"ContentPropagator\":\"\",\"PropagateID\":\"\",\"ReservedCode2\":\"\"}}");
    return out->failed ? ev_fail(err, EV_E_MEMORY, "out of memory: label") : EV_OK;
}

/* ---- WAV ---- */

/* Texts end in a NUL and are padded to an even size, which the size counts, as libsndfile writes them. */
static void info_text(ev_buf *out, const char *id, const char *text, size_t bytes) {
    size_t padded = (bytes + 2) & ~(size_t)1;
    assert(padded % 2 == 0 && padded > bytes);
    ev_buf_append(out, id, 4);
    ev_put_le32(out, (uint32_t)padded);
    ev_buf_append(out, text, bytes);
    ev_buf_append(out, NULL, padded - bytes);
}

/* The software's name is the one that libsndfile signs a WAV with: files written through it before stay the same. */
void ev_label_info(ev_buf *out, const char *record) {
    ev_buf texts = {0}, software = {0};
    ev_buf_printf(&software, "%s (%s)", SOFTWARE, sf_version_string());
    ev_buf_append(&texts, "INFO", 4);
    if (!software.failed) info_text(&texts, "ISFT", (char *)software.data, software.size);
    info_text(&texts, "ICMT", COMMENT, strlen(COMMENT));
    if (record) info_text(&texts, "AIGC", record, strlen(record));
    ev_buf_append(out, "LIST", 4);
    ev_put_le32(out, (uint32_t)texts.size);
    ev_buf_append(out, texts.data, texts.size);
    out->failed |= texts.failed || software.failed;
    ev_buf_free(&texts);
    ev_buf_free(&software);
}

/* ---- MP3 ---- */

/* Sizes in ID3v2.4 have seven bits a byte. */
static void put_syncsafe(ev_buf *out, size_t size) {
    assert(size < (size_t)1 << 28);
    for (int shift = 21; shift >= 0; shift -= 7) {
        unsigned char bits = (unsigned char)(size >> shift & 127);
        ev_buf_append(out, &bits, 1);
    }
}

/* A frame of UTF-8 text; before: what stands between the encoding and the text, e.g. a description and its NUL. */
static void id3_text(ev_buf *out, const char *id, const char *before, size_t before_bytes, const char *text) {
    ev_buf_append(out, id, 4);
    put_syncsafe(out, 1 + before_bytes + strlen(text));
    ev_buf_append(out, "\0\0\3", 3); /* no flags; encoding 3 is UTF-8 */
    ev_buf_append(out, before, before_bytes);
    ev_buf_append(out, text, strlen(text));
}

void ev_label_id3(ev_buf *out, const char *record) {
    ev_buf frames = {0};
    id3_text(&frames, "TSSE", "", 0, SOFTWARE);
    id3_text(&frames, "COMM", "eng", 4, COMMENT); /* the language, and an empty description's NUL */
    if (record) {
        id3_text(&frames, "TXXX", "SYNTHETIC_SPEECH", 17, "1");
        id3_text(&frames, "TXXX", "AIGC", 5, record);
    }
    ev_buf_append(out, "ID3\4\0\0", 6);
    put_syncsafe(out, frames.size);
    ev_buf_append(out, frames.data, frames.size);
    out->failed |= frames.failed;
    ev_buf_free(&frames);
}

/* ---- FLAC and Opus ---- */

static void comment(ev_buf *out, const char *key, const char *value) {
    ev_put_le32(out, (uint32_t)(strlen(key) + 1 + strlen(value)));
    ev_buf_printf(out, "%s=%s", key, value);
}

void ev_label_comments(ev_buf *out, const char *record) {
    ev_put_le32(out, (uint32_t)strlen(SOFTWARE)); /* the vendor */
    ev_buf_append(out, SOFTWARE, strlen(SOFTWARE));
    ev_put_le32(out, record ? 4 : 2);
    comment(out, "ENCODER", SOFTWARE);
    comment(out, "COMMENT", COMMENT);
    if (!record) return;
    comment(out, "SYNTHETIC_SPEECH", "1");
    comment(out, "AIGC", record);
}
