/* Fuzzes what reads addresses: a parsed address is written and read back as itself; a network list that is accepted
 * holds its own bases; a forwarded client is the peer or somebody the header names, and nobody where none is trusted.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/guard/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool same(const sv_address *a, const sv_address *b) { return memcmp(a, b, sizeof(*a)) == 0; }

static void check_address(const sv_address *a) {
    char text[SV_ADDRESS_TEXT], account[SV_ACCOUNT_SIZE];
    sv_address again;
    sv_address_text(a, text);
    if (!sv_address_parse(&again, text, strlen(text)) || !same(a, &again)) abort();
    sv_address_account(a, account);
    if (strncmp(account, "ip:", 3) != 0 || strlen(account) >= SV_ACCOUNT_SIZE) abort();
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    memcpy(&six.sin6_addr, a->octets, sizeof(a->octets));
    const bool open = sv_address_public((const struct sockaddr *)&six);
    if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) { /* one address, one judgement */
        struct sockaddr_in four = {.sin_family = AF_INET};
        memcpy(&four.sin_addr, a->octets + 12, 4);
        if (sv_address_public((const struct sockaddr *)&four) != open) abort();
    }
}

static void check_networks(const char *list) {
    sv_networks networks;
    if (sv_networks_parse(&networks, list, NULL) != EV_OK) return;
    for (size_t i = 0; i < networks.count; i++)
        if (networks.items[i].bits > 128 || !sv_networks_contain(&networks, &networks.items[i].base)) abort();
    sv_networks_free(&networks);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const sv_networks nobody;
    static sv_networks proxies;
    if (!proxies.count && sv_networks_parse(&proxies, "10.0.0.0/8 fd00::/8", NULL) != EV_OK) abort();
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    sv_address a;
    if (sv_address_parse(&a, text, size)) check_address(&a);
    check_networks(text);
    const sv_address peer = {{0xfd, 1}};
    const sv_address client = sv_address_client(&peer, text, &proxies);
    check_address(&client);
    const sv_address unbelieved = sv_address_client(&peer, text, &nobody);
    if (!same(&unbelieved, &peer)) abort();
    free(text);
    return 0;
}
