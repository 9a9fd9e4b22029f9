/* vectors: the vectors of recordings that voices were made from, for all processes. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/lock.h"
#include "server/redis/vectors.h"

struct sv_vectors {
    sv_voices *voices;
    double ttl_s;
    ev_mutex lock; /* of the link: voices are made one at a time anyway */
    sv_link link;
};

enum { NAME = 128 };
static_assert(sizeof SV_REDIS_PREFIX ":recording:" + 2 * SV_VECTOR_KEY <= NAME, "a key's name is never cut");

static void name_key(char name[NAME], const char *kind, const unsigned char digest[SV_VECTOR_KEY]) {
    char hex[2 * SV_VECTOR_KEY + 1];
    ev_hex(digest, SV_VECTOR_KEY, hex);
    snprintf(name, NAME, SV_REDIS_PREFIX ":%s:%s", kind, hex);
}

/* The answer; NULL: not now. */
static redisReply *send_command(sv_vectors *v, const sv_args *args) {
    ev_error err = {0};
    ev_mutex_lock(&v->lock);
    redisReply *reply = sv_link_call(&v->link, args, 0, &err);
    ev_mutex_unlock(&v->lock);
    return reply;
}

static void send_and_forget(sv_vectors *v, const sv_args *args) {
    redisReply *reply = send_command(v, args);
    if (reply) freeReplyObject(reply);
}

static size_t get(void *user, const unsigned char key[SV_VECTOR_KEY], unsigned char *packed) {
    char name[NAME];
    sv_args a = {0};
    name_key(name, "vector", key);
    sv_args_text(&a, "GET");
    sv_args_text(&a, name);
    redisReply *reply = send_command(user, &a);
    const bool found = reply && reply->type == REDIS_REPLY_STRING && reply->len <= SV_VECTOR_MAX;
    const size_t size = found ? reply->len : 0;
    if (size) memcpy(packed, reply->str, size);
    if (reply) freeReplyObject(reply);
    return size;
}

static bool name_recordings(char name[NAME], const unsigned char *packed, size_t size) {
    unsigned char digest[SV_VECTOR_KEY];
    if (!EVP_Digest(packed, size, digest, NULL, EVP_sha256(), NULL)) return false;
    name_key(name, "recording", digest);
    return true;
}

/* The way back first: a vector without one could not be forgotten. */
static void put(void *user, const unsigned char key[SV_VECTOR_KEY], const unsigned char *packed, size_t size) {
    assert(size > 0 && size <= SV_VECTOR_MAX);
    sv_vectors *v = user;
    char vector[NAME], recordings[NAME];
    sv_args add = {0}, expire = {0}, set = {0};
    name_key(vector, "vector", key);
    if (!name_recordings(recordings, packed, size)) return;
    sv_args_text(&add, "SADD");
    sv_args_text(&add, recordings);
    sv_args_text(&add, vector);
    redisReply *reply = send_command(v, &add);
    if (!reply) return;
    freeReplyObject(reply);
    sv_args_text(&expire, "EXPIRE");
    sv_args_text(&expire, recordings);
    sv_args_int(&expire, (int64_t)v->ttl_s + 60);
    send_and_forget(v, &expire);
    sv_args_text(&set, "SET");
    sv_args_text(&set, vector);
    sv_args_bytes(&set, packed, size);
    sv_args_text(&set, "EX");
    sv_args_int(&set, (int64_t)v->ttl_s + 1);
    send_and_forget(v, &set);
}

static void drop(void *user, const unsigned char *packed, size_t size) {
    sv_vectors *v = user;
    char name[NAME];
    sv_args members = {0}, remove = {0};
    if (!name_recordings(name, packed, size)) return;
    sv_args_text(&members, "SMEMBERS");
    sv_args_text(&members, name);
    redisReply *reply = send_command(v, &members);
    sv_args_text(&remove, "DEL");
    sv_args_text(&remove, name);
    for (size_t i = 0; reply && i < reply->elements && i < SV_ARGS_MAX - 2; i++)
        sv_args_text(&remove, sv_reply_text(reply, i));
    send_and_forget(v, &remove);
    if (reply) freeReplyObject(reply);
}

ev_status sv_vectors_open(sv_vectors **out, sv_redis *redis, sv_voices *voices, double ttl_s, ev_error *err) {
    sv_vectors *v = *out = calloc(1, sizeof *v);
    if (!v) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *v = (sv_vectors){.voices = voices, .ttl_s = ttl_s, .link = {.redis = redis}};
    ev_mutex_init(&v->lock);
    const sv_vector_cache cache = {.user = v, .get = get, .put = put, .drop = drop};
    if (voices) sv_voices_share(voices, &cache);
    return EV_OK;
}

void sv_vectors_close(sv_vectors **vectors) {
    sv_vectors *v = *vectors;
    *vectors = NULL;
    if (!v) return;
    if (v->voices) sv_voices_share(v->voices, NULL);
    sv_link_close(&v->link);
    ev_mutex_destroy(&v->lock);
    free(v);
}
