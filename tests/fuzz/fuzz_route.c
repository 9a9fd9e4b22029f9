/* Fuzzes what stands before a request is read: its path, its client, its key. Four lines: method, path,
 * X-Forwarded-For, Authorization. A row that is found is the path's, with {id} in its place; a client that is not the
 * peer came from a trusted proxy; a key is found by its whole secret and by nothing else. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "server/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const secrets[] = {"ev_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
                                      "ev_0123400000000000000000000000000000000000000",
                                      "ev_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};

static const sv_keys *keys_once(void) {
    static sv_keys *keys;
    ev_buf text = {0};
    for (size_t i = 0; !keys && i < EV_ARRAY_COUNT(secrets); i++) {
        unsigned char hash[32];
        char digits[2 * sizeof hash + 1];
        if (!EVP_Digest(secrets[i], strlen(secrets[i]), hash, NULL, EVP_sha256(), NULL)) abort();
        ev_buf_printf(&text, "%.8s ", secrets[i]);
        ev_hex(hash, sizeof hash, digits);
        ev_buf_printf(&text, "%s speak key%zu\n", digits, i);
    }
    if (!keys && sv_keys_parse(&keys, (const char *)text.data, text.size, "keys", NULL) != EV_OK) abort();
    ev_buf_free(&text);
    return keys;
}

/* By the words of guard.h: "Bearer", blanks, the secret, blanks. */
static size_t secret_of(const char *authorization) {
    if (strncasecmp(authorization, "Bearer ", 7) != 0) return SIZE_MAX;
    authorization += 7 + strspn(authorization + 7, " ");
    for (size_t i = 0; i < EV_ARRAY_COUNT(secrets); i++) {
        const size_t length = strlen(secrets[i]);
        if (strncmp(authorization, secrets[i], length) != 0) continue;
        if (strspn(authorization + length, " ") == strlen(authorization + length)) return i;
    }
    return SIZE_MAX;
}

static void check_key(const char *authorization) {
    char name[8] = "";
    const size_t wanted = secret_of(authorization);
    const sv_key *key = sv_keys_find(keys_once(), authorization);
    if ((key != NULL) != (wanted != SIZE_MAX)) abort();
    snprintf(name, sizeof name, "key%zu", wanted);
    if (key && (strcmp(key->name, name) != 0 || key->scopes != SV_SCOPE_SPEAK)) abort();
}

/* "GET, HEAD" lists HEAD, and neither HE nor "". */
static bool lists(const char *allow, const char *method) {
    char copy[SV_ALLOW_SIZE];
    memcpy(copy, allow, sizeof copy);
    for (char *rest = copy, *save = NULL, *name; (name = strtok_r(rest, ", ", &save)); rest = NULL)
        if (strcmp(name, method) == 0) return true;
    return false;
}

static void check_route(const char *method, const char *path, bool admin) {
    char id[SV_ID_MAX + 1] = "", allow[SV_ALLOW_SIZE] = "", rebuilt[512];
    const sv_route_row *row = sv_route_find(method, path, admin, true, id, allow);
    if (!row) {
        if (id[0] || lists(allow, method)) abort(); /* what was refused is not offered */
        return;
    }
    if (strcmp(row->method, strcmp(method, "HEAD") == 0 ? "GET" : method) != 0 || !row->answer) abort();
    if (row->admin != admin) abort();
    const char *place = strstr(row->path, "{id}");
    if (place) {
        if (!sv_log_id_valid(id)) abort();
        snprintf(rebuilt, sizeof rebuilt, "%.*s%s%s", (int)(place - row->path), row->path, id, place + 4);
        if (strcmp(rebuilt, path) != 0) abort();
    } else if (strcmp(row->path, "/") != 0 && strcmp(row->path, path) != 0) { /* the page's row has many files */
        abort();
    }
}

static void check_client(const char *forwarded) {
    static sv_networks proxies;
    const sv_networks nobody = {0};
    if (!proxies.count && sv_networks_parse(&proxies, "10.0.0.0/8 fd00::/8", NULL) != EV_OK) abort();
    sv_address proxy, untrusted;
    if (!sv_address_parse(&proxy, "10.0.0.1", 8) || !sv_address_parse(&untrusted, "192.0.2.1", 9)) abort();
    const sv_address a = sv_address_client(&untrusted, forwarded, &proxies),
                     b = sv_address_client(&proxy, forwarded, &nobody),
                     c = sv_address_client(&proxy, forwarded, &proxies);
    char account[SV_ACCOUNT_SIZE];
    if (memcmp(&a, &untrusted, sizeof a) != 0 || memcmp(&b, &proxy, sizeof b) != 0) abort();
    sv_address_account(&c, account);
    if (strncmp(account, "ip:", 3) != 0 || strlen(account) >= sizeof account) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char *text = malloc(size + 1), *lines[4], *rest = text;
    if (!text) return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    for (size_t i = 0; i < 4; i++) {
        char *line = strsep(&rest, "\n");
        lines[i] = line ? line : text + size;
    }
    check_route(lines[0], lines[1], false);
    check_route(lines[0], lines[1], true);
    check_client(lines[2]);
    check_key(lines[3]);
    free(text);
    return 0;
}
