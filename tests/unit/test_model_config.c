/* model config: a file's numbers are in range and its networks fit each other, or the error names the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/acoustic.h"

#define SPEAKER                                                                                                      \
    "{\"bins\":80,\"channels\":[64,64,64],\"kernels\":[5,3,1],\"dilations\":[1,2,1],\"attention\":8,\"squeeze\":8,"  \
    "\"res2net_scale\":4,\"embedding\":16}"
#define HIFIGAN(mels)                                                                                                \
    "{\"mels\":" mels                                                                                                \
    ",\"sample_rate\":16000,\"channels\":16,\"rates\":[8,8],\"kernels\":[16,16],\"resblock\":\"2\","                 \
    "\"res_kernels\":[3],\"res_dilations\":[[1,3]],\"pre_kernel\":7,\"post_kernel\":7,\"harmonics\":0,\"post_"       \
    "slope\":0.01}"
#define ISTFT                                                                                                        \
    "{\"family\":\"istft\",\"sample_rate\":24000,\"hop\":300,\"fft\":1200,\"features\":32,\"width\":32,\"hidden\":"  \
    "32,"                                                                                                            \
    "\"blocks\":1,\"kernel\":7,\"highest_hz\":11000,\"speaker\":16,\"emotions\":1,\"parts\":4}"
#define NET                                                                                                          \
    "\"symbols\":9,\"text_width\":32,\"text_passes\":1,\"width\":32,\"passes\":1,\"heads\":2,\"text_kernel\":5,"     \
    "\"kernel\":7,\"dilations\":[1,2],"
#define TABLE    "\"table\":[[0],[],[8,1,2]]"
#define ACOUSTIC "\"family\":\"convnext\"," NET "\"speaker\":16,\"emotions\":[\"neutral\"]," TABLE

/* A container without a tensor around the configuration. */
static ev_status read_config(ev_config *out, const char *acoustic, const char *vocoder, ev_error *err) {
    char text[4096];
    snprintf(text, sizeof text, "{\"format\":1,\"acoustic\":{%s},\"vocoder\":%s,\"speaker\":%s}", acoustic, vocoder,
             SPEAKER);
    json_t *head = json_pack("{s:{s:s}}", "__metadata__", "emotivoice", text);
    assert_non_null(head);
    char *dumped = json_dumps(head, JSON_COMPACT);
    const uint64_t length = strlen(dumped);
    char *bytes = malloc(8 + length);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, dumped, length);
    ev_container *c = NULL;
    if (ev_container_parse(&c, bytes, 8 + length, err) != EV_OK) fail_msg("%s", err->message);
    const ev_status s = ev_config_read(out, c, err);
    ev_container_free(&c);
    free(bytes);
    free(dumped);
    json_decref(head);
    return s;
}

static void a_good_one_is_read(void **state) {
    (void)state;
    ev_config c;
    ev_error err = {0};
    if (read_config(&c, ACOUSTIC, HIFIGAN("33"), &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(strcmp(c.acoustic.family->name, "convnext"), 0);
    assert_int_equal(c.acoustic.tokens, 3);
    assert_int_equal(c.acoustic.channels, 33); /* features and energy */
    assert_int_equal(c.acoustic.frame_blocks, 2);
    ev_config_free(&c);
}

static void expect(const char *acoustic, const char *vocoder, const char *why) {
    ev_config c;
    ev_error err = {0};
    if (read_config(&c, acoustic, vocoder, &err) != EV_E_FORMAT) fail_msg("accepted: %s", acoustic);
    if (!strstr(err.message, why)) fail_msg("%s: says \"%s\"", why, err.message);
    assert_null(c.json);
}

/* ACOUSTIC with one part replaced. */
static void expect_instead(const char *part, const char *other, const char *why) {
    char text[2048];
    const char *at = strstr(ACOUSTIC, part);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - ACOUSTIC), ACOUSTIC, other, at + strlen(part));
    expect(text, HIFIGAN("33"), why);
}

static void bad_ones_are_named(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"\"convnext\"", "\"transformer\"", "\"family\" must be"},
        {"\"convnext\"", "7", "\"family\" must be"},
        {"\"symbols\":9", "\"symbols\":0", "\"symbols\" is 0"},
        {"\"symbols\":9", "\"symbols\":8", "\"table[2]\"[0] is not an integer in 0..7"},
        {"[8,1,2]", "[8,-1]", "\"table[2]\"[1] is not"},
        {"[8,1,2]", "[8,1.5]", "\"table[2]\"[1] is not"},
        {"[8,1,2]", "[1,1,1,1,1,1,1,1,1]", "\"table[2]\" must be a list of 0..8"},
        {"[8,1,2]", "\"a\"", "\"table[2]\" must be a list"},
        {"[[0],[],[8,1,2]]", "[]", "\"table\" must list"},
        {"[[0],[],[8,1,2]]", "{}", "\"table\" must list"},
        {"\"text_width\":32", "\"text_width\":48", "\"text_width\" 48 must be a multiple of 16 x heads (2)"},
        {"\"width\":32,\"passes\"", "\"width\":40,\"passes\"", "\"width\" 40 must be"},
        {"\"text_passes\":1", "\"text_passes\":17", "\"text_passes\" is 17"},
        {"\"passes\":1,\"heads\"", "\"passes\":99999999999,\"heads\"", "\"passes\" is 99999999999"},
        {"\"heads\":2", "\"heads\":0", "\"heads\" is 0"},
        {"\"text_kernel\":5", "\"text_kernel\":4", "wanted an odd kernel size"},
        {"\"kernel\":7,\"dil", "\"kernel\":33,\"dil", "\"kernel\" is 33"},
        {"[1,2]", "[1,0]", "\"dilations\"[1] is not"},
        {"[1,2]", "[]", "\"dilations\" must be a list"},
        {"\"speaker\":16", "\"speaker\":24", "speaker vectors have 16 floats, the acoustic model takes 24"},
        {"[8,1,2]]", "[8,1,2]],\"question_rise\":13", "\"question_rise\" is"},
        {"[8,1,2]]", "[8,1,2]],\"question_rise\":\"much\"", "\"question_rise\""},
        {"[8,1,2]]", "[8,1,2]],\"emotion_gains_db\":[4]", "\"emotion_gains_db\"[0] is not"},
        {"[8,1,2]]", "[8,1,2]],\"emotion_gains_db\":[]", "\"emotion_gains_db\"[0] is not"},
        {"[8,1,2]]", "[8,1,2]],\"emotion_gains_db\":-3", "\"emotion_gains_db\"[0] is not"},
        {"[\"neutral\"]", "[]", "\"emotions\" must list"},
        {"[\"neutral\"]", "[1]", "\"emotions\"[0] is not a string"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) expect_instead(cases[i][0], cases[i][1], cases[i][2]);
    expect(ACOUSTIC, HIFIGAN("32"), "makes 33 channels a frame, the vocoder takes 32");
}

static void expect_equaliser(const char *vocoder, const char *equaliser, const char *why) {
    char text[2048];
    snprintf(text, sizeof text, "%s,\"equaliser\":%s", vocoder, equaliser);
    expect(ACOUSTIC, text, why);
}

static void an_equaliser_is_read(void **state) {
    (void)state;
    ev_config c;
    ev_error err = {0};
    if (read_config(&c, ACOUSTIC,
                    ISTFT ",\"equaliser\":{\"bands_hz\":[100,1000,7000],\"strength\":0.5,\"limit_db\":8}",
                    &err) != EV_OK)
        fail_msg("%s", err.message);
    assert_int_equal(c.equaliser.bands, 3);
    assert_int_equal(c.equaliser.hz[2], 7000);
    ev_config_free(&c);
    if (read_config(&c, ACOUSTIC, ISTFT ",\"equaliser\":null", &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(c.equaliser.bands, 0);
    ev_config_free(&c);
    expect_equaliser(ISTFT, "{\"strength\":0.5,\"limit_db\":8}", "\"bands_hz\" must be a list of 3..32");
    expect_equaliser(ISTFT, "{\"bands_hz\":[100,1000],\"strength\":0.5,\"limit_db\":8}",
                     "\"bands_hz\" must be a list");
    expect_equaliser(ISTFT, "{\"bands_hz\":[100,1000,9000],\"strength\":0.5,\"limit_db\":8}", "\"bands_hz\"[2]");
    expect_equaliser(ISTFT, "{\"bands_hz\":[100,1000,1100],\"strength\":0.5,\"limit_db\":8}",
                     "\"bands_hz\"[2] must be");
    expect_equaliser(ISTFT, "{\"bands_hz\":[1000,100,7000],\"strength\":0.5,\"limit_db\":8}",
                     "\"bands_hz\"[1] must be");
    expect_equaliser(ISTFT, "{\"bands_hz\":[100,1000,7000],\"strength\":2,\"limit_db\":8}", "\"strength\" is 2");
    expect_equaliser(ISTFT, "{\"bands_hz\":[100,1000,7000],\"strength\":1}", "\"limit_db\" is missing");
    expect_equaliser(HIFIGAN("33"), "{\"bands_hz\":[100,1000,7000],\"strength\":1,\"limit_db\":8}",
                     "an istft vocoder");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_good_one_is_read), cmocka_unit_test(bad_ones_are_named),
                                       cmocka_unit_test(an_equaliser_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
