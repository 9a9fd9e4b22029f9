/* address: whose request it is. Every address is held as IPv6, with IPv4 in its mapped form, so that "10.0.0.1" and
 * "::ffff:10.0.0.1" cannot be two clients, or pass one check and fail another. Spellings are inet_pton's, which knows
 * no octal, no hexadecimal and no short forms of IPv4. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/guard/guard.h"

static const unsigned char MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const sv_address *a) { return memcmp(a->octets, MAPPED, sizeof(MAPPED)) == 0; }

static sv_address from_v4(const unsigned char octets[4]) {
    sv_address a;
    memcpy(a.octets, MAPPED, sizeof(MAPPED));
    memcpy(a.octets + sizeof(MAPPED), octets, 4);
    return a;
}

/* ---- text ---- */

static bool parse_plain(sv_address *out, const char *text, size_t bytes) {
    char copy[SV_ADDRESS_TEXT];
    if (bytes == 0 || bytes >= sizeof(copy) || memchr(text, '\0', bytes)) return false;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    unsigned char octets[4];
    if (inet_pton(AF_INET6, copy, out->octets) == 1) return true;
    if (inet_pton(AF_INET, copy, octets) != 1) return false;
    *out = from_v4(octets);
    return true;
}

/* 1 to 5 decimal digits; -1 for anything else. */
static int parse_number(const char *text, size_t bytes) {
    int value = 0;
    if (bytes == 0 || bytes > 5) return -1;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static bool is_port(const char *text, size_t bytes) {
    const int port = parse_number(text, bytes);
    return port >= 0 && port <= 65535;
}

bool sv_address_parse(sv_address *out, const char *text, size_t bytes) {
    if (bytes && text[0] == '[') {
        const char *close = memchr(text, ']', bytes);
        if (!close) return false;
        const size_t inner = (size_t)(close - text) - 1, rest = bytes - inner - 2;
        if (rest && (close[1] != ':' || !is_port(close + 2, rest - 1))) return false;
        return memchr(text + 1, ':', inner) && parse_plain(out, text + 1, inner);
    }
    const char *colon = bytes ? memchr(text, ':', bytes) : NULL;
    const size_t before = colon ? (size_t)(colon - text) : bytes;
    /* One colon behind a dotted quad is a port's; IPv6 has two or more, or one that no quad stands before. */
    if (colon && memchr(text, '.', before)) {
        return is_port(colon + 1, bytes - before - 1) && parse_plain(out, text, before);
    }
    return parse_plain(out, text, bytes);
}

bool sv_address_of(sv_address *out, const struct sockaddr *peer) {
    if (!peer) return false;
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof(in));
        *out = from_v4((const unsigned char *)&in.sin_addr);
        return true;
    }
    if (peer->sa_family != AF_INET6) return false;
    struct sockaddr_in6 in;
    memcpy(&in, peer, sizeof(in));
    memcpy(out->octets, &in.sin6_addr, sizeof(out->octets));
    return true;
}

void sv_address_text(const sv_address *a, char out[SV_ADDRESS_TEXT]) {
    if (is_v4(a))
        inet_ntop(AF_INET, a->octets + sizeof(MAPPED), out, SV_ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, a->octets, out, SV_ADDRESS_TEXT);
}

/* ---- networks ---- */

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits) {
    const unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0) return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool has_bits_behind(const sv_network *n) {
    for (unsigned i = n->bits; i < 128; i++) {
        if (n->base.octets[i / 8] & (0x80 >> i % 8)) return true;
    }
    return false;
}

/* One "address" or "address/bits". NULL, or what is wrong with it. */
static const char *parse_network(sv_network *out, const char *text, size_t bytes) {
    const char *slash = memchr(text, '/', bytes);
    const size_t before = slash ? (size_t)(slash - text) : bytes;
    if (!parse_plain(&out->base, text, before))
        return "is not an address or network: write 10.0.0.0/8 or 2001:db8::/32";
    const bool quad = memchr(text, ':', before) == NULL;
    const int most = quad ? 32 : 128, bits = slash ? parse_number(slash + 1, bytes - before - 1) : most;
    if (bits < 0) return "has no prefix length behind '/': write 10.0.0.0/8";
    if (bits > most) return quad ? "has a prefix length above 32" : "has a prefix length above 128";
    out->bits = (unsigned)bits + (quad ? 96 : 0);
    return has_bits_behind(out) ? "has bits set behind its prefix length: write the network's first address" : NULL;
}

ev_status sv_networks_parse(sv_networks *out, const char *list, ev_error *err) {
    *out = (sv_networks){0};
    static const char SPLIT[] = ", \t\r\n";
    ev_buf items = {0};
    for (const char *at = list; *(at += strspn(at, SPLIT)) != '\0';) {
        const size_t bytes = strcspn(at, SPLIT);
        sv_network network;
        const char *fault = parse_network(&network, at, bytes);
        if (fault) {
            ev_buf_free(&items);
            return ev_fail(err, EV_E_ARGUMENT, "'%.*s' %s", (int)(bytes < 60 ? bytes : 60), at, fault);
        }
        ev_buf_append(&items, &network, sizeof(network));
        at += bytes;
    }
    if (items.failed) {
        ev_buf_free(&items);
        return ev_fail(err, EV_E_MEMORY, "out of memory: list of networks");
    }
    out->count = ev_array_count(&items, sv_network);
    out->items = (sv_network *)(void *)items.data;
    return EV_OK;
}

bool sv_networks_contain(const sv_networks *networks, const sv_address *a) {
    for (size_t i = 0; i < networks->count; i++) {
        if (same_bits(networks->items[i].base.octets, a->octets, networks->items[i].bits)) return true;
    }
    return false;
}

void sv_networks_free(sv_networks *networks) {
    free(networks->items);
    *networks = (sv_networks){0};
}

/* ---- client ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

sv_address sv_address_client(const sv_address *peer, const char *forwarded_for, const sv_networks *trusted) {
    sv_address client = *peer;
    size_t end = forwarded_for ? strlen(forwarded_for) : 0;
    /* Each trusted hop vouches for the one before it, which it wrote to its own left, and for nothing further. */
    while (end && sv_networks_contain(trusted, &client)) {
        size_t begin = end;
        while (begin && forwarded_for[begin - 1] != ',') begin--;
        size_t first = begin, last = end;
        while (first < last && is_blank(forwarded_for[first])) first++;
        while (last > first && is_blank(forwarded_for[last - 1])) last--;
        sv_address hop;
        if (!sv_address_parse(&hop, forwarded_for + first, last - first)) break;
        client = hop;
        end = begin ? begin - 1 : 0;
    }
    return client;
}

void sv_address_account(const sv_address *a, char out[SV_ACCOUNT_SIZE]) {
    char text[SV_ADDRESS_TEXT];
    sv_address network = *a;
    const bool v4 = is_v4(a);
    if (!v4) memset(network.octets + 8, 0, 8);
    sv_address_text(&network, text);
    snprintf(out, SV_ACCOUNT_SIZE, "ip:%s%s", text, v4 ? "" : "/64");
}

bool sv_account_site(const char *account, char out[SV_ACCOUNT_SIZE]) {
    sv_address a;
    char text[SV_ADDRESS_TEXT];
    const bool untrusted = strncmp(account, "ip:", 3) == 0;
    snprintf(out, SV_ACCOUNT_SIZE, "%s", account);
    const char *end = untrusted ? strchr(account, '/') : NULL;
    if (!end || !sv_address_parse(&a, account + 3, (size_t)(end - account - 3))) return untrusted;
    memset(a.octets + 6, 0, 10);
    sv_address_text(&a, text);
    snprintf(out, SV_ACCOUNT_SIZE, "ip:%s/48", text);
    return true;
}

/* ---- public ---- */

typedef struct block {
    unsigned char octets[8];
    unsigned bits;
} block;

/* IANA's special-purpose registries; what is private, local, for documentation or not for one receiver. */
static const block DENIED_V4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10}, /* shared by a provider's customers */
    {{127}, 8},
    {{169, 254}, 16}, /* link-local, and where clouds serve their secrets */
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24}, /* 6to4 relays */
    {{192, 168}, 16},
    {{198, 18}, 15}, /* benchmarks */
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};
/* Inside 2000::/3. All else but the wrappers below is not global unicast: ::1, fc00::/7, fe80::/10, ff00::/8 ... */
static const block DENIED_V6[] = {
    {{0x20, 0x01, 0x00}, 23}, /* Teredo, ORCHID, ... */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x3f, 0xff, 0x00}, 20}, /* documentation too */
};

static bool is_denied(const block *blocks, size_t count, const unsigned char *octets) {
    for (size_t i = 0; i < count; i++) {
        if (same_bits(blocks[i].octets, octets, blocks[i].bits)) return true;
    }
    return false;
}

static bool is_public_v4(const unsigned char *octets) {
    return !is_denied(DENIED_V4, EV_ARRAY_COUNT(DENIED_V4), octets);
}

/* The IPv4 address that a mapped, compatible, NAT64 or 6to4 one leads to; any other as it is. */
static sv_address unwrap(const sv_address *a) {
    static const unsigned char COMPATIBLE[12], NAT64[12] = {0x00, 0x64, 0xff, 0x9b}, SIX_TO_FOUR[2] = {0x20, 0x02};
    if (memcmp(a->octets, COMPATIBLE, 12) == 0 || memcmp(a->octets, NAT64, 12) == 0) return from_v4(a->octets + 12);
    return memcmp(a->octets, SIX_TO_FOUR, 2) == 0 ? from_v4(a->octets + 2) : *a;
}

bool sv_address_public(const struct sockaddr *address) {
    sv_address a;
    if (!sv_address_of(&a, address)) return false;
    a = unwrap(&a);
    if (is_v4(&a)) return is_public_v4(a.octets + 12);
    return (a.octets[0] & 0xe0) == 0x20 && !is_denied(DENIED_V6, EV_ARRAY_COUNT(DENIED_V6), a.octets);
}

/* ---- own ---- */

bool sv_address_own(const struct sockaddr *address) {
    struct ifaddrs *interfaces;
    sv_address a, mine;
    bool own = false;
    if (!sv_address_of(&a, address) || getifaddrs(&interfaces) != 0) return true;
    a = unwrap(&a);
    for (const struct ifaddrs *i = interfaces; i && !own; i = i->ifa_next) {
        if (!sv_address_of(&mine, i->ifa_addr)) continue; /* a link without an address, or another family's */
        mine = unwrap(&mine);
        own = memcmp(&mine, &a, sizeof a) == 0;
    }
    freeifaddrs(interfaces);
    return own;
}
