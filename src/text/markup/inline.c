/* inline: Markdown in a line, character references, tags where they begin.
 *
 * Marks of emphasis are written as they are and made void once their other half is found, as CommonMark pairs them
 * but for two things: a mark between digits or single letters is arithmetic ("2*3*4"), and "_" needs no letter's
 * absence beside Chinese. A '[' waits in the same way for the "](address)" that makes it a link.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "text/markup/marked.h"

enum { ADDRESS_MAX = 2048, CONTROL_MAX = 1300 };

static void make_void(markup *m, size_t out, size_t n) {
    ev_origin *origins = (ev_origin *)(void *)m->out->origins.data;
    for (size_t i = out; i < out + n && i < m->out->text.size; i++) origins[i] = (ev_origin){EV_VOID, EV_VOID};
}

/* ---- emphasis ---- */

static bool is_word(const markup *m, size_t at) {
    if (at >= m->bytes) return false;
    const unsigned char c = (unsigned char)m->text[at];
    return markup_is_digit((char)c) || markup_is_alpha((char)c);
}

/* The byte before is a letter, ASCII or Latin with its accent in two bytes. */
static bool is_word_before(const markup *m, size_t at) {
    if (at >= 2 && (unsigned char)m->text[at - 1] >= 0x80 && (unsigned char)m->text[at - 1] < 0xC0)
        return (unsigned char)m->text[at - 2] >= 0xC3 && (unsigned char)m->text[at - 2] <= 0xC9;
    return at > 0 && is_word(m, at - 1);
}

static bool is_word_at(const markup *m, size_t at) {
    if (at + 1 < m->bytes && (unsigned char)m->text[at] >= 0xC3 && (unsigned char)m->text[at] <= 0xC9) return true;
    return is_word(m, at);
}

static bool is_blank_at(const markup *m, size_t at) { return at >= m->bytes || markup_is_space(m->text[at]); }

/* Which ways may the run text[at, end) of c go? */
static void sides(const markup *m, size_t at, size_t end, bool *opens, bool *closes) {
    assert(at < end && end <= m->bytes);
    const char c = m->text[at];
    const size_t n = end - at;
    const bool before = is_word_before(m, at), behind = is_word_at(m, end);
    const bool digits = (at > 0 && markup_is_digit(m->text[at - 1])) || markup_is_digit(markup_char(m, end));
    *opens = !is_blank_at(m, end);
    *closes = at > 0 && !markup_is_space(m->text[at - 1]);
    if (c == '*' && !(before && behind && (n == 1 || digits))) return;
    if (c == '*') {
        *opens = *closes = false;
        return;
    }
    if ((c == '=' || c == '~' || c == '|') && n != 2) *opens = *closes = false;
    *opens = *opens && !before;
    *closes = *closes && !behind;
}

static markup_run *opener_of(markup *m, char c) {
    for (size_t i = m->run_count; i > 0; i--)
        if (m->runs[i - 1].c == c) {
            m->run_count = i;
            return &m->runs[i - 1];
        }
    return NULL;
}

static size_t emphasis(markup *m, size_t at) {
    const char c = m->text[at];
    size_t end = at, left, out = m->out->text.size;
    bool opens, closes;
    while (end < m->bytes && m->text[end] == c) end++;
    sides(m, at, end, &opens, &closes);
    markup_copy(m, at, end);
    left = end - at;
    while (closes && left) {
        markup_run *opener = opener_of(m, c);
        if (!opener) break;
        const size_t n = opener->left < left ? opener->left : left;
        make_void(m, opener->out + opener->left - n, n);
        make_void(m, out, n);
        opener->left -= n;
        left -= n;
        out += n;
        if (!opener->left) m->run_count--;
    }
    if (opens && left) {
        if (m->run_count == MARKUP_RUNS) memmove(m->runs, m->runs + 1, --m->run_count * sizeof(*m->runs));
        m->runs[m->run_count++] = (markup_run){out, left, c};
    }
    return end;
}

/* ---- code ---- */

/* What stands between equal runs of backticks is text, whatever it holds. Longer runs than MARKUP_TICKS - 1 are not
 * looked for. */
static size_t code(markup *m, size_t at) {
    size_t n = 0, run = 0;
    while (markup_char(m, at + n) == '`') n++;
    const bool looks = n < MARKUP_TICKS && at >= m->no_code[n];
    size_t i = at + n;
    for (; looks && i < m->bytes; i++) {
        if (m->text[i] == '\n' && markup_char(m, i + 1) == '\n') break;
        run = m->text[i] == '`' ? run + 1 : 0;
        if (run != n || markup_char(m, i + 1) == '`') continue;
        markup_void(m, at, at + n);
        markup_copy(m, at + n, i + 1 - n);
        markup_void(m, i + 1 - n, i + 1);
        return i + 1;
    }
    if (looks) m->no_code[n] = i;
    markup_copy(m, at, at + n);
    return at + n;
}

/* ---- links ---- */

/* Past the ')' of "(address)" or "(<address> "title")"; 0: it is none. */
static size_t address_end(markup *m, size_t at) {
    const size_t limit = m->bytes - at < ADDRESS_MAX ? m->bytes : at + ADDRESS_MAX;
    size_t depth = 0, i = at + 1;
    bool title = false;
    if (at < m->no_address) return 0;
    if (markup_char(m, i) == '<') {
        const char *close = memchr(m->text + i, '>', limit - i);
        if (close && !memchr(m->text + i, '\n', (size_t)(close - m->text) - i)) i = (size_t)(close - m->text) + 1;
    }
    for (; i < limit && m->text[i] != '\n'; i++) {
        const char c = m->text[i];
        if (c == '"' && markup_is_space(m->text[i - 1])) title = true;
        if (c == '(' && ++depth > 8) return 0;
        if (c == ')' && depth-- == 0) return i + 1;
        if (c == ' ' && !title && markup_char(m, i + 1) != '"' && markup_char(m, i + 1) != ')') return 0;
    }
    m->no_address = i;
    return 0;
}

/* "](address)" or "][label]": the '[' it belongs to is void, and what follows the text is left out. */
static size_t close_bracket(markup *m, size_t at) {
    const char next = markup_char(m, at + 1);
    size_t end = 0;
    if (m->bracket_count && next == '(') end = address_end(m, at + 1);
    if (m->bracket_count && next == '[' && m->definitions) {
        const size_t limit = m->bytes - at < 256 ? m->bytes - at : 256;
        const char *close = memchr(m->text + at + 2, ']', limit - 2);
        if (close && !memchr(m->text + at + 2, '\n', (size_t)(close - m->text) - at - 2))
            end = (size_t)(close - m->text) + 1;
    }
    const size_t open = m->bracket_count ? m->brackets[--m->bracket_count] : 0;
    if (!end) {
        markup_copy(m, at, at + 1);
        return at + 1;
    }
    const bool image = open > 0 && m->out->text.data[open - 1] == '!';
    make_void(m, open - image, 1 + (size_t)image);
    markup_void(m, at, at + 1);
    if (next == '[')
        markup_void(m, at + 1, end);
    else
        markup_omit(m, at + 2, end - 1, image ? "image address" : "link address");
    return end;
}

/* "[pause:...]" and "[word](/.../)" are the scanner's: they stay as they are. */
static size_t control_end(const markup *m, size_t at) {
    const size_t limit = m->bytes - at < CONTROL_MAX ? m->bytes - at : CONTROL_MAX;
    const char *s = m->text + at, *close = NULL;
    if (limit > 7 && strncasecmp(s, "[pause:", 7) == 0) {
        close = memchr(s, ']', limit < 40 ? limit : 40);
        return close ? at + (size_t)(close - s) + 1 : 0;
    }
    size_t i = 1;
    while (i < limit && i <= 200 && !strchr("[]\n", s[i])) i++;
    if (i + 3 >= limit || i == 1 || memcmp(s + i, "](/", 3) != 0) return 0;
    for (i += 3; i < limit && !strchr("()\n", s[i]); i++) {
    }
    return i < limit && s[i] == ')' && s[i - 1] == '/' ? at + i + 1 : 0;
}

static size_t open_bracket(markup *m, size_t at) {
    const size_t control = control_end(m, at);
    if (control) {
        markup_copy(m, at, control);
        return control;
    }
    if (markup_char(m, at + 1) == '^') { /* "[^1]" */
        const size_t limit = m->bytes - at < 64 ? m->bytes - at : 64;
        const char *close = memchr(m->text + at, ']', limit);
        if (close && !memchr(m->text + at, ' ', (size_t)(close - m->text) - at)) {
            markup_omit(m, at, (size_t)(close - m->text) + 1, "footnote mark");
            return (size_t)(close - m->text) + 1;
        }
    }
    if (m->bracket_count == MARKUP_RUNS)
        memmove(m->brackets, m->brackets + 1, --m->bracket_count * sizeof(*m->brackets));
    m->brackets[m->bracket_count++] = m->out->text.size;
    markup_copy(m, at, at + 1);
    return at + 1;
}

/* An address in running text: its underscores and stars are its own. 0: none begins here. */
static size_t address(markup *m, size_t at) {
    static const char *const heads[] = {"http://", "https://", "ftp://", "www."};
    if (at > 0 && is_word(m, at - 1)) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(heads); k++) {
        const size_t n = strlen(heads[k]);
        if (m->bytes - at < n || strncasecmp(m->text + at, heads[k], n) != 0) continue;
        size_t i = at + n;
        while (i < m->bytes && markup_is_graphic(m->text[i]) && !strchr("<>\"()[]`|", m->text[i]) &&
               !(m->text[i] == '*' && markup_char(m, i + 1) == '*'))
            i++;
        while (i > at + n && strchr("*_~", m->text[i - 1])) i--;
        markup_copy(m, at, i);
        return i;
    }
    return 0;
}

/* ---- audio tags ---- */

/* "(laughs)": its bytes where the text asks for a sound in brackets or stars and the caller wants none read. */
static size_t audio_tag(const markup *m, size_t at) {
    static const char words[] =
        " laugh laughs laughing laughter chuckle chuckles chuckling giggle giggles giggling sigh sighs sighing gasp "
        "gasps "
        "gasping cough coughs coughing sniff sniffs sniffing sniffle sniffles groan groans groaning yawn yawns "
        "yawning "
        "cry cries crying sob sobs sobbing scream screams screaming whisper whispers whispering shout shouts "
        "shouting "
        "breath breathes breathing inhale inhales exhale exhales pause pauses beat silence music applause cheering "
        "snort snorts sneeze sneezes hum hums humming whistle whistles moan moans grunt grunts gulp gulps hiccup "
        "burp "
        "clears clear throat softly loudly nervously quietly deeply heavily sadly happily excitedly angrily short "
        "long "
        "笑 大笑 轻笑 笑声 哈哈 叹气 叹息 咳嗽 咳 哭 哭泣 抽泣 掌声 鼓掌 喘气 深呼吸 吸气 呼气 沉默 停顿 音乐 打哈欠 "
        "尖叫 低语 耳语 ";
    static const char *const pairs[][2] = {{"(", ")"}, {"[", "]"}, {"*", "*"}, {"（", "）"}, {"【", "】"}};
    for (size_t k = 0; k < EV_ARRAY_COUNT(pairs); k++) {
        const size_t open = strlen(pairs[k][0]), shut = strlen(pairs[k][1]);
        const size_t limit = m->bytes - at < 48 ? m->bytes - at : 48;
        if (limit <= open || memcmp(m->text + at, pairs[k][0], open) != 0) continue;
        const char *close = memmem(m->text + at + open, limit - open, pairs[k][1], shut);
        size_t i = at + open, end = close ? (size_t)(close - m->text) : 0;
        if (!close || end == i) return 0;
        while (i < end) {
            char word[40] = " ";
            size_t n = 1;
            while (i < end && m->text[i] == ' ') i++;
            while (i < end && m->text[i] != ' ' && n < sizeof(word) - 2) {
                const char c = m->text[i++];
                word[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
            }
            memcpy(word + n, " ", 2);
            if (n > 1 && !strstr(words, word)) return 0;
        }
        return end + shut - at;
    }
    return 0;
}

/* ---- one step ---- */

static size_t newline(markup *m, size_t at) {
    const char next = markup_char(m, at + 1);
    const bool goes_on = m->item && (next == ' ' || next == '\t');
    if (m->ends_line && !goes_on) {
        markup_end_line(m, at);
        markup_end_paragraph(m);
    } else {
        markup_copy(m, at, at + 1);
    }
    return at + 1;
}

/* A bar ends a cell; the last of a row ends nothing. */
static size_t bar(markup *m, size_t at) {
    size_t next = at + 1;
    while (markup_char(m, next) == ' ') next++;
    if (next < m->bytes && !strchr("\r\n", m->text[next]) && !markup_at_line_start(m)) markup_comma(m, at);
    return at + 1;
}

static bool is_mark(char c) { return c != 0 && strchr("\\`*_{}()#+-.!|<>~=\"'&$", c) != NULL; }

size_t markup_inline(markup *m, size_t at) {
    assert(at < m->bytes && m->run_count <= MARKUP_RUNS && m->bracket_count <= MARKUP_RUNS);
    const char c = m->text[at];
    size_t used = 0, n = 0;
    char character[8];
    const bool tags = m->options->audio_tags == EV_AUDIO_TAGS_DROP && (strchr("([*", c) || (unsigned char)c >= 0xE3);
    if (m->fence) {
        markup_copy(m, at, at + 1);
        return at + 1;
    }
    if (tags && (used = audio_tag(m, at))) {
        markup_omit(m, at, at + used, "audio tag");
        return at + used;
    }
    switch (c) {
    case '\n': return newline(m, at);
    case '*':
    case '_':
    case '~':
    case '=': return emphasis(m, at);
    case '|': return m->table ? bar(m, at) : emphasis(m, at);
    case '`': return code(m, at);
    case '[': return open_bracket(m, at);
    case ']': return close_bracket(m, at);
    case '$':
        if ((used = markup_math(m, at))) return used;
        break;
    case '\\':
        if ((used = markup_math(m, at))) return used;
        if (!is_mark(markup_char(m, at + 1))) break;
        markup_void(m, at, at + 1);
        markup_copy(m, at + 1, at + 2);
        return at + 2;
    case '&':
        if (!(used = markup_reference(m->text, m->bytes, at, character, &n))) break;
        markup_put(m, character, n, at, at + used);
        return at + used;
    case 'h':
    case 'H':
    case 'f':
    case 'w':
    case 'W':
        if ((used = address(m, at))) return used;
        break;
    case '<':
        if ((used = markup_tag_at(m, at))) return used;
        break;
    default: break;
    }
    markup_copy(m, at, at + 1);
    return at + 1;
}
