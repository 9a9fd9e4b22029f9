/* store: `emotivoice store check` and `store lifecycle`, of the bucket that a service is to keep its results in. */
#include <string.h>

#include "base/base.h"
#include "options.h"
#include "server/store/stores.h"

enum { TTL_MAX_DAYS = 3650 };

typedef struct store_values {
    float days;
} store_values;

static void init(void *values) { ((store_values *)values)->days = 1; }

static int code_of(ev_status status, const ev_error *err) {
    if (status == EV_OK) return CLI_OK;
    return cli_fail(status == EV_E_ARGUMENT ? CLI_CONFIG : CLI_REMOTE, "%s", err->message);
}

static int run_check(const void *values, const cli_operands *operands) {
    sv_s3 *s3 = NULL;
    ev_error err = {0};
    (void)values;
    ev_status status = sv_s3_open(&s3, &(sv_s3_options){.url = operands->items[0]}, &err);
    if (status == EV_OK) status = sv_s3_check(s3, &err);
    if (status == EV_OK) printf("%s can be listed, written, read and deleted from\n", sv_s3_name(s3));
    sv_s3_close(&s3);
    return code_of(status, &err);
}

static int run_lifecycle(const void *values, const cli_operands *operands) {
    const store_values *v = values;
    ev_buf out = {0};
    ev_error err = {0};
    const ev_status status = sv_stores_lifecycle(operands->items[0], (double)v->days * 86400, &out, &err);
    if (status == EV_OK) fwrite(out.data, 1, out.size, stdout);
    ev_buf_free(&out);
    return code_of(status, &err);
}

static const cli_option check_options[] = {{.name = NULL}};
static const cli_option lifecycle_options[] = {{.name = "days",
                                                .letter = 'd',
                                                .kind = CLI_REAL,
                                                .low = 0.01,
                                                .high = TTL_MAX_DAYS,
                                                .offset = offsetof(store_values, days),
                                                .value = "DAYS",
                                                .help = "the service's store_ttl in days"},
                                               {.name = NULL}};
static const cli_example check_examples[] = {
    {"emotivoice store check s3://media/tts?region=eu-central-1", "with the keys of AWS_ACCESS_KEY_ID ..."},
    {NULL, NULL}};
static const cli_example lifecycle_examples[] = {
    {"emotivoice store lifecycle s3://media/tts > rules.json",
     "for the bucket's owner, who gives them to aws s3api put-bucket-lifecycle-configuration"},
    {NULL, NULL}};

const cli_command cli_store_check = {
    .name = "store check",
    .synopsis = "s3://BUCKET/PREFIX",
    .summary = "say whether a bucket would do as a service's store",
    .description =
        "Lists, writes, reads and deletes an object of its own below the prefix, as the service does at its "
        "start, and says what to change where that does not work.",
    .options = check_options,
    .examples = check_examples,
    .values_size = sizeof(store_values),
    .init = init,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_check};

const cli_command cli_store_lifecycle = {
    .name = "store lifecycle",
    .synopsis = "s3://BUCKET/PREFIX",
    .summary = "print rules by which a bucket forgets old results",
    .description =
        "Prints lifecycle rules as JSON. The service removes what is older than store_ttl itself; the rules "
        "end what it could not, a day later, and uploads that were broken off. Nobody is asked.",
    .options = lifecycle_options,
    .examples = lifecycle_examples,
    .values_size = sizeof(store_values),
    .init = init,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_lifecycle};
