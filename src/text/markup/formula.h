/* formula: inside the reader of formulas.
 *
 *   math.c             START HERE: where a formula begins and ends, and that it is one
 *   formula_item.c     what stands in it: figures, letters, signs, powers, indices, brackets
 *   formula_command.c  "\\name": signs by name, fractions, roots, sums and their limits
 *   formula.c          what both share: saying, groups, open brackets
 */
#ifndef EV_TEXT_MARKUP_FORMULA_H
#define EV_TEXT_MARKUP_FORMULA_H

#include "text/markup/marked.h"

enum { FORMULA_COMMAND_MAX = 24, FORMULA_OPEN_MAX = 31 };

typedef struct formula {
    markup *m;
    void (*item)(struct formula *f); /* reads what stands at `at`: formula_item.c, which stands above the groups */
    size_t at, end;
    size_t depth;
    bool chinese;
    bool term;     /* a term stands before: "-" takes away */
    bool limit;    /* below a limit: an arrow is "approaches" */
    bool callee;   /* what stands before may be called: "f", "f'" */
    bool function; /* ... is sine and the like, whose power of -1 is the inverse */
    bool closed;   /* ... closed a bracket: its limits are from and to */
    size_t open;   /* brackets: '(', 'f' of "f(x)", '[', '{' a set, '|', 'N' a norm */
    char kinds[FORMULA_OPEN_MAX];
} formula;

/* ---- formula.c ---- */
void formula_blank(formula *f, size_t at); /* one, where none stands */
void formula_say(formula *f, const char *english, const char *chinese, size_t begin);
/* By phones of the inventory, for text[begin, end). false: out of memory, nothing was said. */
bool formula_say_phones(formula *f, const char *phones, size_t begin, size_t end);
char formula_peek(const formula *f, size_t ahead); /* 0: the end */
void formula_skip_spaces(formula *f);
void formula_sequence(formula *f, char stop);
void formula_group(formula *f);
size_t formula_group_end(const formula *f, size_t at);
void formula_words(formula *f, bool silently);
char formula_top(const formula *f); /* the bracket that was opened last; 0: none */
void formula_push(formula *f, char kind);
char formula_pop(formula *f);
bool formula_is_among(const char *list, const char *name); /* " name name " */

/* ---- formula_command.c ---- */
void formula_command(formula *f);                      /* at a backslash */
void formula_bar(formula *f, char kind, size_t begin); /* '|' or 'N', which was passed */
bool formula_counts(const formula *f);                 /* at "_": it names a first value */
bool formula_has_words(const char *name, size_t n);    /* the command's "{...}" holds words */

/* ---- formula_item.c ---- */
void formula_item(formula *f);

#endif
