/* guard: what stands between untrusted clients and the service. Each guard is alone in its files, knows nothing of
 * HTTP and decides on plain values: bytes, addresses, times.
 *
 *   address.c       whose request is it: peer or forwarded client, its account; which addresses are public, or ours
 *   limit.c         may it have n more: token buckets in a table of bounded size
 *   keys.c          whose is this secret, and what may they do
 *   words*.c        does the text hold a listed word, however it is disguised
 *   sounds.c        would one be heard when it is spoken
 *   names.c         may something be called that
 *   fetch.c         bytes from an untrusted client's URL, never from inside our own network
 *   decode*.c       sound from an untrusted client's bytes, in a process that may crash
 *
 * peer, X-Forwarded-For -> client -> account -+
 * Authorization -> key -> account, scopes ----+-> limit -> text -> words ............ -> speech
 *                                                       -> URL -> fetch -> decode .. -> voice
 *
 * Owner:   as in emotivoice.h: what a maker gives is freed by its _free, which takes NULL and sets NULL.
 * Threads: tables (networks, keys, words) never change once made: share them. Limiter, keyring and decoder lock
 *          inside. sv_fetch keeps nothing between calls.
 * Errors:  a line for the operator (files, options) names file, line and fix; a line for an untrusted client tells
 *          nothing about our network.
 */
#ifndef SV_GUARD_H
#define SV_GUARD_H

#include "base/base.h"

struct sockaddr;

/* ---- address ---- */

typedef struct sv_address {
    unsigned char octets[16]; /* IPv6; IPv4 lies here as ::ffff:a.b.c.d, so that both spellings are one address */
} sv_address;

typedef struct sv_network {
    sv_address base;
    unsigned bits; /* leading bits of octets that count */
} sv_network;

typedef struct sv_networks { /* starts as {0}, which holds nobody */
    sv_network *items;       /* owned */
    size_t count;
} sv_networks;

#define SV_ADDRESS_TEXT 48 /* bytes of the longest address as text, with its NUL */
#define SV_ACCOUNT_SIZE 64 /* bytes of the longest account, with its NUL */

/* "192.0.2.1" (four decimal fields, nothing shorter), "2001:db8::1"; with a port "192.0.2.1:80", "[2001:db8::1]:80".
 */
bool sv_address_parse(sv_address *out, const char *text, size_t bytes);
bool sv_address_of(sv_address *out, const struct sockaddr *peer); /* false unless AF_INET or AF_INET6 */
void sv_address_text(const sv_address *address, char out[SV_ADDRESS_TEXT]);

/* "10.0.0.0/8, 2001:db8::/32, 192.0.2.1": split by commas or spaces. Bits behind the prefix must be zero.
 * EV_E_ARGUMENT names the entry. */
ev_status sv_networks_parse(sv_networks *out, const char *list, ev_error *err);
bool sv_networks_contain(const sv_networks *networks, const sv_address *address);
void sv_networks_free(sv_networks *networks);

/* Who asks: the peer, or, where the peer is a trusted proxy, the first hop from the right of X-Forwarded-For that is
 * not one. Several header lines are joined with commas, in their order. What cannot be read ends the walk at the last
 * hop that could. forwarded_for may be NULL. */
sv_address sv_address_client(const sv_address *peer, const char *forwarded_for, const sv_networks *trusted);
/* What limits count by: an IPv4 address, or the /64 an IPv6 address lies in (one customer has all of it). */
void sv_address_account(const sv_address *address, char out[SV_ACCOUNT_SIZE]);
/* Whom an account is part of: a /64 of its /48, which is what a provider gives to one customer; all others of
 * themselves. true: it is an address's, not a key's. */
bool sv_account_site(const char *account, char out[SV_ACCOUNT_SIZE]);
/* Only global unicast: not private, loopback, link-local, documentation, multicast ..., nor one of those wrapped in
 * an IPv4-mapped, IPv4-compatible, NAT64 or 6to4 address. */
bool sv_address_public(const struct sockaddr *address);
/* An interface of this host has it now, also wrapped so; where the interfaces cannot be asked, any. */
bool sv_address_own(const struct sockaddr *address);

/* ---- limit ---- */

typedef struct sv_limiter sv_limiter;
typedef struct sv_rate {
    double per_s; /* tokens that come back in a second; 0: none */
    double burst; /* tokens of a full bucket, >= 1 */
} sv_rate;
#define SV_RATE_ANONYMOUS ((sv_rate){5, 10}) /* requests of a client without a key */
#define SV_ACCOUNTS_MAX   100000

typedef struct sv_grant {
    bool ok;
    double remaining;        /* tokens left; below zero while a grant larger than the burst is paid back */
    uint64_t retry_after_ms; /* when the same n may be had if nobody else asks; 0 if ok; UINT64_MAX: never */
} sv_grant;

/* accounts_max 0: SV_ACCOUNTS_MAX. Beyond it the account that was quiet longest is forgotten (its bucket full again);
 * memory is bounded by it, about 120 bytes each. EV_E_MEMORY, EV_E_ARGUMENT. */
ev_status sv_limiter_create(sv_limiter **out, size_t accounts_max, ev_error *err);
void sv_limiter_free(sv_limiter **limiter);
/* Takes n > 0 tokens from the account's bucket, all or none. More than the burst is granted from a full bucket, which
 * then owes the rest. The rate may differ from the last call's. now_us is any clock that runs forward; where two
 * threads disagree, the later counts. Accounts of SV_ACCOUNT_SIZE bytes and more are cut. Any thread. */
sv_grant sv_limiter_take(sv_limiter *limiter, const char *account, sv_rate rate, double n, uint64_t now_us);
/* Gives back what was taken and not used; the bucket holds no more than the burst. */
void sv_limiter_refund(sv_limiter *limiter, const char *account, sv_rate rate, double n, uint64_t now_us);
/* Takes what was used beyond what was taken before: the bucket may owe any amount. */
void sv_limiter_charge(sv_limiter *limiter, const char *account, sv_rate rate, double n, uint64_t now_us);

/* What a service of several processes counts together: each takes from a table of its own, tells the others now and
 * then what it took, and is told what all have left. */
typedef struct sv_limiter_change {
    char account[SV_ACCOUNT_SIZE];
    sv_rate rate;
    double taken; /* less what was given back */
} sv_limiter_change;
ev_status sv_limiter_share(sv_limiter *limiter, ev_error *err); /* changes are noted from now on. EV_E_MEMORY */
/* Accounts whose buckets changed since they were shared last, at most `most`; 0: none. */
size_t sv_limiter_changes(sv_limiter *limiter, sv_limiter_change *out, size_t most);
/* What all have left of an account, as far as its changes were shared: its bucket holds no more than that. */
void sv_limiter_clamp(sv_limiter *limiter, const char *account, sv_rate rate, double tokens, uint64_t now_us);
size_t sv_limiter_accounts(sv_limiter *limiter);

/* ---- keys ---- */

enum { SV_SCOPE_SPEAK = 1, SV_SCOPE_VOICES = 2 };
enum { SV_KEY_PREFIX = 8, SV_KEY_DIGITS = 43, SV_KEY_SECRET = 3 + SV_KEY_DIGITS, SV_KEYS_BYTES_MAX = 16 << 20 };
enum { SV_KEY_NAME_MAX = 63 };

typedef struct sv_key {
    char prefix[SV_KEY_PREFIX + 1]; /* public: the first characters of the secret */
    unsigned char sha256[32];       /* of the whole secret */
    unsigned scopes;                /* SV_SCOPE_* */
    char name[SV_KEY_NAME_MAX + 1]; /* whose it is; [A-Za-z0-9._-] */
    double rate;                    /* requests per second; 0: the service's default */
    double audio_s;                 /* seconds of speech per hour; 0: no limit of its own */
    double weight;                  /* of its share when many wait; 1 is usual */
} sv_key;

typedef struct sv_keys sv_keys;       /* one reading of a key file; immutable, counted */
typedef struct sv_keyring sv_keyring; /* the table in force; it may be swapped while it is used */

/* One key a line: `prefix sha256 scopes name [rate=N] [audio_s=N] [weight=N]`, scopes such as "speak,voices"; '#'
 * begins a comment. Two keys may have one name, so that a key can be replaced before it is withdrawn.
 * EV_E_IO; EV_E_FORMAT with file, line, fault and fix. */
ev_status sv_keys_load(sv_keys **out, const char *path, ev_error *err);
ev_status sv_keys_parse(sv_keys **out, const char *text, size_t bytes, const char *label, ev_error *err);
size_t sv_keys_count(const sv_keys *keys);
const sv_key *sv_keys_at(const sv_keys *keys, size_t i); /* in the order of their prefixes */
/* The key of an Authorization value "Bearer ev_...", or NULL. It lives as long as the table. The hashes are compared
 * in constant time. */
const sv_key *sv_keys_find(const sv_keys *keys, const char *authorization);
void sv_keys_unref(sv_keys **keys); /* gives one hold back; the last frees */

/* A new secret of 256 random bits, to be shown once, and the two fields of its line. EV_E_IO: no randomness. */
ev_status sv_key_make(char secret[SV_KEY_SECRET + 1], char prefix[SV_KEY_PREFIX + 1], char sha256[65], ev_error *err);
bool sv_key_name_valid(const char *name);
/* "speak,voices" to SV_SCOPE_* bits; 0 if one is unknown or none is given. */
unsigned sv_scopes_parse(const char *list, size_t bytes);

ev_status sv_keyring_create(sv_keyring **out, ev_error *err); /* holds no keys */
void sv_keyring_swap(sv_keyring *ring, sv_keys **keys);       /* takes the caller's hold and sets it NULL */
sv_keys *sv_keyring_ref(sv_keyring *ring);                    /* the table in force (NULL: none); sv_keys_unref it */
void sv_keyring_free(sv_keyring **ring);

/* ---- words ---- */

typedef struct sv_words sv_words;
typedef struct sv_word_hit {
    const char *rule; /* lives with the words */
    size_t byte_begin, byte_end;
} sv_word_hit;

#define SV_WORDS_BYTES_MAX (64 << 20) /* of a list */

/* One word or phrase a line; '#' begins a line of comment; "id: word" names the rule, else it is "line-N". A word of
 * an alphabet is found between word boundaries only; "word*", "*word", "*word*" open its ends.
 * EV_E_IO; EV_E_FORMAT with file, line, fault and fix. */
ev_status sv_words_load(sv_words **out, const char *path, ev_error *err);
ev_status sv_words_parse(sv_words **out, const char *text, size_t bytes, const char *label, ev_error *err);
size_t sv_words_count(const sv_words *words);
/* Finds listed words: hits[i] for i < min(*count, hits_max), as ranges of the caller's text, first what is found in
 * the text as it stands; *count 0: clean; above hits_max it says only that there are more. Neither hits nor errors
 * hold any of the text. A pause between letters, as the engine writes them ([pause:1ms]), is passed over.
 * EV_E_TEXT: not UTF-8; EV_E_LIMIT: over 2 GiB; EV_E_MEMORY. Any thread. */
ev_status sv_words_find(const sv_words *words, const char *text, size_t bytes, sv_word_hit *hits, size_t hits_max,
                        size_t *count, ev_error *err);
/* Where the text first gives phones, [word](/phones/): they may say any word, whatever is written. False: nowhere. */
bool sv_words_phones(const char *text, size_t bytes, size_t *byte_begin, size_t *byte_end);
void sv_words_free(sv_words **words);

/* The same list by its sound: the words as the engine's front-end reads them, found in what it reads the text as. So
 * gaps of any kind and length, numbers and other spellings of the same sounds hide nothing that would be heard. */
typedef struct sv_sounds sv_sounds;
/* Borrows both, which must outlive it. A word that has no sound (another script) is not in it. EV_E_MEMORY. */
ev_status sv_sounds_create(sv_sounds **out, const sv_words *words, const ev_model *model, ev_error *err);
/* In what the request's text will be spoken as, by its markup and dictionaries. *hit is the first, if *found; a word
 * whose phones are given is one too, with the rule SV_RULE_PHONES: they may say any word. A text that cannot be
 * spoken holds none. EV_E_MEMORY. Any thread. */
#define SV_RULE_PHONES "given phones"
ev_status sv_sounds_find(const sv_sounds *sounds, const ev_request *request, sv_word_hit *hit, bool *found,
                         ev_error *err);
void sv_sounds_free(sv_sounds **sounds);

/* ---- names ---- */

/* UTF-8 that shows: at least one visible character, no control, nothing that turns the reading direction, no
 * separator of lines, nothing unassigned. */
bool sv_name_shown(const char *name);

/* ---- fetch ---- */

typedef struct sv_fetch_options { /* borrowed for the call */
    bool http;                    /* plain http too; default false: https alone */
    bool listed_only;             /* default false: any public address but our own; true: what the two lists name */
    /* "a.example *.b.example c.example:8443": hosts that may have private addresses, or our own, and the ports
     * that they may be asked at besides the usual ones; default NULL */
    const char *hosts;
    sv_networks networks;  /* private ones, or of our own, that may be asked; default nobody */
    const uint16_t *ports; /* besides 443, and 80 with http */
    size_t port_count;
    size_t bytes_max;       /* default 10 MiB */
    int32_t redirects_max;  /* default 3 */
    int32_t connect_ms;     /* default 3000 */
    int32_t total_ms;       /* default 10000, all redirects together */
    int32_t slow_bytes_s;   /* default 4096: slower than this ... */
    int32_t slow_s;         /* ... for so long (default 3) is given up */
    const char *post;       /* NULL: GET. Else sent as a JSON body; any 2xx is well, and no redirect is followed */
    const char *headers[4]; /* "Name: value", up to the first NULL */
} sv_fetch_options;

typedef enum sv_fetch_end { /* what happened, for logs and counters; never for the untrusted client */
                            SV_FETCH_OK = 0,
                            SV_FETCH_BAD_URL,
                            SV_FETCH_BLOCKED,   /* no public address, or our own: nothing was sent */
                            SV_FETCH_FAILED,    /* no such host, refused, broken, bad certificate */
                            SV_FETCH_TIMEOUT,   /* or too slow */
                            SV_FETCH_STATUS,    /* answered with another status than 200 */
                            SV_FETCH_REDIRECTS, /* too many */
                            SV_FETCH_TOO_LARGE,
                            SV_FETCH_MEMORY
} sv_fetch_end;

void sv_fetch_options_init(sv_fetch_options *options);
/* GETs a URL into *body (starts as {0}; the caller's, also empty on failure); or POSTs to it, then *body stays empty.
 * The address is judged where the connection is opened, after name resolution, so no spelling, name or redirect leads
 * around it. EV_E_ARGUMENT: the URL is none that would be asked, whatever is behind it. EV_E_AUDIO: larger than
 * bytes_max. EV_E_IO: one and the same text for blocked, refused, timed out and every other failure. *end may be
 * NULL. */
ev_status sv_fetch(ev_buf *body, const char *url, const sv_fetch_options *options, sv_fetch_end *end, ev_error *err);

/* ---- formats ---- */

/* Whether a recording is of a kind that is listed, "wav mp3", by its first bytes. EV_E_FORMAT: it is of another one
 * (the message names it, and those that are taken). What is of no known kind is let through: decoding says why it is
 * none. */
ev_status sv_formats_check(const char *list, const void *bytes, size_t size, ev_error *err);

/* ---- decode ---- */

typedef struct sv_decoder sv_decoder;

#define SV_DECODE_BYTES_MAX   (10 << 20)
#define SV_DECODE_SECONDS_MAX 30
#define SV_DECODE_WALL_MS     3000

/* The helper process's whole life: one file from stdin, its sound to stdout, as nobody, under limits on memory, time
 * and system calls. Where these cannot be filtered it reads nothing, unless may_lack_filter. The program calls it,
 * before starting anything else, when its argv asks for it; returns the exit status. */
int sv_decoder_child_main(bool may_lack_filter);

/* helpers: files decoded at once, 1..64; as many processes wait ready. argv starts one: {"/proc/self/exe", "...",
 * NULL}; the strings are copied. Tries one, so that a wrong argv shows here: EV_E_IO. */
ev_status sv_decoder_create(sv_decoder **out, const char *const *argv, int helpers, ev_error *err);
/* ev_audio_decode of up to SV_DECODE_SECONDS_MAX s, with its errors, but a file that crashes, hangs or fills the
 * memory of its reader is only EV_E_AUDIO, and so is more than SV_DECODE_BYTES_MAX. EV_E_MEMORY: also where no
 * process could be started. Waits while all helpers are busy. Any thread. */
ev_status sv_decode_audio(sv_decoder *decoder, const void *bytes, size_t size, ev_audio *out, ev_error *err);
uint64_t sv_decoder_deaths(sv_decoder *decoder); /* helpers that crashed, hung or lied: for a counter */
void sv_decoder_free(sv_decoder **decoder);      /* no call may be running */

#endif
