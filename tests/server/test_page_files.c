/* Tests of the compiled-in page: each file's bytes, type and tag, and what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/api/page.h"

/* The file behind a path of the page, read from web/; its size in *size. The caller frees it. */
static unsigned char *read_source(const char *path, size_t *size) {
    char name[4096];
    const char *page = strcmp(path, "/") == 0 ? "index.html"
                       : strchr(path, '.')    ? ""
                                              : ".html"; /* "/docs" is docs.html */
    snprintf(name, sizeof(name), "%s/../web%s%s", EV_TEST_DIR, path, page);
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, (1 << 20) - 1, file);
    fclose(file);
    return bytes;
}

static void files_are_those_of_web(void **state) {
    (void)state;
    assert_true(sv_page_file_count >= 4);
    for (size_t i = 0; i < sv_page_file_count; i++) {
        const sv_page_file *file = &sv_page_files[i];
        assert_ptr_equal(sv_page_find(file->path), file);
        size_t size;
        unsigned char *bytes = read_source(file->path, &size);
        assert_int_equal(file->size, size);
        assert_memory_equal(file->data, bytes, size);
        free(bytes);
    }
}

static void types_and_tags(void **state) {
    (void)state;
    assert_string_equal(sv_page_find("/")->content_type, "text/html; charset=utf-8");
    assert_string_equal(sv_page_find("/app.js")->content_type, "text/javascript; charset=utf-8");
    assert_string_equal(sv_page_find("/style.css")->content_type, "text/css; charset=utf-8");
    assert_string_equal(sv_page_find("/favicon.svg")->content_type, "image/svg+xml");
    for (size_t i = 0; i < sv_page_file_count; i++) {
        const char *tag = sv_page_files[i].etag;
        assert_int_equal(strlen(tag), 18);
        assert_true(tag[0] == '"' && tag[17] == '"');
        for (size_t j = 0; j < i; j++) assert_string_not_equal(tag, sv_page_files[j].etag);
    }
}

static void other_paths_are_not_there(void **state) {
    (void)state;
    const char *paths[] = {"", "/index.htm", "/app.js?", "/app.js/", "app.js", "/../CMakeLists.txt", "//", "/APP.JS"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) assert_null(sv_page_find(paths[i]));
}

/* What the policy forbids must not be in the page. */
static void page_keeps_to_its_policy(void **state) {
    (void)state;
    assert_non_null(strstr(SV_PAGE_CSP, "default-src 'none'"));
    assert_null(strstr(SV_PAGE_CSP, "unsafe"));
    size_t size;
    unsigned char *bytes = read_source("/", &size);
    bytes[size] = '\0';
    const char *html = (const char *)bytes, *forbidden[] = {"<style", " style=", " onclick=", "http:", "https:"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) assert_null(strstr(html, forbidden[i]));
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_those_of_web),
        cmocka_unit_test(types_and_tags),
        cmocka_unit_test(other_paths_are_not_there),
        cmocka_unit_test(page_keeps_to_its_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
