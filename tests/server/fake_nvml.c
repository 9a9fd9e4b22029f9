/* A library with NVML's interface and three made-up devices, the last of which cannot be opened; test_metrics
 * compiles and loads it. */
typedef struct {
    unsigned long long total, free, used;
} memory_info;
typedef struct {
    unsigned gpu, memory;
} utilization_info;

static int devices[2] = {0, 1};

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 3;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if (index >= 2) return 15;
    *handle = &devices[index];
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_info *info) {
    unsigned long long index = (unsigned long long)*(int *)handle;
    *info = (memory_info){80000000000ull, 80000000000ull - 1000 * (index + 1), 1000 * (index + 1)};
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *handle, utilization_info *info) {
    (void)handle;
    *info = (utilization_info){75, 20};
    return 0;
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
    *celsius = 41;
    return *(int *)handle == 0 && sensor == 0 ? 0 : 3; /* the second device does not tell */
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
    *millijoules = 1500 * (1ull + (unsigned long long)*(int *)handle);
    return 0;
}
