/* style: a text, or the name of a style ("开心"), to the vector that the published EmotiVoice checkpoints are told
 * it by. Vectors are kept by text: prompts come again and again, and so do sentences.
 */
#ifndef EV_STYLE_H
#define EV_STYLE_H

#include "model/bert.h"

typedef struct ev_style ev_style; /* shared by threads; nothing but what it keeps changes */

/* vocabulary as in wordpiece.h; as many pieces as config says. */
ev_status ev_style_load(ev_style **out, const ev_container *c, const ev_bert_config *config, const char *vocabulary,
                        ev_error *err);
void ev_style_free(ev_style **style);

/* out [config.width]. whole: more pieces than the encoder has places for are an error (EV_E_LIMIT, `what` names the
 * text), else those behind are left out. pool as in ev_bert_run. Also EV_E_MEMORY. */
ev_status ev_style_vector(ev_style *style, ev_pool *pool, const char *what, const char *text, size_t bytes,
                          bool whole, float *out, ev_error *err);

#endif
