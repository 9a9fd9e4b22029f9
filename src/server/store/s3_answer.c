/* s3_answer: what is read of XML. expat reads it; elements are told apart by their names alone. */
#include <assert.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "server/store/s3_inner.h"

enum { TEXT_MAX = 1024, DEPTH_MAX = 16 };

typedef struct reader {
    XML_Parser parser;
    void (*end)(void *user, const char *name, const char *text);
    void *user;
    char text[TEXT_MAX];
    size_t size;
    int depth;
} reader;

static void XMLCALL on_start(void *of_reader, const XML_Char *name, const XML_Char **attributes) {
    reader *r = of_reader;
    (void)name, (void)attributes;
    r->size = 0;
    if (++r->depth > DEPTH_MAX) XML_StopParser(r->parser, XML_FALSE);
}

/* What is longer is cut: nothing that is asked for is. */
static void XMLCALL on_text(void *of_reader, const XML_Char *text, int size) {
    reader *r = of_reader;
    assert(size >= 0 && r->size < sizeof r->text);
    const size_t room = sizeof r->text - 1 - r->size, now = (size_t)size < room ? (size_t)size : room;
    memcpy(r->text + r->size, text, now);
    r->size += now;
}

static void XMLCALL on_end(void *of_reader, const XML_Char *name) {
    reader *r = of_reader;
    assert(r->depth > 0 && r->size < sizeof r->text);
    r->text[r->size] = '\0';
    r->end(r->user, name, r->text);
    r->size = 0;
    r->depth--;
}

/* No document of S3 has any. */
static void XMLCALL on_entity(void *of_reader, const XML_Char *name, int is_parameter, const XML_Char *value,
                              int length, const XML_Char *base, const XML_Char *system, const XML_Char *public,
                              const XML_Char *notation) {
    reader *r = of_reader;
    (void)name, (void)is_parameter, (void)value, (void)length, (void)base, (void)system, (void)public, (void)notation;
    XML_StopParser(r->parser, XML_FALSE);
}

bool sv_s3_xml(const void *bytes, size_t size, void (*end)(void *user, const char *name, const char *text),
               void *user) {
    reader r = {.parser = XML_ParserCreate("UTF-8"), .end = end, .user = user};
    if (!r.parser || size > INT32_MAX) return false;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetEntityDeclHandler(r.parser, on_entity);
    const bool ok = XML_Parse(r.parser, bytes, (int)size, 1) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    return ok;
}
