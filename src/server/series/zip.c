/* zip: after PKWARE's APPNOTE.TXT, the parts 4.3.7 (head of a file), 4.3.12 (directory) and 4.3.16 (its end). */
#include "server/series/zip.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { VERSION = 20, NAMES_ARE_UTF8 = 1 << 11 };

static void put16(ev_buf *out, unsigned value) {
    const unsigned char bytes[] = {value & 0xff, value >> 8 & 0xff};
    ev_buf_append(out, bytes, sizeof bytes);
}

static void put32(ev_buf *out, uint32_t value) {
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

/* What head and directory have in common: how it is packed, when it was changed, its sum and its sizes. */
static void put_facts(ev_buf *out, uint32_t sum, size_t size, size_t name, time_t modified) {
    struct tm t = {.tm_year = 80, .tm_mday = 1};
    gmtime_r(&modified, &t);
    put16(out, VERSION);
    put16(out, NAMES_ARE_UTF8);
    put16(out, 0); /* stored */
    put16(out, (unsigned)(t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec / 2));
    put16(out, (unsigned)((t.tm_year > 80 ? t.tm_year - 80 : 0) << 9 | (t.tm_mon + 1) << 5 | t.tm_mday));
    put32(out, sum);
    put32(out, (uint32_t)size);
    put32(out, (uint32_t)size);
    put16(out, (unsigned)name);
    put16(out, 0); /* no extra field */
}

void sv_zip_add(sv_zip *zip, ev_buf *out, const char *name, const void *bytes, size_t size, time_t modified) {
    const size_t before = out->size, length = strlen(name);
    const uint32_t sum = (uint32_t)crc32_z(0, bytes, size), at = (uint32_t)zip->size;
    put32(out, 0x04034b50);
    put_facts(out, sum, size, length, modified);
    ev_buf_append(out, name, length);
    if (size) ev_buf_append(out, bytes, size);
    put32(&zip->directory, 0x02014b50);
    put16(&zip->directory, 3 << 8 | VERSION); /* 3: of Unix, so that there are rights */
    put_facts(&zip->directory, sum, size, length, modified);
    put16(&zip->directory, 0); /* no comment */
    put16(&zip->directory, 0); /* the first disk */
    put16(&zip->directory, 0);
    put32(&zip->directory, (uint32_t)0100644 << 16);
    put32(&zip->directory, at);
    ev_buf_append(&zip->directory, name, length);
    assert(zip->entries < SV_ZIP_ENTRIES_MAX); /* a series has fewer items */
    zip->entries++;
    zip->size += out->size - before;
}

void sv_zip_finish(sv_zip *zip, ev_buf *out) {
    const size_t directory = zip->directory.size;
    if (directory) ev_buf_append(out, zip->directory.data, directory);
    put32(out, 0x06054b50);
    put16(out, 0);
    put16(out, 0);
    put16(out, (unsigned)zip->entries);
    put16(out, (unsigned)zip->entries);
    put32(out, (uint32_t)directory);
    put32(out, (uint32_t)zip->size);
    put16(out, 0);
    if (zip->directory.failed) out->failed = true;
    sv_zip_free(zip);
}

void sv_zip_free(sv_zip *zip) { ev_buf_free(&zip->directory); }
