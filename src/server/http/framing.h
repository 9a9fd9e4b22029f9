/* framing: where one request ends and the next begins, judged before the HTTP library sees a byte of it.
 *
 * Two programs that read one connection must agree on that, or what one takes for a body is a request to the other
 * (request smuggling). libmicrohttpd 0.9.75 is generous: of two lengths it takes one, of a length beside chunks the
 * chunks, of "Content-Length :" none. It has no hook before its parser, and what it refuses itself goes out as HTML,
 * unlogged, with its head twice. So what arrives passes through here: heads are read strictly (RFC 9112), whole, and
 * handed on only then; bodies are counted, chunks checked. What is wrong is answered here, once, and the connection
 * is closed. An absolute URI as the target becomes a path, and its authority the Host.
 *
 *   framing.c         bytes -> the same bytes, or what is wrong with them; no sockets
 *   framing_head.c    one head
 *   framing_socket.c  where the library reads: recv() of this program
 *
 * Threads: one framing by one thread at a time.
 */
#ifndef SV_FRAMING_H
#define SV_FRAMING_H

#include "base/base.h"

enum {
    SV_HEAD_MAX = 16384, /* bytes of a head: the library's memory for a connection holds twice as much */
    SV_FIELDS_MAX = 100, /* lines of it */
    SV_TARGET_MAX = 4096,
};

typedef struct sv_fault { /* code 0: none */
    int code;
    const char *message; /* static */
} sv_fault;

typedef enum sv_framing_part {
    SV_FRAMING_HEAD,
    SV_FRAMING_BODY,       /* so many bytes */
    SV_FRAMING_CHUNK_SIZE, /* a line */
    SV_FRAMING_CHUNK,      /* so many bytes */
    SV_FRAMING_CHUNK_END,  /* an empty line */
    SV_FRAMING_TRAILER,    /* lines up to an empty one */
} sv_framing_part;

typedef struct sv_framing { /* starts as {0} */
    sv_framing_part part;
    uint64_t left;   /* bytes of the body, or of the chunk */
    ev_buf held;     /* came, and was not handed on: up to `good` it may be */
    size_t at, good; /* of held: handed on; judged */
    uint64_t heads;  /* that were good */
    bool absolute;   /* the last one's target was a whole URI */
    sv_fault fault;  /* once: nothing behind it is looked at */
} sv_framing;

void sv_framing_free(sv_framing *f);
/* Takes bytes that came; false: out of memory. */
bool sv_framing_write(sv_framing *f, const void *bytes, size_t size);
/* Up to `most` good bytes; 0: there are none now. */
size_t sv_framing_read(sv_framing *f, void *out, size_t most);
/* How many of the next bytes need no judging, since they are a body's. */
uint64_t sv_framing_body_bytes(const sv_framing *f);
void sv_framing_skip(sv_framing *f, uint64_t size); /* so many of them did not come through here */

/* framing_head.c */
typedef struct sv_head { /* what a head says of what follows it */
    bool chunked;
    uint64_t length;
    bool absolute; /* the head was written anew, into out */
} sv_head;
/* A head from its first byte to the empty line's end. */
sv_fault sv_head_read(sv_head *head, const char *bytes, size_t size, ev_buf *out);

#endif
