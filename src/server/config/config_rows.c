/* config_rows: the table of the settings as rows. */
#include "server/config/config.h"

#include <stddef.h>

enum { RESTART = false, LIVE = true };

const sv_config_row sv_config_rows[SV_KEY_COUNT] = {
#define SV_CONFIG_ROW(key_, kind_, fallback_, low_, high_, unit_, reload_, help_)                                    \
    {.key = #key_,                                                                                                   \
     .fallback = fallback_,                                                                                          \
     .unit = unit_,                                                                                                  \
     .help = help_,                                                                                                  \
     .kind = SV_KIND_##kind_,                                                                                        \
     .low = low_,                                                                                                    \
     .high = high_,                                                                                                  \
     .offset = offsetof(sv_config, key_),                                                                            \
     .live = reload_},
    SV_CONFIG_MAP(SV_CONFIG_ROW)
#undef SV_CONFIG_ROW
};
