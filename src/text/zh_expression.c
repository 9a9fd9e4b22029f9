/* placeholder, replaced next */
#include "text/zh.h"
size_t zh_expression(const zh_view *v, size_t i, zh_out *out) {
    (void)out;
    (void)v;
    (void)i;
    return 0;
}
