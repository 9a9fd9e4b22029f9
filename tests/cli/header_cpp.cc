// header_cpp: emotivoice.h in a C++ program, included first (it needs nothing before it) and twice (its guard holds).
// Only compiled: that the calls link is the examples' business.
#include "emotivoice.h"
#include "emotivoice.h"

#include <memory>
#include <string>
#include <type_traits>

namespace {

struct ModelFree {
    void operator()(ev_model *model) const { ev_model_free(&model); }
};

std::unique_ptr<ev_model, ModelFree> open_model() {
    ev_model *model = nullptr;
    ev_error error = {};
    return ev_model_open(&model, nullptr, nullptr, &error) == EV_OK ? std::unique_ptr<ev_model, ModelFree>(model)
                                                                     : nullptr;
}

int count_samples(void *user, const float *, size_t count, int) {
    *static_cast<size_t *>(user) += count;
    return 0;
}

static_assert(std::is_standard_layout<ev_request>::value, "requests cross the language border");
static_assert(std::is_same<decltype(&count_samples), ev_chunk_fn>::value, "a C++ function can be the callback");
static_assert(EV_E_NOT_FOUND == -10, "status codes are part of the interface");

} // namespace

int main() {
    auto model = open_model();
    ev_synth *synth = nullptr;
    ev_synth_options options;
    ev_synth_options_init(&options);
    const std::string text = "hello";
    size_t samples = 0;
    ev_request request;
    ev_request_init(&request);
    request.text = text.data();
    request.text_bytes = text.size();
    ev_status status = ev_synth_create(&synth, model.get(), &options, nullptr);
    if (status == EV_OK) status = ev_say_stream(synth, &request, nullptr, count_samples, &samples);
    ev_synth_free(&synth);
    return status == EV_OK ? 0 : 1;
}
