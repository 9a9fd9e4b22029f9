/* emotion_names: other words for the labels of emotions, in English and Chinese -> the label that a model has. */
#ifndef EV_EMOTION_NAMES_H
#define EV_EMOTION_NAMES_H

#include <stddef.h>

/* Of so many labels (label(of, index)) the one that a name means, in any case: "Joyful", "高兴" -> "happy". What is
 * disgust to a model that knows it is anger to another. -1: none. */
typedef const char *ev_emotion_label(const void *of, size_t index);
int ev_emotion_find(const char *name, size_t length, size_t labels, ev_emotion_label *label, const void *of);

/* Those of the label's other words that mean it in the midst of a text too, with blanks between; "": none. */
enum { EV_EMOTION_WORD_SIZE = 16 }; /* of the longest, with a NUL */
const char *ev_emotion_words(const char *label);

#endif
