/* aac: whole frames of 1024 samples to ADTS frames. See aac.h. */
#include "audio/aac.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <vo-aacenc/cmnMemory.h>
#include <vo-aacenc/voAAC.h>

/* What the encoder holds back: a frame, and the half of a transform that the next one completes. */
enum { FRAME = 1024, FRAMES_HELD = 2, FRAME_BYTES_MAX = 2048, KBPS_USUAL = 64, KBPS_LEAST = 8 };

struct ev_aac {
    VO_AUDIO_CODECAPI api;
    VO_MEM_OPERATOR memory;
    VO_HANDLE encoder;
    int16_t frame[FRAME];
    size_t filled;
    bool any;
};

/* A frame holds at most 6 bits a sample and channel. */
static int32_t kbps_most(int32_t rate) { return rate * 6 / 1000 < 160 ? rate * 6 / 1000 : 160; }

static ev_status set_up(ev_aac *a, int32_t rate, int32_t kbps, ev_error *err) {
    VO_CODEC_INIT_USERDATA user = {.memflag = VO_IMF_USERMEMOPERATOR, .memData = &a->memory};
    AACENC_PARAM wanted = {.sampleRate = rate, .bitRate = 1000 * kbps, .nChannels = 1, .adtsUsed = 1};
    if (voGetAACEncAPI(&a->api) != VO_ERR_NONE || a->api.Init(&a->encoder, VO_AUDIO_CodingAAC, &user) != VO_ERR_NONE)
        return ev_fail(err, EV_E_MEMORY, "out of memory: AAC encoder");
    if (a->api.SetParam(a->encoder, VO_PID_AAC_ENCPARAM, &wanted) != VO_ERR_NONE)
        return ev_fail(err, EV_E_ARGUMENT, "cannot set up aac at %d Hz and %d kbit/s", (int)rate, (int)kbps);
    return EV_OK;
}

ev_status ev_aac_create(ev_aac **out, int32_t rate, int32_t kbps, ev_error *err) {
    const int32_t most = kbps_most(rate);
    if (kbps == 0) kbps = KBPS_USUAL < most ? KBPS_USUAL : most;
    if (kbps < KBPS_LEAST || kbps > most)
        return ev_fail(err, EV_E_ARGUMENT, "bitrate_kbps %d is not in %d to %d, which aac has at %d Hz", (int)kbps,
                       KBPS_LEAST, (int)most, (int)rate);
    ev_aac *a = calloc(1, sizeof(*a));
    if (!a) return ev_fail(err, EV_E_MEMORY, "out of memory: AAC encoder");
    a->memory = (VO_MEM_OPERATOR){
        .Alloc = cmnMemAlloc, .Free = cmnMemFree, .Set = cmnMemSet, .Copy = cmnMemCopy, .Check = cmnMemCheck};
    ev_status status = set_up(a, rate, kbps, err);
    if (status)
        ev_aac_free(&a);
    else
        *out = a;
    return status;
}

/* The full frame to bytes, if the encoder gives some already. */
static ev_status encode_frame(ev_aac *a, ev_buf *made, ev_error *err) {
    assert(a->encoder && a->filled <= FRAME);
    unsigned char bytes[FRAME_BYTES_MAX];
    VO_CODECBUFFER in = {.Buffer = (VO_PBYTE)a->frame, .Length = sizeof(a->frame)};
    VO_CODECBUFFER out = {.Buffer = bytes, .Length = sizeof(bytes)};
    VO_AUDIO_OUTPUTINFO info = {0};
    a->filled = 0;
    if (a->api.SetInputData(a->encoder, &in) != VO_ERR_NONE)
        return ev_fail(err, EV_E_IO, "the aac encoder takes no samples");
    const VO_U32 result = a->api.GetOutputData(a->encoder, &out, &info);
    if (result != VO_ERR_NONE && result != VO_ERR_INPUT_BUFFER_SMALL)
        return ev_fail(err, EV_E_IO, "the aac encoder failed: 0x%08lx", (unsigned long)result);
    if (result == VO_ERR_NONE) ev_buf_append(made, bytes, out.Length);
    return EV_OK;
}

ev_status ev_aac_write(ev_aac *a, const int16_t *samples, size_t count, ev_buf *made, ev_error *err) {
    assert(a->filled < FRAME);
    ev_status status = EV_OK;
    a->any |= count > 0;
    for (size_t at = 0; at < count && !status;) {
        const size_t room = FRAME - a->filled, now = count - at < room ? count - at : room;
        memcpy(a->frame + a->filled, samples + at, now * sizeof(*samples));
        a->filled += now;
        at += now;
        if (a->filled == FRAME) status = encode_frame(a, made, err);
    }
    return status;
}

ev_status ev_aac_finish(ev_aac *a, ev_buf *made, ev_error *err) {
    assert(a->filled < FRAME);
    ev_status status = EV_OK;
    if (!a->any) return EV_OK; /* no sound, no frame: the caller says so */
    for (int left = FRAMES_HELD + (a->filled > 0); left > 0 && !status; left--) {
        memset(a->frame + a->filled, 0, (FRAME - a->filled) * sizeof(*a->frame));
        status = encode_frame(a, made, err);
    }
    return status;
}

void ev_aac_free(ev_aac **aac) {
    if (!*aac) return;
    if ((*aac)->encoder) (*aac)->api.Uninit((*aac)->encoder);
    free(*aac);
    *aac = NULL;
}
