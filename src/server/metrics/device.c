/* device: the few NVML functions that the metrics need, found by name. Their signatures are NVML's stable C
 * interface; a status of 0 is success. */
#include "server/metrics/device.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES_MAX = 16, TEMPERATURE_OF_GPU = 0 };

typedef void *handle;
typedef struct memory_info {
    unsigned long long total, free, used;
} memory_info;
typedef struct utilization_info {
    unsigned gpu, memory; /* percent of the last sample period */
} utilization_info;

struct sv_device {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*by_index)(unsigned, handle *);
    int (*memory)(handle, memory_info *);
    int (*utilization)(handle, utilization_info *);
    int (*temperature)(handle, int, unsigned *);
    int (*energy)(handle, unsigned long long *); /* millijoules since the driver was loaded */
    handle handles[DEVICES_MAX];
    unsigned devices;
};

/* POSIX has functions fit into the void * of dlsym, ISO C has no conversion for it: hence the copy of bytes. */
static bool find_function(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_all(sv_device *d) {
    return find_function(d->library, "nvmlInit_v2", &d->init) &&
           find_function(d->library, "nvmlShutdown", &d->shutdown) &&
           find_function(d->library, "nvmlDeviceGetCount_v2", &d->count) &&
           find_function(d->library, "nvmlDeviceGetHandleByIndex_v2", &d->by_index) &&
           find_function(d->library, "nvmlDeviceGetMemoryInfo", &d->memory) &&
           find_function(d->library, "nvmlDeviceGetUtilizationRates", &d->utilization) &&
           find_function(d->library, "nvmlDeviceGetTemperature", &d->temperature) &&
           find_function(d->library, "nvmlDeviceGetTotalEnergyConsumption", &d->energy);
}

static bool find_devices(sv_device *d) {
    unsigned count = 0;
    if (d->count(&count) != 0) return false;
    for (unsigned i = 0; i < count && i < DEVICES_MAX; i++) {
        if (d->by_index(i, &d->handles[i]) != 0) break; /* a series keeps its index, so there is no gap */
        d->devices = i + 1;
    }
    return d->devices > 0;
}

sv_device *sv_device_open(const char *library) {
    sv_device *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->library = dlopen(library ? library : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    bool started = d->library && find_all(d) && d->init() == 0;
    if (started && find_devices(d)) return d;
    if (started) d->shutdown();
    if (d->library) dlclose(d->library);
    free(d);
    return NULL;
}

void sv_device_free(sv_device **device) {
    sv_device *d = *device;
    if (!d) return;
    d->shutdown();
    dlclose(d->library);
    free(d);
    *device = NULL;
}

/* ---- text ---- */

typedef enum fact { MEMORY_USED, MEMORY_SIZE, UTILIZATION, TEMPERATURE, ENERGY, FACTS } fact;

static const struct {
    const char *name, *type, *help;
} facts[FACTS] = {
    {"emotivoice_device_memory_used_bytes", "gauge", "Device memory in use, by any process."},
    {"emotivoice_device_memory_size_bytes", "gauge", "Device memory there is."},
    {"emotivoice_device_utilization_ratio", "gauge", "Share of time in which a kernel ran, by any process."},
    {"emotivoice_device_temperature_celsius", "gauge", "Temperature of the device."},
    {"emotivoice_device_energy_joules_total", "counter", "Energy used since the driver was loaded."},
};

static bool read_fact(const sv_device *d, handle h, fact which, double *value) {
    memory_info memory = {0};
    utilization_info utilization = {0};
    unsigned celsius = 0;
    unsigned long long millijoules = 0;
    int status = -1;
    switch (which) {
    case MEMORY_USED:
    case MEMORY_SIZE:
        status = d->memory(h, &memory);
        *value = (double)(which == MEMORY_USED ? memory.used : memory.total);
        break;
    case UTILIZATION:
        status = d->utilization(h, &utilization);
        *value = utilization.gpu / 100.0;
        break;
    case TEMPERATURE:
        status = d->temperature(h, TEMPERATURE_OF_GPU, &celsius);
        *value = celsius;
        break;
    case ENERGY:
        status = d->energy(h, &millijoules);
        *value = (double)millijoules / 1000;
        break;
    case FACTS: break;
    }
    return status == 0;
}

void sv_device_text(sv_device *device, ev_buf *out) {
    for (fact which = 0; which < FACTS; which++) {
        ev_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", facts[which].name, facts[which].help, facts[which].name,
                      facts[which].type);
        for (unsigned i = 0; i < device->devices; i++) {
            double value = 0;
            if (!read_fact(device, device->handles[i], which, &value)) continue;
            ev_buf_printf(out, "%s{device=\"%u\"} %.15g\n", facts[which].name, i, value);
        }
    }
}
