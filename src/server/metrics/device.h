/* device: what accelerators report about themselves, through NVML. The library is looked for at run time: one program
 * for machines with and without a GPU. Where there is none, there are no device metrics. */
#ifndef SV_DEVICE_H
#define SV_DEVICE_H

#include "base/base.h"

typedef struct sv_device sv_device;
/* library NULL: the system's NVML. NULL when there is no such library, no device, or no memory. */
sv_device *sv_device_open(const char *library);
void sv_device_free(sv_device **device);
/* Memory, utilisation, temperature and energy as metrics; a device that does not tell one of them lacks that series.
 * Any thread. */
void sv_device_text(sv_device *device, ev_buf *out);

#endif
