/* phones: what a text will be spoken as, without speaking it. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(phones_values, field)

typedef struct phones_values {
    const char *language, *model, *file, *markup, *audio_tags, *lexicon;
    bool json, quiet;
} phones_values;

static const char *const languages[] = {"auto", "en", "zh", NULL};

static const cli_option options[] = {
    {.name = "language",
     .letter = 'l',
     .kind = CLI_CHOICE,
     .offset = AT(language),
     .choices = languages,
     .help = "how to read digits and symbols that stand alone"},
    {.name = "file",
     .letter = 'f',
     .kind = CLI_STRING,
     .offset = AT(file),
     .value = "FILE",
     .help = "read the text from FILE, in place of TEXT"},
    CLI_OPTIONS_READING(phones_values),
    CLI_OPTION_MODEL(phones_values),
    CLI_OPTION_JSON(phones_values,
                    "one JSON object: sentences with their phones, words with what is spoken for them, "
                    "omissions; all with byte ranges in the text"),
    CLI_OPTION_QUIET(phones_values),
    {.name = NULL}};

static const cli_example examples[] = {
    {"emotivoice phones \"Dr. Smith lives at 221B Baker St.\"", "how will this be read?"},
    {"emotivoice phones --json \"我有 3 个 apples\"", "words, languages and byte ranges for a program"},
    {NULL, NULL}};

static void init(void *values) {
    phones_values *v = values;
    v->language = languages[0];
    v->markup = cli_markups[EV_MARKUP_AUTO];
    v->audio_tags = cli_audio_tags[EV_AUDIO_TAGS_SPEAK];
}

static void put_range(ev_json *json, size_t begin, size_t end) {
    ev_json_integer(json, "byte_begin", (int64_t)begin);
    ev_json_integer(json, "byte_end", (int64_t)end);
}

/* The words of a sentence as they are spoken: "I have three apples", with no spaces between Chinese words. */
static void put_normalised(ev_json *json, const ev_phones *phones, const ev_sentence *sentence) {
    ev_buf text = {0};
    const ev_word *before = NULL;
    for (size_t i = 0; i < phones->word_count; i++) {
        const ev_word *word = &phones->words[i];
        if (word->phone_begin < sentence->phone_begin || word->phone_end > sentence->phone_end) continue;
        bool both_chinese =
            before != NULL && strcmp(before->language, "zh") == 0 && strcmp(word->language, "zh") == 0;
        ev_buf_printf(&text, "%s%s", before != NULL && !both_chinese ? " " : "", word->spoken);
        before = word;
    }
    ev_json_text(json, "normalised", (const char *)text.data, text.size);
    json->out->failed |= text.failed;
    ev_buf_free(&text);
}

static void put_phone(ev_json *json, const ev_phone *phone) {
    ev_json_open(json, NULL, '{');
    ev_json_string(json, "name", phone->name);
    ev_json_integer(json, "token", phone->token);
    ev_json_integer(json, "word", phone->word);
    if (phone->pause_ms > 0) ev_json_integer(json, "pause_ms", phone->pause_ms);
    put_range(json, phone->byte_begin, phone->byte_end);
    ev_json_close(json, '}');
}

static void put_sentences(ev_json *json, const ev_phones *phones) {
    ev_json_open(json, "sentences", '[');
    for (size_t i = 0; i < phones->sentence_count; i++) {
        const ev_sentence *sentence = &phones->sentences[i];
        ev_json_open(json, NULL, '{');
        put_range(json, sentence->byte_begin, sentence->byte_end);
        if (sentence->voice) ev_json_string(json, "voice", sentence->voice);
        put_normalised(json, phones, sentence);
        ev_json_open(json, "phones", '[');
        for (size_t p = sentence->phone_begin; p < sentence->phone_end; p++) put_phone(json, &phones->phones[p]);
        ev_json_close(json, ']');
        ev_json_close(json, '}');
    }
    ev_json_close(json, ']');
}

static void put_words(ev_json *json, const ev_phones *phones, const char *text) {
    ev_json_open(json, "words", '[');
    for (size_t i = 0; i < phones->word_count; i++) {
        const ev_word *word = &phones->words[i];
        ev_json_open(json, NULL, '{');
        ev_json_text(json, "text", text + word->byte_begin, word->byte_end - word->byte_begin);
        ev_json_string(json, "spoken", word->spoken);
        ev_json_string(json, "language", word->language);
        put_range(json, word->byte_begin, word->byte_end);
        ev_json_integer(json, "phone_begin", (int64_t)word->phone_begin);
        ev_json_integer(json, "phone_end", (int64_t)word->phone_end);
        ev_json_close(json, '}');
    }
    ev_json_close(json, ']');
}

static int print_json(const ev_phones *phones, const cli_text *text, const char *language) {
    ev_buf report = {0};
    ev_json json = {.out = &report};
    ev_json_open(&json, NULL, '{');
    ev_json_text(&json, "text", text->bytes, text->size);
    ev_json_string(&json, "language", language);
    put_sentences(&json, phones);
    put_words(&json, phones, text->bytes);
    ev_json_open(&json, "omissions", '[');
    for (size_t i = 0; i < phones->omission_count; i++) {
        const ev_omission *omission = &phones->omissions[i];
        ev_json_open(&json, NULL, '{');
        ev_json_string(&json, "reason", omission->reason);
        if (omission->spoken) ev_json_string(&json, "spoken", omission->spoken);
        ev_json_text(&json, "text", text->bytes + omission->byte_begin, omission->byte_end - omission->byte_begin);
        put_range(&json, omission->byte_begin, omission->byte_end);
        ev_json_close(&json, '}');
    }
    ev_json_close(&json, ']');
    ev_json_close(&json, '}');
    return cli_output_text(stdout, &report);
}

/* One line a sentence; what is left out is reported on the side, once. */
static void print_tokens(const ev_phones *phones, bool quiet) {
    for (size_t i = 0; i < phones->sentence_count; i++) {
        const ev_sentence *sentence = &phones->sentences[i];
        for (size_t p = sentence->phone_begin; p < sentence->phone_end; p++) {
            if (p > sentence->phone_begin) putchar(' ');
            fputs(phones->phones[p].name, stdout);
            if (phones->phones[p].pause_ms > 0) printf(":%dms", phones->phones[p].pause_ms);
        }
        putchar('\n');
    }
    if (quiet || phones->omission_count == 0) return;
    const ev_omission *first = &phones->omissions[0];
    cli_note("%s: %s at byte %zu%s: --json lists all", first->spoken ? "spoken otherwise" : "not spoken",
             first->reason, first->byte_begin, phones->omission_count > 1 ? ", and more" : "");
}

static int run_phones(const void *values, const cli_operands *operands) {
    const phones_values *v = values;
    cli_engine engine = {0};
    cli_text text;
    ev_phones *phones = NULL;
    ev_error err = {0};
    ev_request request;
    ev_request_init(&request);
    request.language = strcmp(v->language, "auto") == 0 ? NULL : v->language;
    int code = cli_text_read(&text, operands->count > 0 ? operands->items[0] : NULL, v->file);
    if (code == CLI_OK) code = cli_engine_open(&engine, v->model);
    if (code == CLI_OK) code = cli_engine_reading(&engine, &request, v->markup, v->audio_tags, v->lexicon);
    if (code == CLI_OK) {
        request.text = text.bytes != NULL ? text.bytes : "";
        request.text_bytes = text.size;
        ev_status status = ev_phones_of(&phones, engine.model, &request, &err);
        if (status != EV_OK) code = cli_engine_failed(status, &err, NULL);
    }
    if (code == CLI_OK && v->json) {
        code = print_json(phones, &text, v->language);
    } else if (code == CLI_OK) {
        print_tokens(phones, v->quiet);
    }
    ev_phones_free(&phones);
    cli_text_free(&text);
    cli_engine_close(&engine);
    return code;
}

_Static_assert(sizeof(phones_values) <= CLI_VALUES_MAX, "cli_values is too small");

const cli_command cli_phones = {
    .name = "phones",
    .synopsis = "TEXT|-",
    .summary = "print what a text will be spoken as",
    .description =
        "Prints the tokens that TEXT (- reads it from standard input) will be spoken as, one line a sentence.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(phones_values),
    .init = init,
    .operands_max = 1,
    .run = run_phones};
