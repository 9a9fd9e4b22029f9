/* chapters: a long text to its chapters, and these to parts that are spoken one by one. Nothing of a text is between
 * two parts but blanks.
 *
 * Chapters begin at lines that say so, "第三章 …" or "Chapter 3 …"; where there are none, at Markdown's headings of
 * the highest level that has several. What stands before the first is a chapter without a title.
 */
#ifndef SV_SERIES_CHAPTERS_H
#define SV_SERIES_CHAPTERS_H

#include "base/base.h"

enum { SV_CHAPTER_TITLE_MAX = 200 }; /* bytes that are kept of a title */

typedef struct sv_chapter {
    size_t title, title_bytes; /* where it stands in the text, without '#'; bytes 0: it has none */
    size_t begin, body, end;   /* of the text: with its heading, behind it */
} sv_chapter;

/* Onto `chapters` (of sv_chapter), at least one where the text is not blank. */
void sv_chapters_find(ev_buf *chapters, const char *text, size_t bytes);

/* The end of the part that begins at `at`: at most some 50 seconds of speech, cut between paragraphs, else lines,
 * else sentences, else words. */
size_t sv_part_end(const char *text, size_t at, size_t end);

#endif
